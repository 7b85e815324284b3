/** Between a receipt and the commit a node may start again: what it said before is not believed, what it says now is. */

import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import type { ChunkId } from '../../src/types.ts'
import { overEachStore } from './cluster.ts'
import { countingStore, startStock } from './inventory/stock.ts'
import type { Stock } from './inventory/stock.ts'

const emptyStore = ({ world }: Stock): MemoryChunkStore => new MemoryChunkStore({ clock: world.clock })

async function fewest({ copies }: Stock, chunks: ChunkId[]): Promise<number> {
  let least = Infinity
  for (const chunk of chunks) least = Math.min(least, await copies(chunk))
  return least
}

overEachStore(
  t,
  'no commit stands on receipts of nodes whose disks were wiped since',
  async (t, makeStore) => {
    const stock = await startStock(t, { makeStore })
    const { world, sender } = stock
    await stock.compared()
    const { commit, chunks } = await sender.prepare()
    let repairable = false
    for (const index of [0, 1]) {
      const store = emptyStore(stock)
      const put = store.put.bind(store)
      store.put = async (...args) => {
        if (!repairable) throw new PeerbinError('store-full')
        return await put(...args)
      }
      await stock.restart(index, { store })
    }
    t.equal(await fewest(stock, chunks), 1)
    await t.rejects(sender.call('commitUpload', commit), { code: 'copies-missing', retryAfterMs: Number })
    repairable = true
    await world.until('the missing copies are made, and the same commit succeeds', async () => {
      try {
        await sender.call('commitUpload', commit)
      } catch {
        return false // copies are still missing; another reason would make it so for ever
      }
      return true
    })
    t.ok((await fewest(stock, chunks)) >= 2, 'at that moment two nodes hold every chunk')
  }
)

overEachStore(
  t,
  'a commit succeeds at once after all nodes restarted with their disks, and no byte is sent again',
  async (t, makeStore) => {
    const stock = await startStock(t, { makeStore })
    const { world, sender } = stock
    await stock.compared()
    const { commit, chunks } = await sender.prepare()
    const counting = []
    for (const index of [0, 1, 2]) {
      const { store, touched } = await countingStore(world)
      const { store: old } = stock.node(index)
      for (const { id, generation } of await old.list({ limit: 100 }))
        await store.put(id, await old.get(id), generation)
      const before = touched()
      counting.push(() => touched() - before)
      await stock.restart(index, { store })
    }
    const startedAt = world.clock.monotonic()
    const { file } = await sender.call('commitUpload', commit)
    t.ok(world.clock.monotonic() - startedAt < 100, 'without waiting for an inventory')
    t.equal(file.id, commit.file)
    t.same(
      counting.map((touched) => touched()),
      [0, 0, 0]
    )
    t.equal(await fewest(stock, chunks), 3)
  }
)

t.test('more chunks than are looked at together are all verified by one commit', async (t) => {
  const stock = await startStock(t)
  const { sender } = stock
  await stock.compared()
  const content = Array.from({ length: 1100 }, (_none, index) => `piece ${index}`)
  const { commit } = await sender.prepare({ content })
  for (const index of [0, 1, 2]) await stock.restart(index)
  const { file } = await sender.call('commitUpload', commit)
  t.equal(file.chunkCount, 1100)
})

t.test('a reservation does not count copies of nodes that were not asked yet', async (t) => {
  const stock = await startStock(t)
  const { sender } = stock
  await sender.send({ content: ['the same bytes'] })
  await stock.compared()
  const before = await sender.place(await sender.open(), 0, 'the same bytes')
  t.ok(before.present)
  await stock.restart(0)
  await stock.restart(1)
  const after = await sender.place(await sender.open(), 0, 'the same bytes')
  t.notOk(after.present)
  await stock.compared()
  const later = await sender.place(await sender.open(), 0, 'the same bytes')
  t.ok(later.present)
})

t.test(
  'a receipt from before a restart, that comes after the inventory, does not stay unproved',
  async (t) => {
    const stock = await startStock(t)
    const { world, sender, recorded } = stock
    const upload = await sender.open()
    const { chunk, receipts } = await sender.place(upload, 0, 'slow')
    const { boot } = stock.node(0)
    const generation = receipts[0]?.generation
    if (generation === undefined) throw new Error('there is no receipt')
    await world.pass(1000)
    const full = emptyStore(stock)
    full.put = async () => {
      throw new PeerbinError('store-full') // so that no copy can be made there again
    }
    await stock.restart(0, { store: full })
    await stock.compared()
    t.same(stock.dropped(0), [chunk])
    const late = { peer: stock.node(0).peer, host: 'h1', chunk, generation, boot }
    await sender.call('recordReceipts', { receipts: [late] })
    await world.until('it is off the record again', async () => (await recorded())['h1'] === 0)
    t.same(stock.dropped(0), [chunk, chunk])
  }
)

overEachStore(t, 'two copies count on two machines no longer once a disk was moved', async (t, makeStore) => {
  const stock = await startStock(t, { makeStore })
  const { world, sender } = stock
  await sender.send({ content: ['the same bytes'] })
  const active = () => stock.controller.membership.active('node').map(({ peer }) => peer)
  await world.crash(stock.node(2))
  await stock.restart(1, { host: 'h1' })
  await world.until('the third node is silent', () => !active().includes(stock.node(2).peer))
  const present = async (): Promise<boolean> =>
    (await sender.place(await sender.open(), 0, 'the same bytes', 1)).present
  await world.until('the moved node was compared', async () => {
    const { nodes } = await sender.call('status', {})
    return nodes.some(({ peer, reconciledAt }) => peer === stock.node(1).peer && reconciledAt !== null)
  })
  t.match(await stock.sure(), { h1: 2 }, 'its copies count')
  t.notOk(await present(), 'but both are on one machine')
  await stock.restart(1, { host: 'h2' })
  await world.until('the node that was moved back was compared', present)
})
