/** What time brings to pools: silence, batches that stood still, groups that are emptied and forgotten, pools that are deleted until nothing of them is left. */

import type { Test } from 'tap'
import type { MetadataStore, SpaceKey } from '../../src/metadata-store.ts'
import { POOL_LOOK_AGAIN_MS, POOL_RECORD_KEPT_MS } from '../../src/metadata/pool-group-rules.ts'
import { poolOwner, poolStream } from '../../src/pools.ts'
import type { GroupFile } from '../../src/pools.ts'
import { userId } from './account-fixture.ts'
import { entryId, settleEntries } from './entry-fixture.ts'
import {
  BATCH_TTL_MS,
  CLOSED,
  beginBatch,
  done,
  fail,
  groupAt,
  groupOf,
  groupStore,
  leased,
  send,
  settle,
  settleAllPools,
  stateOf
} from './group-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  START,
  collectAll,
  openUpload,
  rejectsWith,
  settleAll,
  uploadId
} from './metadata-fixture.ts'
import { hookId } from './metadata-webhooks.ts'
import {
  FREQUENCY_MS,
  POOL,
  SETTINGS,
  addMember,
  addPool,
  batchId,
  poolEvents,
  poolId
} from './pool-fixture.ts'

const SPACE: SpaceKey = `user:${poolOwner(POOL)}`
/** When nothing of a pool could be asked for any more. */
const LONG_AFTER = START + 10 * POOL_RECORD_KEPT_MS

const filesOf = (store: MetadataStore, window = 0): Promise<GroupFile[]> =>
  store.listGroupFiles({ group: groupAt(window), limit: 100 })

/** Entries that are left, of all owners. */
const entriesOf = async (store: MetadataStore): Promise<string[]> => {
  const page = await store.listEntries({ recursive: true, sort: 'name', order: 'ascending', limit: 100 })
  return page.entries.map(({ id }) => id)
}

/** Everything that is over is let go, with its chunks. */
async function collect(store: MetadataStore, now: number): Promise<number> {
  await settleEntries(store, now)
  await settleAll(store, now)
  await settleEntries(store, now)
  await collectAll(store)
  return (await store.listChunks(undefined, 100)).length
}

export async function testPoolTime(t: Test, makeStore: MakeStore): Promise<void> {
  const parts = { silence, stale, emptying, forgetting, deletion }
  for (const [name, test] of Object.entries(parts)) await t.test(name, (part) => test(part, makeStore))
}

async function silence(t: Test, makeStore: MakeStore): Promise<void> {
  const late = START + FREQUENCY_MS
  const told = async (store: MetadataStore, pool = POOL) =>
    (await poolEvents(store, pool))
      .filter(({ type }) => type === 'producers.silent')
      .map(({ data: { count, names } }) => [count, names])
  const silent = async (store: MetadataStore) =>
    (await store.listMembers({ pool: POOL, silent: true, limit: 10 })).map(({ name }) => name)

  await t.test('producers that did not send are silent, until they do', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a', { now: START + 10 })
    t.equal(await settle(store, late - 1), 1, 'a group closes')
    t.equal(await store.nextPoolsAt(), late)
    t.equal(await settle(store, late), 1)
    t.strictSame(await silent(store), ['ben'])
    t.equal((await store.getMembership(POOL, userId('ben')))?.member.silentSince, late)
    t.equal(await settle(store, late + 10), 1)
    t.equal(await settle(store, late + 11), 0, 'told once')
    t.strictSame(await told(store), [
      [1, 'ben'],
      [1, 'ann']
    ])
    await send(store, 'b', { member: 'ben', now: late + 20, at: [late] })
    t.strictSame(await silent(store), ['ann'])
    await settleAllPools(store, late + 20 + FREQUENCY_MS)
    t.strictSame(await told(store), [
      [1, 'ben'],
      [1, 'ann'],
      [1, 'ben']
    ])
  })

  await t.test('one event for a pool and a step', async (t) => {
    const store = await groupStore(t, makeStore)
    await addPool(store, 'other')
    await addMember(store, 'ann', 'producer', { pool: poolId('other') })
    t.strictSame(await settleAllPools(store, late, 2), [2, 1])
    const both = ['ann', 'ben'].toSorted((a, b) => (userId(a) < userId(b) ? -1 : 1))
    const counts = [...(await told(store)), ...(await told(store, poolId('other')))].map(([count]) => count)
    t.equal(
      counts.reduce((sum: number, count) => sum + Number(count), 0),
      3
    )
    const whole = await groupStore(t, makeStore)
    await settle(whole, late)
    t.strictSame(await told(whole), [[2, both.join(',')]])
    t.strictSame((await silent(whole)).toSorted(), ['ann', 'ben'], 'servers and listeners need not send')
  })
}

