/** Operations to let meet, by short names, and the meeting itself. */

import type { Test } from 'tap'
import type { OpenUpload } from '../../src/metadata-store.ts'
import { claimLink, releaseClaim, reportClaim } from '../../src/metadata/operations/claims.ts'
import { commitUpload } from '../../src/metadata/operations/commit.ts'
import { condemnChunks } from '../../src/metadata/operations/garbage.ts'
import { revokeLink } from '../../src/metadata/operations/links.ts'
import { recordReceipts } from '../../src/metadata/operations/receipts.ts'
import { extendLink } from '../../src/metadata/operations/sent.ts'
import { settleLinks } from '../../src/metadata/operations/settle.ts'
import { abandonUpload, openUpload, reserveChunk } from '../../src/metadata/operations/uploads.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  LEASE_MAX_MS,
  LEASE_MS,
  START,
  chunk,
  fileId,
  generation,
  hash,
  passwordOf,
  receipt,
  tokenOf,
  uploadId
} from '../conformance/metadata-fixture.ts'
import { audit } from './audit.ts'
import { meet } from './meeting.ts'
import type { Meeting, Run } from './meeting.ts'

const chunkOf = (name: string) => chunk(name)
/** @param of what it is opened for; default: a link of nobody */
export const open =
  (name: string, of: Pick<OpenUpload, 'space'> = {}): Run =>
  (db) =>
    openUpload(db, {
      id: uploadId(name),
      name,
      mediaType: 'a/b',
      metadata: {},
      openedAt: START,
      expiresAt: EXPIRY,
      ...of
    })
export const reserve =
  (name: string, index: number, of: string): Run =>
  (db) =>
    reserveChunk(db, {
      upload: uploadId(name),
      index,
      chunk: chunkOf(of),
      sizeBytes: CHUNK_BYTES,
      expiresAt: EXPIRY
    })
export const receive =
  (of: string, g: number, ...peers: number[]): Run =>
  (db) =>
    recordReceipts(
      db,
      peers.map((n) => receipt(n, chunkOf(of), generation(g)))
    )
export const abandon =
  (name: string): Run =>
  (db) =>
    abandonUpload(db, uploadId(name))
export const commit =
  (name: string, downloads = 1, password?: string): Run =>
  (db) =>
    commitUpload(db, {
      upload: uploadId(name),
      file: fileId(name),
      sizeBytes: CHUNK_BYTES,
      sha256: hash(name),
      chunkCount: 1,
      uploadedAt: START,
      link: {
        tokenHash: tokenOf(name),
        deleteHash: hash(`delete ${name}`),
        downloads,
        expiresAt: EXPIRY,
        ...(password !== undefined && { password: passwordOf(password) })
      },
      copiesMin: 2,
      hostsMin: 2,
      boots: BOOTS
    })
export const condemn: Run = (db) => condemnChunks(db, 10)
export const settle =
  (now: number): Run =>
  (db) =>
    settleLinks(db, now, 100)
export const claim =
  (secret: string, now = START): Run =>
  (db) =>
    claimLink(db, { tokenHash: tokenOf('a'), claimHash: hash(secret), now, leaseMs: LEASE_MS })
export const claimWith =
  (secret: string, password: string): Run =>
  (db) =>
    claimLink(db, {
      tokenHash: tokenOf('a'),
      claimHash: hash(secret),
      now: START,
      leaseMs: LEASE_MS,
      shown: passwordOf(password).hash
    })
export const release =
  (secret: string): Run =>
  (db) =>
    releaseClaim(db, { tokenHash: tokenOf('a'), claimHash: hash(secret) })
export const report =
  (secret: string, reportId: string, now = START): Run =>
  (db) =>
    reportClaim(db, {
      tokenHash: tokenOf('a'),
      claimHash: hash(secret),
      ranges: [{ start: 0, end: 4 }],
      bytesSent: 4,
      now,
      leaseMs: LEASE_MS,
      leaseMaxMs: LEASE_MAX_MS,
      graceMs: GRACE_MS,
      reportId
    })
export const revoke: Run = (db) =>
  revokeLink(db, { tokenHash: tokenOf('a'), deleteHash: hash('delete a'), now: START })

export const extend =
  (now = START): Run =>
  (db) =>
    extendLink(db, {
      deleteHash: hash('delete a'),
      expiresAt: EXPIRY + LEASE_MS,
      ttlMaxMs: EXPIRY,
      now
    })

export const all =
  (...runs: Run[]): Run =>
  async (db) => {
    for (const run of runs) await run(db)
  }

export const prepared = all(open('a'), reserve('a', -1, 'm'), reserve('a', 0, 'x'))
export const received = all(prepared, receive('m', 1, 1, 2), receive('x', 2, 1, 2))
export const shared = all(received, commit('a'))
export const guarded = all(received, commit('a', 1, 'open sesame'))
export const shared2 = all(received, commit('a', 2))

export const claimedBy = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && 'outcome' in answer && answer.outcome === 'claimed'

/** What happens, and what must be true afterwards beside the audit of the tables. */
export interface Meet {
  prepare: Run
  first: Run
  second: Run
  after?: (meeting: Meeting) => unknown
}

export function testMeetings(t: Test, meetings: Record<string, Meet>): void {
  for (const [name, { prepare, first, second, after }] of Object.entries(meetings)) {
    void t.test(name, async (t) => {
      let points = 0
      for (let at = 0; ; at++) {
        const meeting = await meet(prepare, first, second, at)
        if (meeting === 'over') break
        if (meeting === undefined) continue
        points++
        t.strictSame(audit(meeting.database), [], `at statement ${at}`)
        if (after !== undefined) t.ok(await after(meeting), `at statement ${at}`, pick(meeting))
        meeting.database.close()
      }
      t.ok(points > 0, 'they met')
    })
  }
}

const pick = ({ first, second }: Meeting) => ({ first, second })
