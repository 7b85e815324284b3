/** As interleaving.test.ts, for groups of pools. */

import type { Kysely } from 'kysely'
import t from 'tap'
import { groupColumns } from '../../src/metadata/pool-columns.ts'
import { closedGroup, newGroup } from '../../src/metadata/pool-rules.ts'
import { commitUpload } from '../../src/metadata/operations/commit.ts'
import { deleteEntry } from '../../src/metadata/operations/entry-removal.ts'
import { closeGroup, getGroup } from '../../src/metadata/operations/pool-groups.ts'
import { joinPool } from '../../src/metadata/operations/pool-joining.ts'
import {
  failGroup,
  finishGroup,
  leaseGroup,
  renewLease,
  retryGroup
} from '../../src/metadata/operations/pool-leases.ts'
import { removeMember } from '../../src/metadata/operations/pool-members.ts'
import { settlePools } from '../../src/metadata/operations/pool-settle.ts'
import { changePool, createPool } from '../../src/metadata/operations/pools.ts'
import { createUser } from '../../src/metadata/operations/users.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { Schema } from '../../src/metadata/schema.ts'
import { poolOwner, resultPath } from '../../src/pools.ts'
import type { GroupRecord } from '../../src/pools.ts'
import { newUser, userId } from '../conformance/account-fixture.ts'
import { entryId } from '../conformance/entry-fixture.ts'
import { groupAt } from '../conformance/group-fixture.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  START,
  fileId,
  hash,
  uploadId
} from '../conformance/metadata-fixture.ts'
import { OWNER, POOL, SETTINGS } from '../conformance/pool-fixture.ts'
import { all, open, receive, reserve, testMeetings } from './meeting-runs.ts'
import type { Run } from './meeting.ts'

const OVER = START + SETTINGS.leaseMs
const ENDED = START + SETTINGS.filesTtlMs

const join =
  (name: string): Run =>
  async (db) => {
    await createUser(db, { user: newUser(name), by: 'right' })
    const by = { pool: POOL, role: 'server' as const, owner: OWNER }
    await joinPool(db, { by, joining: { user: userId(name) }, membersMax: 9, now: START })
  }
const pool: Run = async (db) => {
  await createUser(db, { user: newUser('olga'), by: 'right' })
  const made = { id: POOL, name: 'pool', settings: SETTINGS, createdBy: OWNER, createdAt: START }
  await createPool(db, { ...made, perUserMax: 9 })
}
const group =
  (generation = 0, isClosed = true): Run =>
  async (db) => {
    const opened = newGroup(
      { id: POOL, settings: SETTINGS },
      { at: START, generation, hasClosed: false, now: START }
    )
    const row = groupColumns(isClosed ? closedGroup(opened, START) : opened)
    await db.insertInto('pool_groups').values(row).execute()
  }
const one = all(pool, join('sam'), join('sue'), group())

const lease =
  (server: string, now = START): Run =>
  async (db) =>
    (await leaseGroup(db, { pool: POOL, server: userId(server), now })) ?? 'nothing'
const held = { pool: POOL, group: groupAt(), server: userId('sam'), fence: 1 }
const renew: Run = (db) => renewLease(db, { ...held, now: OVER })
const finish: Run = (db) => finishGroup(db, { ...held, name: 'r', metadata: {}, now: OVER })
const fail: Run = (db) => failGroup(db, { ...held, reason: 'x', retryAt: OVER, isFinal: true, now: OVER })
const settle =
  (now: number): Run =>
  (db) =>
    settlePools(db, { now, limit: 9, graceMs: GRACE_MS })
const remove: Run = (db) => removeMember(db, { pool: POOL, user: userId('sam'), now: OVER })
const end: Run = (db) => changePool(db, { id: POOL, state: 'deleting', now: OVER })
const close: Run = (db) => closeGroup(db, { pool: POOL, group: groupAt(), now: START })
const retry: Run = (db) => retryGroup(db, { pool: POOL, group: groupAt(), now: ENDED + OVER })

