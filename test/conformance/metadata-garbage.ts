import type { Test } from 'tap'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  START,
  addFile,
  chunk,
  collectAll,
  generation,
  openUpload,
  peer,
  prepareFile,
  receipt,
  reserve,
  revoke,
  settleAll,
  uploadId
} from './metadata-fixture.ts'

const copiesAt = async (store: MetadataStore, name: string): Promise<number | undefined> => {
  const upload = await openUpload(store, `looking at ${name}`)
  const { copies } = await store.reserveChunk({
    upload,
    index: 0,
    chunk: chunk(name),
    sizeBytes: CHUNK_BYTES,
    expiresAt: EXPIRY
  })
  return copies.length
}

export async function testGarbage(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('condemning and reserving', (t) => testCondemn(t, makeStore))
  await t.test('references', (t) => testReferences(t, makeStore))
  await t.test('orders', (t) => testOrders(t, makeStore))
  await t.test('limits', (t) => testLimits(t, makeStore))
}

async function testCondemn(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('reserve first: the chunk is not condemned', async (t) => {
    const store = await makeStore(t)
    const first = await openUpload(store, 'a')
    const g = await reserve(store, first, 0, chunk('x'))
    const second = await openUpload(store, 'b')
    await reserve(store, second, 0, chunk('x'))
    await store.abandonUpload(first)
    t.equal(await store.condemnChunks(10), 0)
    t.equal(await reserve(store, second, 0, chunk('x')), g)
    await store.abandonUpload(second)
    t.equal(await store.condemnChunks(10), 1)
    t.equal(await store.condemnChunks(10), 0, 'once')
  })

  await t.test('condemn first: the upload gets a greater generation and no copies', async (t) => {
    const store = await makeStore(t)
    const first = await openUpload(store, 'a')
    const g1 = await reserve(store, first, 0, chunk('x'))
    await store.recordReceipts([receipt(1, chunk('x'), g1), receipt(2, chunk('x'), g1)])
    await store.abandonUpload(first)
    t.equal(await store.condemnChunks(10), 1)
    const second = await openUpload(store, 'b')
    const request = { upload: second, index: 0, chunk: chunk('x'), sizeBytes: CHUNK_BYTES, expiresAt: EXPIRY }
    const again = await store.reserveChunk(request)
    t.ok(again.generation > g1)
    t.strictSame(again.copies, [], 'what was condemned is not there any more')
    t.strictSame(
      (await store.listOrders(peer(1), 10)).map((order) => order.generation),
      [g1],
      'the order of the first life stands'
    )
    await store.recordReceipts([receipt(1, chunk('x'), again.generation)])
    await store.confirmOrders([{ peer: peer(1), chunk: chunk('x'), generation: g1 }])
    t.equal((await store.reserveChunk(request)).copies.length, 1, 'confirming the old leaves the new')
    t.equal(await store.condemnChunks(10), 0)
  })

  await t.test(
    'a generation is never given out twice, not even for a chunk that was forgotten',
    async (t) => {
      const store = await makeStore(t)
      const seen = new Set<number>()
      for (let i = 0; i < 5; i++) {
        const upload = await openUpload(store, `upload ${i}`)
        const g = await reserve(store, upload, 0, chunk('x'))
        t.notOk(seen.has(g))
        seen.add(g)
        await store.recordReceipts([receipt(1, chunk('x'), g)])
        await store.abandonUpload(upload)
        await collectAll(store)
        t.equal((await store.stats(3)).ordersPending, 0)
      }
    }
  )

  await t.test('reserving and condemning at once leaves the chunk live with a reference', async (t) => {
    const store = await makeStore(t)
    for (let round = 0; round < 5; round++) {
      const before = await openUpload(store, `before ${round}`)
      const g = await reserve(store, before, 0, chunk('x'))
      await store.recordReceipts([receipt(1, chunk('x'), g)])
      const after = await openUpload(store, `after ${round}`)
      const [, reservation] = await Promise.all([
        store.abandonUpload(before),
        reserve(store, after, 0, chunk('x')),
        store.condemnChunks(10)
      ])
      await store.recordReceipts([receipt(2, chunk('x'), reservation)])
      t.equal(await store.condemnChunks(10), 0)
      t.equal((await store.stats(3)).chunks, 1)
      const orders = await store.listOrders(peer(2), 10)
      t.notOk(orders.some((order) => order.generation >= reservation))
      await store.abandonUpload(after)
    }
  })
}

