import t from 'tap'
import { pauseMs } from '../../../src/controller/pools/work.ts'
import { hash } from '../../conformance/metadata-fixture.ts'
import { userId } from '../../conformance/account-fixture.ts'
import { POOL, addMember, batchId, poolId } from '../../conformance/pool-fixture.ts'
import { addEntry } from '../../conformance/entry-fixture.ts'
import { batchPath, poolOwner, resultPath } from '../../../src/pools.ts'
import type { BatchFile, GroupId } from '../../../src/pools.ts'
import { CHUNK_BYTES } from '../../conformance/metadata-fixture.ts'
import type { StepResult } from '../../../src/interfaces.ts'
import { HOUR_MS, MINUTE_MS, POOL_SETTINGS, PoolWorld } from './pool-world.ts'

const signal = new AbortController().signal
/** A window with its grace. */
const CLOSED_MS = MINUTE_MS + 1000

const fileOf = (world: PoolWorld, name: string, index = 0): BatchFile => ({
  index,
  name: `${name} ${index}`,
  at: world.time.now(),
  sizeBytes: CHUNK_BYTES,
  sha256: hash(`${name} ${index}`),
  mediaType: 'text/plain',
  metadata: {}
})

const opened = (world: PoolWorld, name: string, over: object = {}) =>
  world.call('paul', 'openBatch', {
    batch: batchId(name),
    files: 1,
    bytes: CHUNK_BYTES,
    digest: hash(`digest of ${name}`),
    clientTime: world.time.now(),
    ...over
  })

/** Announced, with the bytes of its file. */
async function begun(world: PoolWorld, name: string): Promise<void> {
  const { batch } = await opened(world, name)
  await world.call('paul', 'declareFiles', { batch: batch.id, files: [fileOf(world, name)] })
  const place = { user: poolOwner(POOL), path: batchPath(batch.id, 0), now: world.time.now() }
  await addEntry(world.store, `${name} 0`, { ...place, expiresAt: batch.expiresAt })
}

async function sent(world: PoolWorld, name: string): Promise<void> {
  await begun(world, name)
  await world.call('paul', 'commitBatch', { batch: batchId(name) })
}

/** Steps of the worker, as the loop would make them. */
async function settled(world: PoolWorld): Promise<StepResult> {
  for (let step = 0; step < 100; step++) {
    const result = await world.pools.workers[0]?.step(signal)
    if (result !== undefined && result !== 'busy') return result
  }
  throw new Error('it does not come to an end')
}

const refusal = (code: string, details: object = {}) => ({ code, details })

t.test('a batch is refused before its bytes come, where they could not stay', async (t) => {
  const world = await PoolWorld.start(t, { pools: { batchFilesMax: 2, quotaBytes: 2 * CHUNK_BYTES } })
  const now = world.time.now()
  for (const clientTime of [now - 5001, now + 5001])
    await t.rejects(opened(world, 'a', { clientTime }), refusal('clock-skewed', { serverTime: now }))
  await t.rejects(opened(world, 'a', { files: 3 }), refusal('batch-too-large'))
  await t.rejects(opened(world, 'a', { bytes: 2 * CHUNK_BYTES + 1 }), refusal('quota-exceeded'))
  await opened(world, 'a', { clientTime: now - 5000, files: 2, bytes: 2 * CHUNK_BYTES })
})

t.test('a file that is too old, ahead of us, twice there or out of place is named', async (t) => {
  const world = await PoolWorld.start(t)
  await opened(world, 'a', { files: 2, bytes: 2 * CHUNK_BYTES })
  const now = world.time.now()
  const [first, second] = [fileOf(world, 'a'), fileOf(world, 'a', 1)]
  const declare = (...files: BatchFile[]) =>
    world.call('paul', 'declareFiles', { batch: batchId('a'), files })
  const named = { index: 1, name: 'a 1' }
  await t.rejects(declare({ ...second, at: now + 5001 }), refusal('timestamp-in-future', named))
  await t.rejects(declare({ ...second, at: now - HOUR_MS - 1 }), refusal('timestamp-too-old', named))
  const twice = { ...second, name: first.name }
  await t.rejects(declare(first, twice), refusal('duplicate-file', { index: 1, name: 'a 0' }))
  await t.rejects(declare({ ...second, index: 2 }), refusal('invalid-field'))
  await t.rejects(declare(first, { ...second, index: 0 }), refusal('invalid-field'))
  await t.rejects(declare({ ...first, sizeBytes: 2 * CHUNK_BYTES + 1 }), refusal('invalid-field'))
  const { batch } = await declare({ ...first, at: now + 5000 }, { ...second, at: now - HOUR_MS })
  t.equal(batch.declared, 2)
})

