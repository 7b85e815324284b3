import type { Test } from 'tap'
import type { HeldChunk, HeldOutcome, MetadataStore } from '../../src/metadata-store.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  START,
  byDigest,
  chunk,
  generation,
  openUpload,
  peer,
  receipt,
  reserve,
  uploadId
} from './metadata-fixture.ts'

const held = (name: string, g: number): HeldChunk => ({ chunk: chunk(name), generation: generation(g) })

const reconcile = (
  store: MetadataStore,
  inventory: number,
  chunks: HeldChunk[],
  { n = 1, boot = 3 } = {}
): Promise<HeldOutcome[]> =>
  store.reconcileHeld({ peer: peer(n), host: `host-${n}`, boot, inventory, held: chunks })

/** Chunk x in its second life (generation 2), y condemned with a copy at 3, counter at 4; z live at 4. */
async function fill(store: MetadataStore): Promise<void> {
  const first = await openUpload(store, 'first')
  const g1 = await reserve(store, first, 0, chunk('x'))
  await store.recordReceipts([receipt(9, chunk('x'), g1)])
  await store.abandonUpload(first)
  await store.condemnChunks(10)
  await reserve(store, await openUpload(store, 'x'), 0, chunk('x'))
  const y = await openUpload(store, 'y')
  const g3 = await reserve(store, y, 0, chunk('y'))
  await store.recordReceipts([receipt(9, chunk('y'), g3)])
  await store.abandonUpload(y)
  await store.condemnChunks(10)
  await reserve(store, await openUpload(store, 'z'), 0, chunk('z'))
}

const unknownOf = (store: MetadataStore, inventory: number, seenBefore = inventory, n = 1) =>
  store.countUnknown({ peer: peer(n), inventory, seenBefore })
const orderAll = (store: MetadataStore, inventory: number, { seenBefore = inventory, limit = 100 } = {}) =>
  store.orderUnknown({ peer: peer(1), inventory, seenBefore, limit })

export async function testReconcile(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('each held chunk is judged by the present life of the chunk', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    const chunks = [
      held('x', 2),
      held('x', 1),
      held('y', 3),
      held('never', 1),
      held('z', 4),
      held('never', 5)
    ]
    t.strictSame(await reconcile(store, START, chunks), [
      'recorded',
      'stale',
      'unknown',
      'unknown',
      'recorded',
      'foreign'
    ])
    const recorded = [held('x', 2), held('z', 4)].map((each) => ({ ...each, boot: 3 }))
    t.strictSame(await store.listCopies(peer(1), undefined, 10), recorded.toSorted(byDigest))
    t.strictSame(await store.listOrders(peer(1), 10), [], 'and nothing is ordered yet')
  })

  await t.test('a generation that was never given out is left alone', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    const chunks = [held('x', 5), held('y', 99), held('never', 1e9), held('never', 0)]
    t.strictSame(await reconcile(store, START, chunks), ['foreign', 'foreign', 'foreign', 'foreign'])
    t.strictSame(await store.listCopies(peer(1), undefined, 10), [])
    t.strictSame(await unknownOf(store, START), { total: 0, ripe: 0 })
    await store.orderStale(peer(1), chunks)
    t.strictSame(await store.listOrders(peer(1), 10), [])
  })

  await t.test('held at a greater generation counts as a copy of the present life', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    t.strictSame(await reconcile(store, START, [held('x', 4)]), ['recorded'])
    t.strictSame(await store.listCopies(peer(1), undefined, 10), [{ ...held('x', 2), boot: 3 }])
    t.equal((await store.findChunk(chunk('x')))?.copies.length, 1)
  })

  await t.test('the boot moves on, and never back', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    await store.recordReceipts([receipt(1, chunk('x'), generation(2), 2)])
    const boots: number[] = []
    for (const boot of [3, 1, 4]) {
      t.strictSame(await reconcile(store, START, [held('x', 2)], { boot }), ['recorded'])
      boots.push((await store.listCopies(peer(1), undefined, 1))[0]?.boot ?? 0)
    }
    t.strictSame(boots, [3, 3, 4])
    t.equal((await store.listOwed(3, undefined, 10))[0]?.copies.length, 1, 'it counts once')
  })

  await t.test('quarantine', (t) => testQuarantine(t, makeStore))
  await t.test('stale copies', (t) => testStale(t, makeStore))
}

