import t from 'tap'
import { claimLink, releaseClaim, reportClaim } from '../../src/metadata/operations/claims.ts'
import { commitUpload } from '../../src/metadata/operations/commit.ts'
import { condemnChunks } from '../../src/metadata/operations/garbage.ts'
import { revokeLink } from '../../src/metadata/operations/links.ts'
import { recordReceipts } from '../../src/metadata/operations/receipts.ts'
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
  receipt,
  tokenOf,
  uploadId
} from '../conformance/metadata-fixture.ts'
import { audit } from './audit.ts'
import { meet } from './meeting.ts'
import type { Meeting, Run } from './meeting.ts'

const chunkOf = (name: string) => chunk(name)
const open =
  (name: string): Run =>
  (db) =>
    openUpload(db, {
      id: uploadId(name),
      name,
      mediaType: 'a/b',
      metadata: {},
      openedAt: START,
      expiresAt: EXPIRY
    })
const reserve =
  (name: string, index: number, of: string): Run =>
  (db) =>
    reserveChunk(db, {
      upload: uploadId(name),
      index,
      chunk: chunkOf(of),
      sizeBytes: CHUNK_BYTES,
      expiresAt: EXPIRY
    })
const receive =
  (of: string, g: number, ...peers: number[]): Run =>
  (db) =>
    recordReceipts(
      db,
      peers.map((n) => receipt(n, chunkOf(of), generation(g)))
    )
const abandon =
  (name: string): Run =>
  (db) =>
    abandonUpload(db, uploadId(name))
const commit =
  (name: string, downloads = 1): Run =>
  (db) =>
    commitUpload(db, {
      upload: uploadId(name),
      file: fileId(name),
      sizeBytes: CHUNK_BYTES,
      sha256: hash(name),
      chunkCount: 1,
      uploadedAt: START,
      link: { tokenHash: tokenOf(name), deleteHash: hash(`delete ${name}`), downloads, expiresAt: EXPIRY },
      copiesMin: 2,
      hostsMin: 2,
      boots: BOOTS
    })
const condemn: Run = (db) => condemnChunks(db, 10)
const settle =
  (now: number): Run =>
  (db) =>
    settleLinks(db, now, 100)
const claim =
  (secret: string, now = START): Run =>
  (db) =>
    claimLink(db, { tokenHash: tokenOf('a'), claimHash: hash(secret), now, leaseMs: LEASE_MS })
const release =
  (secret: string): Run =>
  (db) =>
    releaseClaim(db, { tokenHash: tokenOf('a'), claimHash: hash(secret) })
const report =
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
const revoke: Run = (db) =>
  revokeLink(db, { tokenHash: tokenOf('a'), deleteHash: hash('delete a'), now: START })

const all =
  (...runs: Run[]): Run =>
  async (db) => {
    for (const run of runs) await run(db)
  }

const prepared = all(open('a'), reserve('a', -1, 'm'), reserve('a', 0, 'x'))
const received = all(prepared, receive('m', 1, 1, 2), receive('x', 2, 1, 2))
const shared = all(received, commit('a'))
const shared2 = all(received, commit('a', 2))

const claimedBy = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && 'outcome' in answer && answer.outcome === 'claimed'