t.test('everything that says that a batch is committed waits until that is safe', async (t) => {
  const world = await PoolWorld.start(t, { pools: { acknowledgeMs: 500 } })
  await begun(world, 'a')
  t.same(world.covered, [], 'nothing is to be safe before')
  await world.call('paul', 'commitBatch', { batch: batchId('a') })
  const committed = world.time.now()
  await opened(world, 'a')
  await world.call('paul', 'getBatch', { batch: batchId('a'), limit: 0 })
  t.same(world.covered, [committed, committed, committed])
  world.cover = (limit) =>
    new Promise((_resolve, reject) => limit.addEventListener('abort', () => reject(limit.reason)))
  const refused = t.rejects(opened(world, 'a'), { code: 'copies-missing' })
  await world.clock.advance(1000)
  await refused
})

t.test('a batch of which bytes come does not stand still, nor what there is of it', async (t) => {
  const world = await PoolWorld.start(t)
  const { batchTtlMs } = world.config.pools
  const batch = batchId('a')
  const endsAt = async () => (await world.call('paul', 'getBatch', { batch, limit: 0 })).batch.expiresAt
  await opened(world, 'a', { files: 2, bytes: 2 * CHUNK_BYTES })
  await world.call('paul', 'declareFiles', { batch, files: [fileOf(world, 'a'), fileOf(world, 'a', 1)] })
  const first = await endsAt()
  const path = batchPath(batch, 0)
  const place = { user: poolOwner(POOL), path, now: world.time.now(), expiresAt: first }
  await addEntry(world.store, 'a 0', place)
  const ask = async () => (await world.call('paul', 'getBatchFile', { batch, index: 1 })).expiresAt
  await world.clock.advance(batchTtlMs / 2)
  t.equal(await ask(), first, 'more often would cost more than it is good for')
  await world.clock.advance(1000)
  const later = world.time.now() + batchTtlMs
  t.equal(await ask(), later)
  t.equal(await endsAt(), later)
  t.equal((await world.store.findEntry(poolOwner(POOL), path)).entry?.expiresAt, later)
  await world.clock.advance(first - world.time.now() + 1000)
  await settled(world)
  t.match(await world.call('paul', 'getBatch', { batch, limit: 1 }), {
    batch: { state: 'open' },
    files: [{ state: 'stored' }]
  })
})

t.test('a producer sees its own batches only', async (t) => {
  const world = await PoolWorld.start(t)
  await sent(world, 'a')
  await world.call('olga', 'addMember', { name: 'nora', role: 'producer' })
  const batch = batchId('a')
  const unknown = { code: 'batch-unknown' }
  await t.rejects(world.call('nora', 'getBatch', { batch, limit: 0 }), unknown)
  await t.rejects(world.call('nora', 'commitBatch', { batch }), unknown)
  await t.rejects(world.call('nora', 'abandonBatch', { batch }), unknown)
  t.equal((await world.call('sam', 'getBatch', { batch, limit: 10 })).files.length, 1)
  await t.rejects(world.call('olga', 'abandonBatch', { batch }), { code: 'batch-closed' })
})