async function stale(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a batch that stood still is given up, a page at a time', async (t) => {
    const store = await groupStore(t, makeStore)
    await beginBatch(store, 'a', { at: [START, START + 1, START + 2] }, 2)
    const over = START + BATCH_TTL_MS
    t.equal(await store.nextPoolsAt(), over)
    t.equal(await settle(store, over - 1), 0)
    t.equal(await settle(store, over, 1), 1)
    t.match(await store.getBatch(POOL, batchId('a')), { state: 'abandoned' })
    const commit = { pool: POOL, batch: batchId('a'), member: userId('ann'), now: over }
    await rejectsWith(t, store.commitBatch(commit), 'batch-closed')
    t.equal(await settle(store, over, 1), 1)
    t.equal((await entriesOf(store)).length, 1, 'in bounded steps')
    const steps = await settleAllPools(store, over, 1)
    t.ok(steps.every((changed) => changed === 1))
    t.strictSame(await entriesOf(store), [])
    t.equal(await store.usedSpace(SPACE), 0)
    t.equal(await collect(store, over + GRACE_MS), 0, 'with their content')
    t.match(await store.getBatch(POOL, batchId('a')), { state: 'abandoned' }, 'it is known for a while')
    await settleAllPools(store, LONG_AFTER)
    t.equal(await store.getBatch(POOL, batchId('a')), undefined)
    t.equal(await store.nextPoolsAt(), null)
  })

  await t.test('one that is opened anew is not', async (t) => {
    const store = await groupStore(t, makeStore)
    await beginBatch(store, 'a', { at: [START, START + 1] }, 1)
    const over = START + BATCH_TTL_MS
    await settleAllPools(store, over)
    t.match(await send(store, 'a', { now: over, at: [START, START + 1] }), { state: 'committed' })
    await settleAllPools(store, over + BATCH_TTL_MS)
    t.match(await store.getBatch(POOL, batchId('a')), { state: 'committed' })
    t.equal((await filesOf(store)).length, 2)
  })
}

async function emptying(t: Test, makeStore: MakeStore): Promise<void> {
  const at = [0, 1, 2, 3, 4].map((n) => START + n)

  await t.test('files of a group that is done go, a page at a time', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a', { at })
    await settle(store, CLOSED)
    const { endedAt } = await done(store)
    const emptyAt = (endedAt ?? 0) + SETTINGS.filesTtlMs
    await settleAllPools(store, emptyAt - 1)
    t.equal(await store.nextPoolsAt(), emptyAt)
    t.equal((await filesOf(store)).length, 5)
    t.equal(await settle(store, emptyAt, 2), 2)
    t.match(await groupOf(store), { state: 'done', isEmptied: true, files: 5 })
    t.equal((await filesOf(store)).length, 3, 'in bounded steps')
    t.strictSame(await settleAllPools(store, emptyAt, 2), [2, 2])
    t.strictSame(await filesOf(store), [])
    t.equal(await store.getGroupFile(groupAt(), entryId('a 0')), undefined)
    t.strictSame(await entriesOf(store), [entryId(`result ${START} 0 1`)], 'the result is kept')
    t.equal(await store.usedSpace(SPACE), CHUNK_BYTES)
    t.equal(await collect(store, emptyAt + GRACE_MS), 2, 'a manifest, and the chunk of the result')
    await settleEntries(store, CLOSED + SETTINGS.resultTtlMs)
    t.strictSame(await entriesOf(store), [], 'until it expires')
  })

  await t.test('of one that failed too, unless it is tried again before', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a', { at })
    await settle(store, CLOSED)
    await fail(store, await leased(store), { isFinal: true })
    const emptyAt = CLOSED + SETTINGS.filesTtlMs
    const retry = (now: number) => store.retryGroup({ pool: POOL, group: groupAt(), now })
    await retry(emptyAt - 1)
    await settleAllPools(store, emptyAt)
    t.equal((await filesOf(store)).length, 5)
    await fail(store, await leased(store, 'sam', emptyAt), { now: emptyAt, isFinal: true })
    await settle(store, emptyAt + SETTINGS.filesTtlMs, 1)
    await rejectsWith(t, retry(emptyAt + SETTINGS.filesTtlMs), 'group-state')
    t.equal(await stateOf(store), 'failed')
  })
}

