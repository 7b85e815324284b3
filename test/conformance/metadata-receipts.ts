import type { Test } from 'tap'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  addFile,
  chunk,
  collectAll,
  generation,
  openUpload,
  peer,
  receipt,
  reserve
} from './metadata-fixture.ts'

export async function testReceipts(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a receipt counts once, and the newest boot stays', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await store.recordReceipts([receipt(1, chunk('x'), g, 5), receipt(1, chunk('x'), g, 7)])
    await store.recordReceipts([receipt(1, chunk('x'), g, 6)])
    const owed = await store.listOwed(3, undefined, 10)
    t.strictSame(owed, [
      {
        chunk: chunk('x'),
        generation: g,
        sizeBytes: CHUNK_BYTES,
        copies: [{ peer: peer(1), host: 'host-1', generation: g, boot: 7 }]
      }
    ])
    t.equal((await store.stats(2)).chunksOwed, 1)
    await reserve(store, upload, 1, chunk('y'))
    t.match(await store.stats(2), { chunksOwed: 1, chunksWithoutCopy: 1 }, 'there is nothing to copy yet')
    t.equal((await store.stats(1)).chunksOwed, 0)
  })

  await t.test('a receipt that comes after the upload was given up makes a delete order', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await store.abandonUpload(upload)
    await store.condemnChunks(10)
    await store.recordReceipts([receipt(1, chunk('x'), g)])
    await store.recordReceipts([receipt(1, chunk('x'), g)])
    t.strictSame(await store.listOrders(peer(1), 10), [{ peer: peer(1), chunk: chunk('x'), generation: g }])
    t.strictSame(await store.listOrderPeers(), [peer(1)])
    t.equal((await store.stats(3)).ordersPending, 1)
  })

  await t.test('nor is it recorded while another copy waits to be deleted', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await store.recordReceipts([receipt(1, chunk('x'), g)])
    await store.abandonUpload(upload)
    t.equal(await store.condemnChunks(10), 1)
    await store.recordReceipts([receipt(2, chunk('x'), g)])
    t.strictSame(await store.listOrderPeers(), [peer(1), peer(2)])
  })

  await t.test('a receipt for an earlier life is not a copy of the present one', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g1 = await reserve(store, upload, 0, chunk('x'))
    await store.recordReceipts([receipt(1, chunk('x'), g1)])
    await store.abandonUpload(upload)
    await store.condemnChunks(10)
    const again = await openUpload(store, 'b')
    const g2 = await reserve(store, again, 0, chunk('x'))
    t.ok(g2 > g1)
    await store.recordReceipts([receipt(2, chunk('x'), g1)])
    t.strictSame((await store.listOwed(3, undefined, 10))[0]?.copies, [], 'neither the old nor the late one')
    t.strictSame(
      (await store.listOrders(peer(2), 10)).map((order) => order.generation),
      [g1],
      'the late one is ordered away at its own generation'
    )
    await store.recordReceipts([receipt(3, chunk('x'), g2), receipt(3, chunk('x'), g1)])
    t.strictSame(await store.listOrders(peer(3), 10), [], 'a node keeps what it holds for the present life')
  })

  await t.test('a generation that was never given out is neither recorded nor ordered away', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await reserve(store, upload, 1, chunk('y'))
    await store.recordReceipts([
      receipt(1, chunk('x'), generation(g + 1)),
      receipt(1, chunk('x'), generation(g + 100)),
      receipt(1, chunk('unknown'), generation(g + 100))
    ])
    t.strictSame(await store.listOrderPeers(), [])
    t.strictSame((await store.listOwed(3, undefined, 10))[0]?.copies, [])
  })

  await t.test('a copy that was lost is no longer recorded', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a', { peers: [1, 2, 3] })
    const [first] = await store.listFileChunks(file.id, 0, 1)
    if (first === undefined) return t.fail('no chunk')
    t.equal((await store.stats(3)).chunksOwed, 0)
    const lost = { peer: peer(2), chunk: first.id, generation: first.generation }
    await store.dropCopy({ ...lost, generation: generation(first.generation - 1) })
    t.equal((await store.stats(3)).chunksOwed, 0, 'what was said of an earlier life changes nothing')
    await store.dropCopy(lost)
    await store.dropCopy(lost)
    await store.dropCopy({ ...lost, peer: peer(9) })
    const owed = await store.listOwed(3, undefined, 10)
    t.strictSame(
      owed.map((each) => [each.chunk, each.copies.map((copy) => copy.peer)]),
      [[first.id, [peer(1), peer(3)]]]
    )
    await store.recordReceipts([receipt(4, first.id, first.generation)])
    t.strictSame(await store.listOwed(3, undefined, 10), [])
  })

  await t.test('owed chunks come in pages, in order of digests', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const names = Array.from({ length: 9 }, (_, i) => `chunk ${i}`)
    for (const [i, name] of names.entries()) {
      const g = await reserve(store, upload, i, chunk(name))
      const peers = [1, 2, 3].slice(0, i % 4)
      await store.recordReceipts(peers.map((n) => receipt(n, chunk(name), g)))
    }
    const seen: string[] = []
    for (let after: ReturnType<typeof chunk> | undefined; ;) {
      const page = await store.listOwed(3, after, 2)
      if (page.length === 0) break
      seen.push(...page.map((each) => each.chunk))
      after = page.at(-1)?.chunk
    }
    const whole = (await store.listOwed(3, undefined, 100)).map((each) => each.chunk)
    t.strictSame(seen, whole)
    t.equal(new Set(seen).size, 7, 'those with three copies are not owed')
    t.equal((await store.listOwed(4, undefined, 100)).length, 9, 'unless more are wanted')
    t.equal((await store.listOwed(1, undefined, 100)).length, 3)
    await store.abandonUpload(upload)
    t.strictSame(await store.listOwed(3, undefined, 100), [], 'nobody is owed what nobody needs')
    await collectAll(store)
    t.equal((await store.stats(3)).chunks, 0)
  })
}