t.test(
  'a group that closes goes to the server that waits; its files are for servers, its result for all',
  async (t) => {
    const world = await PoolWorld.start(t)
    await sent(world, 'a')
    const first = world.call('sam', 'leaseGroup', { waitMs: 30_000 })
    await world.clock.advance(5000)
    await world.call('sam', 'closeGroup', {
      group: (await world.call('sam', 'listGroups', { limit: 1 })).groups[0]?.id as never
    })
    await world.clock.advance(1000)
    const { group } = await first
    if (group === null) return t.fail('there is one')
    t.match(group, { state: 'processing', server: userId('sam'), fence: 1, files: 1 })
    const { files } = await world.call('sam', 'listGroupFiles', { group: group.id, limit: 10 })
    const entry = files[0]?.entry
    const open = (who: 'paul' | 'lisa' | 'olga' | 'sam', what = entry) =>
      world.call(who, 'openPoolFile', { group: group.id, ...(what && { entry: what }) })
    for (const who of ['paul', 'olga', 'sam'] as const) t.equal((await open(who)).entry, entry, who)
    await t.rejects(open('lisa'), { code: 'file-unknown' })
    const result = () => world.call('lisa', 'openPoolFile', { group: group.id })
    await t.rejects(result(), { code: 'result-unknown' })
    const held = { group: group.id, fence: group.fence }
    const finished = { ...held, name: 'mean.bin', metadata: {} }
    await t.rejects(world.call('sam', 'finishGroup', finished), { code: 'result-missing' })
    const now = world.time.now()
    await addEntry(world.store, 'result', {
      user: poolOwner(POOL),
      path: resultPath(group.id, group.fence),
      now,
      expiresAt: now + HOUR_MS
    })
    const { group: done } = await world.call('sam', 'finishGroup', finished)
    t.equal(done.state, 'done')
    t.equal((await result()).entry, done.result?.entry)
    await world.clock.advance(HOUR_MS + 1)
    await t.rejects(result(), { code: 'result-expired' })
  }
)

/** Closes the group there is, by hand. */
async function closed(world: PoolWorld): Promise<void> {
  const [group] = (await world.call('olga', 'listGroups', { limit: 1 })).groups
  if (group === undefined) throw new Error('there is no group')
  await world.call('olga', 'closeGroup', { group: group.id })
}

t.test('one that waits is given nothing once it is no server any more', async (t) => {
  const world = await PoolWorld.start(t)
  await sent(world, 'a')
  const waiting = world.call('sam', 'leaseGroup', { waitMs: 30_000 })
  await world.clock.advance(100)
  const refused = t.rejects(waiting, { code: 'permission-denied' })
  await world.call('olga', 'changeMember', { user: userId('sam'), role: 'listener' })
  await closed(world)
  await world.clock.advance(1000)
  await refused
  t.match((await world.call('olga', 'listGroups', { limit: 1 })).groups, [{ state: 'closed', fence: 0 }])
})

t.test('one that waited and has gone is given nothing, which it would keep from others', async (t) => {
  const world = await PoolWorld.start(t)
  await sent(world, 'a')
  const gone = new AbortController()
  const waiting = world.call('sam', 'leaseGroup', { waitMs: 30_000 }, { signal: gone.signal })
  await world.clock.advance(100)
  gone.abort()
  await closed(world)
  await world.clock.advance(1000)
  t.match((await world.call('olga', 'listGroups', { limit: 1 })).groups, [{ state: 'closed', fence: 0 }])
  await world.clock.advance(30_000)
  t.equal((await waiting).group, null)
})

t.test('whoever waits in vain is told so when the time is over', async (t) => {
  const world = await PoolWorld.start(t, { pools: { workWaitMs: 2000 } })
  const waiting = [1, 2, 3].map(() => world.call('sam', 'leaseGroup', { waitMs: 30_000 }))
  await world.clock.advance(3000)
  for (const { group } of await Promise.all(waiting)) t.equal(group, null)
  t.equal(world.clock.timers, 0, 'nothing goes on behind it')
})