async function testReferences(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a chunk of two files stays until both are gone', async (t) => {
    const store = await makeStore(t)
    const kept = await addFile(store, 'kept', { chunks: ['same', 'kept'] })
    await addFile(store, 'gone', { chunks: ['same', 'gone', 'same'] })
    await revoke(store, 'gone')
    await settleAll(store, START)
    t.equal(await store.condemnChunks(100), 2, 'its own chunk and its manifest')
    const chunks = await store.listFileChunks(kept.id, 0, 10)
    t.strictSame(
      chunks.map(({ id, copies }) => [id, copies.length]),
      [
        [chunk('same'), 2],
        [chunk('kept'), 2]
      ]
    )
    await revoke(store, 'kept')
    await settleAll(store, START)
    t.equal(await store.condemnChunks(100), 3)
    t.equal((await store.stats(3)).chunks, 0)
  })

  await t.test('an upload under way keeps the chunks of a file that goes', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'gone', { chunks: ['same'] })
    const commit = await prepareFile(store, 'new', { chunks: ['same', 'same'], peers: [] })
    await revoke(store, 'gone')
    await settleAll(store, START)
    t.equal(await store.condemnChunks(100), 1, 'the manifest only')
    const g = await reserve(store, commit.upload, -1, chunk('manifest of new'))
    await store.recordReceipts([1, 2].map((n) => receipt(n, chunk('manifest of new'), g)))
    const file = await store.commitUpload(commit)
    t.equal((await store.listFileChunks(file.id, 0, 10))[1]?.copies.length, 2)
  })

  await t.test('consumption, expiry and abandoning give everything back', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'expired')
    await addFile(store, 'revoked')
    await prepareFile(store, 'abandoned')
    await revoke(store, 'revoked')
    t.strictSame(await store.listStaleUploads(EXPIRY, 10), [uploadId('abandoned')])
    await store.abandonUpload(uploadId('abandoned'))
    await settleAll(store, EXPIRY)
    await collectAll(store)
    t.strictSame(await store.stats(3), {
      files: 0,
      fileBytes: 0,
      linksLive: 0,
      uploadsOpen: 0,
      chunks: 0,
      chunkBytes: 0,
      chunksOwed: 0,
      chunksWithoutCopy: 0,
      ordersPending: 0,
      linksSuspended: 0,
      spaceUsed: { anonymous: 0 }
    })
    t.equal(await store.settleLinks(EXPIRY * 2, 100), 0, 'nothing is left to settle')
  })
}

async function testOrders(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('every recorded copy gets an order, which stays until its node confirms', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a', { chunks: ['x'], peers: [2, 1] })
    await revoke(store, 'a')
    await settleAll(store, START)
    t.strictSame(await store.listOrderPeers(), [])
    await store.condemnChunks(100)
    t.strictSame(await store.listOrderPeers(), [peer(1), peer(2)])
    const orders = await store.listOrders(peer(1), 10)
    t.strictSame(new Set(orders.map((order) => order.chunk)), new Set([chunk('x'), file.manifest]))
    await store.confirmOrders(orders)
    await store.confirmOrders(orders)
    t.strictSame(await store.listOrders(peer(1), 10), [])
    t.strictSame(await store.listOrderPeers(), [peer(2)], 'the other node was away')
    t.equal((await store.listOrders(peer(2), 10)).length, 2)
    await store.confirmOrders(await store.listOrders(peer(2), 10))
    t.equal((await store.stats(3)).ordersPending, 0)
    t.equal(await copiesAt(store, 'x'), 0)
  })

  await t.test('confirming a smaller generation leaves a greater order', async (t) => {
    const store = await makeStore(t)
    for (const name of ['first', 'second']) {
      const upload = await openUpload(store, name)
      const g = await reserve(store, upload, 0, chunk('x'))
      await store.recordReceipts([receipt(1, chunk('x'), g)])
      await store.abandonUpload(upload)
      await store.condemnChunks(10)
    }
    const [order, ...others] = await store.listOrders(peer(1), 10)
    if (order === undefined) return t.fail('no order')
    t.strictSame(others, [], 'the greater order covers the smaller one')
    await store.confirmOrders([{ ...order, generation: generation(order.generation - 1) }])
    t.strictSame(await store.listOrders(peer(1), 10), [order])
    await store.confirmOrders([order])
    t.strictSame(await store.listOrders(peer(1), 10), [])
  })

  await t.test('confirming what was never ordered is harmless', async (t) => {
    const store = await makeStore(t)
    await store.confirmOrders([{ peer: peer(1), chunk: chunk('x'), generation: generation(5) }])
    t.equal((await store.stats(3)).ordersPending, 0)
  })

  await t.test('orders come in order of digests, as many as asked for', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { chunks: ['x', 'y', 'z'] })
    await revoke(store, 'a')
    await settleAll(store, START)
    await store.condemnChunks(100)
    const all = await store.listOrders(peer(1), 100)
    t.equal(all.length, 4)
    t.strictSame(await store.listOrders(peer(1), 2), all.slice(0, 2))
    await store.confirmOrders(all.slice(0, 2))
    t.strictSame(await store.listOrders(peer(1), 2), all.slice(2))
  })
}

async function testLimits(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('settling works in steps of at most the limit, and gets to the same end', async (t) => {
    const store = await makeStore(t)
    for (const name of ['a', 'b', 'c']) await addFile(store, name, { chunks: ['x', name, 'x'] })
    let steps = 0
    for (let changed = 1; changed > 0; steps++) {
      changed = await store.settleLinks(EXPIRY, 2)
      t.ok(changed <= 2)
    }
    t.ok(steps > 5)
    t.equal((await store.stats(3)).files, 0)
    t.equal(await store.condemnChunks(3), 3)
    t.equal(await store.condemnChunks(100), 4)
    t.equal((await store.stats(3)).chunks, 0)
  })
}