/** What happens, and what must be true afterwards beside the audit of the tables. */
const MEETINGS: Record<string, { prepare: Run; first: Run; second: Run; after?: (m: Meeting) => unknown }> = {
  'two claims for one slot: one wins': {
    prepare: shared,
    first: claim('me'),
    second: claim('you'),
    after: ({ first, second }) => claimedBy(first) !== claimedBy(second)
  },
  'one claim made twice: both say yes': {
    prepare: shared,
    first: claim('me'),
    second: claim('me'),
    after: ({ first, second }) => claimedBy(first) && claimedBy(second)
  },
  'one claim made twice where two slots are free: it takes one': {
    prepare: shared2,
    first: claim('me'),
    second: claim('me'),
    after: async ({ first, second, plain }) =>
      claimedBy(first) && claimedBy(second) && claimedBy(await claim('you')(plain))
  },
  'a claim while the link is revoked': {
    prepare: shared,
    first: claim('me'),
    second: revoke,
    after: ({ first }) => !claimedBy(first)
  },
  'a claim while the link expires': {
    prepare: shared,
    first: claim('me', EXPIRY - 1),
    second: settle(EXPIRY),
    after: ({ first }) => !claimedBy(first)
  },
  'expiring a link that is being claimed': {
    prepare: shared,
    first: settle(EXPIRY),
    second: claim('me', EXPIRY - 1),
    after: async ({ plain }) => claimedBy(await claim('me', EXPIRY)(plain))
  },
  'two reports at once both count': {
    prepare: all(shared, claim('me')),
    first: report('me', 'r1'),
    second: report('me', 'r2'),
    after: async ({ plain }) => JSON.stringify(await claim('me')(plain)).includes('"bytesSent":8')
  },
  'one report sent twice at once counts once': {
    prepare: all(shared, claim('me')),
    first: report('me', 'r1'),
    second: report('me', 'r1'),
    after: async ({ plain }) => JSON.stringify(await claim('me')(plain)).includes('"bytesSent":4')
  },
  'a release while bytes are reported': {
    prepare: all(shared, claim('me')),
    first: release('me'),
    second: report('me', 'r1'),
    after: ({ first }) => first === false
  },
  'a release made twice frees one slot': {
    prepare: all(shared2, claim('you'), claim('me')),
    first: release('me'),
    second: release('me'),
    after: ({ first, second }) => first === true && second === true
  },
  'a report while the lease is settled': {
    prepare: all(shared, claim('me')),
    first: report('me', 'r1', START + LEASE_MS - 1),
    second: settle(START + LEASE_MS)
  },
  'settling a lease that a report has just moved': {
    prepare: all(shared, claim('me')),
    first: settle(START + LEASE_MS),
    second: report('me', 'r1', START + LEASE_MS - 1),
    after: async ({ plain }) => claimedBy(await claim('me', START + LEASE_MS)(plain))
  },
  'two settle at once': {
    prepare: all(shared, claim('me')),
    first: settle(START + LEASE_MS),
    second: settle(START + LEASE_MS)
  },
  'condemning a chunk that is being reserved': {
    prepare: all(prepared, abandon('a'), open('b')),
    first: condemn,
    second: reserve('b', 0, 'x')
  },
  'reserving a chunk that is being condemned': {
    prepare: all(prepared, receive('x', 2, 1), abandon('a'), open('b')),
    first: reserve('b', 0, 'x'),
    second: condemn
  },
  'two condemn at once': {
    prepare: all(received, abandon('a')),
    first: condemn,
    second: condemn
  },
  'a receipt for a chunk that is being condemned': {
    prepare: all(prepared, abandon('a')),
    first: receive('x', 2, 1),
    second: condemn
  },
  'condemning a chunk that gets a receipt': {
    prepare: all(prepared, abandon('a')),
    first: condemn,
    second: receive('x', 2, 1)
  },
  'committing an upload that is given up': {
    prepare: received,
    first: commit('a'),
    second: abandon('a'),
    after: ({ first }) => first === 'upload-closed'
  },
  'giving up an upload that is committed': {
    prepare: received,
    first: abandon('a'),
    second: commit('a'),
    after: ({ first }) => first === false
  },
  'reserving in an upload that is given up': {
    prepare: open('a'),
    first: reserve('a', 0, 'x'),
    second: abandon('a')
  },
  'one commit made twice': {
    prepare: received,
    first: commit('a'),
    second: commit('a'),
    after: ({ first, second }) => JSON.stringify(first) === JSON.stringify(second)
  },
  'one upload opened twice': { prepare: async () => {}, first: open('a'), second: open('a') },
  'two revoke at once': { prepare: all(shared, claim('me')), first: revoke, second: revoke }
}

for (const [name, { prepare, first, second, after }] of Object.entries(MEETINGS)) {
  t.test(name, async (t) => {
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

const pick = ({ first, second }: Meeting) => ({ first, second })