async function testQuarantine(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test(
    'an unknown chunk is ripe when a second inventory has seen it, long enough after the first',
    async (t) => {
      const store = await makeStore(t)
      await fill(store)
      await reconcile(store, 100, [held('n', 1), held('m', 1)])
      t.strictSame(await unknownOf(store, 100), { total: 2, ripe: 0 })
      await reconcile(store, 100, [held('n', 1)])
      t.strictSame(
        await unknownOf(store, 100, 999),
        { total: 2, ripe: 0 },
        'one inventory, however often it says so'
      )
      t.equal(await orderAll(store, 100, { seenBefore: 999 }), 0)
      await reconcile(store, 200, [held('n', 1), held('o', 1)])
      t.strictSame(
        await unknownOf(store, 200, 100),
        { total: 2, ripe: 0 },
        'the first not long enough ago; m is forgotten'
      )
      t.strictSame(await unknownOf(store, 200, 101), { total: 2, ripe: 1 })
      t.equal(await orderAll(store, 200, { seenBefore: 101 }), 1)
      t.strictSame(await store.listOrders(peer(1), 10), [{ peer: peer(1), ...held('n', 1) }])
      t.strictSame(await unknownOf(store, 200, 101), { total: 1, ripe: 0 })
      t.equal(await orderAll(store, 200, { seenBefore: 101 }), 0)
      await reconcile(store, 300, [held('m', 1)])
      t.strictSame(
        await unknownOf(store, 300),
        { total: 1, ripe: 0 },
        'seen again after it was gone: it begins anew'
      )
    }
  )

  await t.test('at another generation it begins anew', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    await reconcile(store, 100, [held('n', 1)])
    await reconcile(store, 200, [held('n', 3)])
    t.strictSame(await unknownOf(store, 200), { total: 1, ripe: 0 })
    await reconcile(store, 300, [held('n', 3)])
    t.equal(await orderAll(store, 300), 1)
    t.strictSame(await store.listOrders(peer(1), 10), [{ peer: peer(1), ...held('n', 3) }])
  })

  await t.test('a chunk that was reserved meanwhile is not ordered away', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    await reconcile(store, 100, [held('n', 1), held('y', 3)])
    await reconcile(store, 200, [held('n', 1), held('y', 3)])
    const g = await reserve(store, await openUpload(store, 'late'), 0, chunk('n'))
    t.ok(g > 1)
    t.equal(await orderAll(store, 200), 2, 'both are taken out')
    t.strictSame(await store.listOrders(peer(1), 10), [{ peer: peer(1), ...held('y', 3) }])
    t.strictSame(await reconcile(store, 300, [held('n', 1)]), ['stale'], 'the next inventory judges it')
    t.strictSame(await unknownOf(store, 300), { total: 0, ripe: 0 })
  })

  await t.test('while an order for it stands, nothing is noted', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    t.strictSame(await reconcile(store, 100, [held('y', 3)], { n: 9 }), ['unknown'])
    t.strictSame(await unknownOf(store, 100, 100, 9), { total: 0, ripe: 0 }, 'the order takes care')
    t.strictSame(await reconcile(store, 100, [held('y', 3)]), ['unknown'])
    t.strictSame(await unknownOf(store, 100), { total: 1, ripe: 0 }, 'another node has no order')
    t.strictSame(await reconcile(store, 100, [held('y', 4)], { n: 9 }), ['unknown'])
    t.strictSame(await unknownOf(store, 100, 100, 9), { total: 1, ripe: 0 }, 'nor one for a later generation')
  })

  await t.test('ripe ones are taken in steps', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    const chunks = ['n', 'o', 'p', 'q', 'r'].map((name) => held(name, 2))
    await reconcile(store, 100, chunks)
    await reconcile(store, 200, chunks)
    const taken: number[] = []
    for (let i = 0; i < 4; i++) taken.push(await orderAll(store, 200, { limit: 2 }))
    t.strictSame(taken, [2, 2, 1, 0])
    t.equal((await store.listOrders(peer(1), 10)).length, 5)
    t.equal((await store.listOrders(peer(2), 10)).length, 0)
  })
}

async function testStale(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a stale copy is ordered away at the generation it is held at', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    const chunks = [held('x', 1), held('x', 2), held('y', 3), held('never', 1), held('z', 0)]
    await store.orderStale(peer(1), chunks)
    const orders = await store.listOrders(peer(1), 10)
    t.strictSame(
      new Set(orders.map((order) => `${order.chunk} ${order.generation}`)),
      new Set([`${chunk('x')} 1`, `${chunk('z')} 0`]),
      'none at a live generation, and none for what is not live'
    )
    t.equal((await store.findChunk(chunk('z')))?.generation, 4)
  })

  await t.test('a node that got the present life meanwhile keeps it', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    await store.orderStale(peer(1), [held('x', 1)])
    await store.recordReceipts([receipt(1, chunk('x'), generation(2))])
    const orders = await store.listOrders(peer(1), 10)
    t.ok(
      orders.every((order) => order.generation < 2),
      'no order matches it'
    )
    await store.confirmOrders(orders)
    t.equal((await store.findChunk(chunk('x')))?.copies.length, 1)
    t.ok(await store.abandonUpload(uploadId('x')))
  })
}