async function forgetting(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a file is known as long as it could be sent again', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    await settle(store, CLOSED)
    await done(store)
    const last = START + SETTINGS.maxAgeMs
    await settleAllPools(store, last)
    t.match(await groupOf(store), { isEmptied: true })
    const batch = { pool: POOL, batch: batchId('again'), member: userId('ann') }
    const [file] = await store.listBatchFiles({ pool: POOL, batch: batchId('a'), limit: 1 })
    if (file === undefined) throw new Error('the file was forgotten')
    const { state: _state, ...announced } = file
    const opened = { files: 1, bytes: CHUNK_BYTES, digest: 'ab'.repeat(32), openedAt: last, openMax: 2 }
    await store.openBatch({
      ...opened,
      id: batch.batch,
      pool: POOL,
      member: batch.member,
      expiresAt: last + 10
    })
    const declared = await store.declareFiles({ ...batch, files: [announced], expiresAt: last + 10 })
    t.equal(declared.duplicates, 1)
    await store.commitBatch({ ...batch, now: last })
    t.equal((await store.listGroups({ pool: POOL, limit: 10 })).length, 1, 'nothing is doubled')
    await settleAllPools(store, LONG_AFTER)
    t.strictSame(await store.listGroups({ pool: POOL, limit: 10 }), [])
    t.strictSame(await store.listGroupProducers({ group: groupAt(), limit: 10 }), [])
    for (const name of ['a', 'again']) t.equal(await store.getBatch(POOL, batchId(name)), undefined)
    t.equal(await store.nextPoolsAt(), null)
  })
}

async function deletion(t: Test, makeStore: MakeStore): Promise<void> {
  const remove = (store: MetadataStore, now: number) => store.changePool({ id: POOL, state: 'deleting', now })

  await t.test('nothing is left of a pool, and others keep all', async (t) => {
    const store = await groupStore(t, makeStore)
    await addPool(store, 'other')
    await addMember(store, 'ann', 'producer', { pool: poolId('other') })
    await send(store, 'kept', { pool: poolId('other') })
    await send(store, 'a', { at: [START, START + 1, START + 2, START + 3] })
    await beginBatch(store, 'open', { member: 'ben', at: [START, START + 1] }, 1)
    await settle(store, CLOSED)
    await done(store)
    await remove(store, CLOSED)
    t.equal(await store.getPool(POOL), undefined, 'gone at once for everybody')
    const steps = await settleAllPools(store, CLOSED, 3)
    t.ok(
      steps.every((changed) => changed <= 3),
      'in bounded steps',
      { steps }
    )
    t.strictSame(await entriesOf(store), [entryId('kept 0')])
    t.equal(await store.usedSpace(SPACE), 0)
    t.strictSame(await store.listGroups({ pool: POOL, limit: 10 }), [])
    t.equal(await store.getBatch(POOL, batchId('a')), undefined)
    t.strictSame(await store.listMembers({ pool: POOL, limit: 10 }), [])
    t.equal(await collect(store, CLOSED + GRACE_MS), 2, 'chunks of the other pool')
    t.match(await groupOf(store, 0, 0, poolId('other')), { files: 1 })
    await store.changePool({ id: poolId('other'), state: 'deleting', now: CLOSED })
    await settleAllPools(store, CLOSED)
    t.equal(await store.nextPoolsAt(), null)
    t.equal(await collect(store, CLOSED + GRACE_MS), 0)
  })

  await t.test('it waits for uploads to end', async (t) => {
    const store = await groupStore(t, makeStore)
    const upload = uploadId('late')
    const space = { key: SPACE, bytes: 7, bytesMax: undefined }
    const times = { openedAt: START, expiresAt: EXPIRY }
    await store.openUpload({ id: upload, name: 'late', mediaType: 'a/b', metadata: {}, space, ...times })
    await openUpload(store, 'of somebody else')
    await remove(store, START)
    await settleAllPools(store, START)
    t.equal(await store.nextPoolsAt(), START + POOL_LOOK_AGAIN_MS)
    t.equal(await store.usedSpace(SPACE), 7)
    await store.abandonUpload(upload)
    await settleAllPools(store, START + POOL_LOOK_AGAIN_MS)
    t.equal(await store.nextPoolsAt(), null)
  })

  await t.test('and for webhooks to have told it', async (t) => {
    const store = await groupStore(t, makeStore)
    const hook = { url: 'https://example.org', types: [], description: '', secret: 'sealed', perUserMax: 3 }
    const owner = userId('olga')
    await store.createWebhook({ ...hook, id: hookId('a'), owner, stream: poolStream(POOL), createdAt: START })
    await remove(store, START)
    await settleAllPools(store, START)
    t.match(await store.getWebhook(hookId('a')), { dueAt: START })
    t.equal(await store.nextPoolsAt(), START + POOL_LOOK_AGAIN_MS)
    await store.changeUser({ id: owner, state: 'disabled', now: START })
    await settleAllPools(store, START + POOL_LOOK_AGAIN_MS)
    t.equal(await store.getWebhook(hookId('a')), undefined, 'unless nobody tells anything for its owner')
    t.equal(await store.nextPoolsAt(), null)
  })
}