t.test('whoever waits for a certain group keeps nobody from the others', async (t) => {
  const world = await PoolWorld.start(t)
  await sent(world, 'a')
  const other = batchId('no group') as unknown as GroupId
  const waiting = world.call('sam', 'leaseGroup', { waitMs: 30_000, group: other })
  await world.clock.advance(100)
  await closed(world)
  const { group } = await world.call('sam', 'leaseGroup', { waitMs: 0 })
  t.match(group, { state: 'processing', fence: 1 })
  await world.clock.advance(31_000)
  t.equal((await waiting).group, null)
})

t.test('a program that asks without end is told at once that there is nothing', async (t) => {
  const world = await PoolWorld.start(t)
  const ask = () => world.call('sam', 'leaseGroup', { waitMs: 30_000 })
  const waiting = Array.from({ length: 32 }, ask)
  await world.clock.advance(100)
  t.equal((await ask()).group, null)
  await addMember(world.store, 'nora', 'server')
  const another = world.call('nora', 'leaseGroup', { waitMs: 30_000 })
  let isAnswered = false
  void another.then(() => (isAnswered = true))
  await world.clock.advance(100)
  t.notOk(isAnswered, 'others wait as before')
  await world.clock.advance(31_000)
  for (const each of [...waiting, another]) t.equal((await each).group, null)
})

t.test('where servers of many pools wait, each pool is looked at more rarely', async (t) => {
  const world = await PoolWorld.start(t)
  const pools = Array.from({ length: 200 }, (_, index) => poolId(`many ${index}`))
  let looks = 0
  const { store } = world
  const { leaseGroup } = store
  const counted: typeof leaseGroup = async (request) => {
    looks++
    return await leaseGroup(request)
  }
  Object.assign(store, { leaseGroup: counted })
  for (const [index, pool] of pools.entries()) {
    const settings = POOL_SETTINGS
    await store.createPool({
      id: pool,
      name: `many ${index}`,
      settings,
      createdBy: userId('olga'),
      createdAt: world.time.now(),
      perUserMax: 1000
    })
    await addMember(store, 'sam', 'server', { pool })
  }
  const waiting = pools.map((pool) => world.call('sam', 'leaseGroup', { pool, waitMs: 30_000 }))
  await world.clock.advance(1000)
  looks = 0
  await world.clock.advance(10_000)
  t.ok(looks > 0 && looks <= 2200, `${looks} looks in 10 s`)
  await world.clock.advance(21_000)
  for (const each of waiting) t.equal((await each).group, null)
})

t.test('groups close, and leases end, by the worker; it looks again when something is due', async (t) => {
  const world = await PoolWorld.start(t)
  await sent(world, 'a')
  t.same(await settled(world), { retryAfterMs: 1000 }, 'something is due later')
  await world.clock.advance(CLOSED_MS)
  await settled(world)
  const states = async () =>
    (await world.call('lisa', 'listGroups', { limit: 5 })).groups.map(({ state, attempts }) => [
      state,
      attempts
    ])
  t.same(await states(), [['closed', 0]])
  await world.call('sam', 'leaseGroup', { waitMs: 0 })
  t.same(await states(), [['processing', 1]])
  await world.clock.advance(10_001)
  await settled(world)
  t.same(await states(), [['closed', 1]])
  t.ok(world.ended > 0)
})

t.test('a group that failed waits twice as long after each further attempt', async (t) => {
  const rules = { retryMs: 10_000, retryMaxMs: 60_000 }
  t.same(
    [1, 2, 3, 4, 5, 1000].map((attempts) => pauseMs(attempts, rules) / 1000),
    [10, 20, 40, 60, 60, 60]
  )
  const world = await PoolWorld.start(t)
  await sent(world, 'a')
  await world.clock.advance(CLOSED_MS)
  await settled(world)
  const { group } = await world.call('sam', 'leaseGroup', { waitMs: 0 })
  if (group === null) return t.fail('there is one')
  const failed = await world.call('sam', 'failGroup', {
    group: group.id,
    fence: 1,
    reason: 'out of memory',
    isFinal: false
  })
  t.match(failed.group, { state: 'closed', dueAt: failed.now + 10_000 })
  t.equal((await world.call('sam', 'leaseGroup', { waitMs: 0 })).group, null)
})
