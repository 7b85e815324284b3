/** Short ways to groups of pools: batches that are sent whole, results, and time that passes. */

import type { MetadataStore } from '../../src/metadata-store.ts'
import { batchPath, poolOwner, resultPath } from '../../src/pools.ts'
import type { BatchFile, BatchRecord, GroupId, GroupRecord, GroupState, PoolId } from '../../src/pools.ts'
import { groupIdFor } from '../../src/metadata/pool-rules.ts'
import { userId } from './account-fixture.ts'
import { addEntry } from './entry-fixture.ts'
import { CHUNK_BYTES, GRACE_MS, START, hash } from './metadata-fixture.ts'
import { POOL, POOL_GRACE_MS, WINDOW_MS, addMember, addPool, batchId } from './pool-fixture.ts'
import type { Test } from 'tap'
import type { MakeStore } from './metadata-fixture.ts'

/** When a batch of the fixture is given up. */
export const BATCH_TTL_MS = 500
/** A group that failed waits so long. */
export const RETRY_MS = 50
/** When the first window has closed. */
export const CLOSED = START + WINDOW_MS + POOL_GRACE_MS

/** A pool with its owner Olga, producers Ann and Ben, servers Sam and Sue, and Lee, who listens. */
export async function groupStore(
  t: Test,
  makeStore: MakeStore,
  settings: Parameters<typeof addPool>[2] = {}
): Promise<MetadataStore> {
  const store = await makeStore(t)
  await addPool(store, 'pool', settings)
  for (const name of ['ann', 'ben']) await addMember(store, name)
  for (const name of ['sam', 'sue']) await addMember(store, name, 'server')
  await addMember(store, 'lee', 'listener')
  return store
}

interface Sent {
  pool?: PoolId
  member?: string
  now?: number
  /** Timestamps of its files, one each; their names are `NAME INDEX`. */
  at?: number[]
}

const fileOf = (name: string, index: number, at: number): BatchFile => ({
  index,
  name: `${name} ${index}`,
  at,
  sizeBytes: CHUNK_BYTES,
  sha256: hash(`${name} ${index}`),
  mediaType: 'text/plain',
  metadata: { n: String(index) }
})

/** Opened and announced, with the bytes of its first `stored` files. */
export async function beginBatch(
  store: MetadataStore,
  name: string,
  { pool = POOL, member = 'ann', now = START, at = [START] }: Sent = {},
  stored = at.length
): Promise<void> {
  const [batch, user, expiresAt] = [batchId(name), userId(member), now + BATCH_TTL_MS]
  await store.openBatch({
    id: batch,
    pool,
    member: user,
    files: at.length,
    bytes: at.length * CHUNK_BYTES,
    digest: hash(`digest of ${name}`),
    openedAt: now,
    expiresAt,
    openMax: 5
  })
  const files = at.map((time, index) => fileOf(name, index, time))
  await store.declareFiles({ pool, batch, member: user, files, expiresAt })
  for (const file of files.slice(0, stored))
    // whatever comes later is another upload
    await addEntry(store, now === START ? file.name : `${file.name} at ${now}`, {
      content: file.name,
      user: poolOwner(pool),
      path: batchPath(batch, file.index),
      now,
      expiresAt
    })
}

/** A whole batch. */
export async function send(store: MetadataStore, name: string, sent: Sent = {}): Promise<BatchRecord> {
  await beginBatch(store, name, sent)
  const { pool = POOL, member = 'ann', now = START } = sent
  return await store.commitBatch({ pool, batch: batchId(name), member: userId(member), now })
}

/** By the start of its window, counted from START. */
export const groupAt = (window = 0, generation = 0, pool = POOL): GroupId =>
  groupIdFor(pool, START + window * WINDOW_MS, generation)

export async function groupOf(
  store: MetadataStore,
  window = 0,
  generation = 0,
  pool = POOL
): Promise<GroupRecord> {
  const group = await store.getGroup(pool, groupAt(window, generation, pool))
  if (group === undefined) throw new Error('there is no such group')
  return group
}

export const stateOf = async (store: MetadataStore, window = 0, generation = 0): Promise<GroupState> =>
  (await groupOf(store, window, generation)).state

export const lease = (
  store: MetadataStore,
  server = 'sam',
  now = CLOSED,
  group?: GroupId,
  request?: string
): Promise<GroupRecord | undefined> =>
  store.leaseGroup({ pool: POOL, server: userId(server), now, group, request })

export async function leased(store: MetadataStore, server = 'sam', now = CLOSED): Promise<GroupRecord> {
  const group = await lease(store, server, now)
  if (group === undefined) throw new Error('nothing was leased')
  return group
}

export const holder = ({ id, pool, fence }: GroupRecord, server = 'sam') => ({
  group: id,
  pool,
  server: userId(server),
  fence
})

/** The bytes of a result, where its lease has them. */
export const storeResult = (
  store: MetadataStore,
  { id, fence, generation, start, pool }: GroupRecord,
  now = CLOSED,
  expiresAt = now + BATCH_TTL_MS
) =>
  addEntry(store, `result ${start} ${generation} ${fence}`, {
    user: poolOwner(pool),
    path: resultPath(id, fence),
    now,
    expiresAt
  })

export const finish = (
  store: MetadataStore,
  group: GroupRecord,
  { server = 'sam', now = CLOSED, name = 'mean.bin' } = {}
): Promise<GroupRecord> =>
  store.finishGroup({ ...holder(group, server), name, metadata: { loss: '0.1' }, now })

export const fail = (
  store: MetadataStore,
  group: GroupRecord,
  { server = 'sam', now = CLOSED, isFinal = false } = {}
): Promise<GroupRecord> =>
  store.failGroup({
    ...holder(group, server),
    reason: 'out of memory',
    retryAt: now + RETRY_MS,
    isFinal,
    now
  })

/** A group of the first window, done. */
export async function done(store: MetadataStore, now = CLOSED): Promise<GroupRecord> {
  const group = await leased(store, 'sam', now)
  await storeResult(store, group, now)
  return await finish(store, group, { now })
}

export const settle = (store: MetadataStore, now: number, limit = 100): Promise<number> =>
  store.settlePools({ now, limit, graceMs: GRACE_MS })

/** Steps until nothing is due; answers what each has changed. */
export async function settleAllPools(store: MetadataStore, now: number, limit = 100): Promise<number[]> {
  const steps: number[] = []
  for (let step = 0; step < 1000; step++) {
    const changed = await settle(store, now, limit)
    if (changed === 0) return steps
    steps.push(changed)
  }
  throw new Error('settling does not come to an end')
}