const leased = all(one, lease('sam'))
const stored = all(
  leased,
  open('r'),
  reserve('r', -1, 'm'),
  reserve('r', 0, 'x'),
  receive('m', 1, 1, 2),
  receive('x', 2, 1, 2),
  (db) =>
    commitUpload(db, {
      upload: uploadId('r'),
      file: fileId('r'),
      sizeBytes: CHUNK_BYTES,
      sha256: hash('r'),
      chunkCount: 1,
      uploadedAt: START,
      entry: { id: entryId('r'), user: poolOwner(POOL), path: resultPath(groupAt(), 1), expiresAt: EXPIRY },
      copiesMin: 2,
      hostsMin: 2,
      boots: BOOTS
    })
)
const deleteResult: Run = (db) => deleteEntry(db, { id: entryId('r'), now: OVER, graceMs: GRACE_MS })

const now = async (db: Kysely<Schema>): Promise<GroupRecord> => {
  const found = await getGroup(db, POOL, groupAt())
  if (found === undefined) throw new PeerbinError('group-unknown')
  return found
}
/** What is refused takes back all, here also what came between, so that only its answer can be asked for. */
const isRefused = (answer: unknown): boolean => answer === 'lease-lost' || answer === 'busy'
const isGiven = (answer: unknown): answer is GroupRecord => typeof answer === 'object' && answer !== null

testMeetings(t, {
  'two servers, one group: one gets it': {
    prepare: one,
    first: lease('sam'),
    second: lease('sue'),
    after: ({ first, second }) => first === 'nothing' && isGiven(second)
  },
  'two servers, two groups: each gets another': {
    prepare: all(one, group(1)),
    first: lease('sam'),
    second: lease('sue'),
    after: ({ first, second }) => isGiven(first) && isGiven(second) && first.id !== second.id
  },
  'two servers after a lease that is over: one gets it': {
    prepare: leased,
    first: lease('sam', OVER),
    second: lease('sue', OVER),
    after: ({ first, second }) => first === 'nothing' && isGiven(second) && second.fence === 2
  },
  'a lease while its server is removed: none': {
    prepare: one,
    first: lease('sam'),
    second: remove,
    after: async ({ first, plain }) => first === 'nothing' && (await now(plain)).state === 'closed'
  },
  'a result while another server takes the group: it comes too late': {
    prepare: stored,
    first: finish,
    second: lease('sue', OVER),
    after: ({ first }) => isRefused(first)
  },
  'a group that is taken while its result comes: it is done': {
    prepare: stored,
    first: lease('sue', OVER),
    second: finish,
    after: async ({ first, plain }) => first === 'nothing' && (await now(plain)).state === 'done'
  },
  'a result while its lease ends': {
    prepare: stored,
    first: finish,
    second: settle(OVER),
    after: async ({ first, plain }) =>
      first === 'busy' || (isGiven(first) && (await now(plain)).state === 'done')
  },
  'a lease that ends while it is renewed goes on': {
    prepare: leased,
    first: settle(OVER),
    second: renew,
    after: async ({ plain }) => (await now(plain)).state === 'processing'
  },
  'a lease that is renewed while it ends: its holder asks again': {
    prepare: leased,
    first: renew,
    second: settle(OVER),
    after: ({ first }) => first === 'busy' || isGiven(first)
  },
  'a result while its server is removed: none': {
    prepare: stored,
    first: finish,
    second: remove,
    after: ({ first }) => isRefused(first)
  },
  'a result while its pool is deleted: none': {
    prepare: stored,
    first: finish,
    second: end,
    after: ({ first }) => isRefused(first)
  },
  'a result that is gone by then: none': {
    prepare: stored,
    first: finish,
    second: deleteResult,
    after: ({ first }) => first === 'result-missing'
  },
  'a failure and a result: one of them': {
    prepare: stored,
    first: fail,
    second: finish,
    after: ({ first, second }) => (first === 'busy' || first === 'group-done') && isGiven(second)
  },
  'a group that is closed while its time comes: once': {
    prepare: all(pool, group(0, false)),
    first: close,
    second: settle(ENDED),
    after: async ({ plain }) => (await now(plain)).closedAt === ENDED
  },
  'a group that is tried again while it is emptied: it is too late': {
    prepare: all(leased, fail),
    first: retry,
    second: settle(ENDED + OVER),
    after: ({ first }) => first === 'busy' || first === 'group-state'
  },
  'a group that is emptied while it is tried again: it keeps its files': {
    prepare: all(leased, fail),
    first: settle(ENDED + OVER),
    second: retry,
    after: async ({ second, plain }) => isGiven(second) && !(await now(plain)).isEmptied
  }
})
