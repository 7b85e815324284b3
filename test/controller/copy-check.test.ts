/** Complaints about copies, and what becomes of rotten ones. */

import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import type { Generation } from '../../src/types.ts'
import { overEachStore } from './cluster.ts'
import { startStock } from './inventory/stock.ts'

overEachStore(
  t,
  'a rotten copy that a reader met is replaced at once, and no inventory counts it again',
  async (t, makeStore) => {
    const config = { inventory: { intervalMs: 500, quarantineMs: 1_000_000 } }
    const stock = await startStock(t, { makeStore, config })
    const { world, sender, sure } = stock
    const { chunks } = await sender.send({ content: ['good bytes'] })
    const [chunk] = chunks
    if (chunk === undefined) return
    await stock.compared()
    const { peer, store } = stock.node(0)
    const generation = (await store.stat(chunk))?.generation as Generation
    store.rot(chunk)
    const put = store.put.bind(store)
    let repaired = false
    store.put = async (...args) => {
      if (!repaired) throw new PeerbinError('store-full')
      return await put(...args)
    }
    await sender.call('reportBadCopy', { peer, chunk, generation, code: 'chunk-corrupt' })
    t.ok(stock.dropped(0).includes(chunk)) // also the node itself complains
    t.equal((await store.usage()).quarantined, 1)
    await world.pass(3000) // several inventories
    t.equal((await sure())['h1'], 1, 'the manifest alone')
    t.equal((await stock.recorded())['h1'], 1)

    repaired = true
    await world.until('it is replaced', async () => (await sure())['h1'] === 2)
    t.ok(Buffer.from('good bytes').equals(await store.get(chunk)))
    t.equal((await store.usage()).quarantined, 0)
  }
)

t.test('a copy that is dropped is made again without waiting for a round', async (t) => {
  const stock = await startStock(t, {
    config: { controller: { owedIntervalMs: 60_000 }, repair: { patrolMs: 1_000_000 } }
  })
  const { world, sender, copies } = stock
  const { chunks } = await sender.send({ content: ['lost'] })
  const [chunk] = chunks
  if (chunk === undefined) return
  await stock.compared()
  await world.pass(3000)
  const { peer, store } = stock.node(1)
  const generation = (await store.stat(chunk))?.generation as Generation
  await store.delete(chunk, generation)
  const startedAt = world.clock.monotonic()
  await sender.call('reportBadCopy', { peer, chunk, generation, code: 'chunk-not-found' })
  await world.until('it is back', async () => (await copies(chunk)) === 3)
  t.ok(world.clock.monotonic() - startedAt < 5000)
})

t.test('a chunk that is given to the node again while its record is dropped counts in the end', async (t) => {
  const stock = await startStock(t, { config: { inventory: { intervalMs: 1_000_000 } } })
  const { world, controller, sender } = stock
  const { chunks } = await sender.send({ content: ['gone and back'] })
  const [chunk] = chunks
  if (chunk === undefined) return
  await stock.compared()
  const { peer, store } = stock.node(1)
  const generation = (await store.stat(chunk))?.generation as Generation
  await store.delete(chunk, generation)
  const dropCopy = controller.store.dropCopy.bind(controller.store)
  let dropped = false
  controller.store.dropCopy = async (copy) => {
    // between the node's answer and the record: its receipt for the new bytes is recorded first, and dropped with the old one
    if (!dropped) await store.put(chunk, Buffer.from('gone and back'), generation)
    dropped = true
    await dropCopy(copy)
  }
  await sender.call('reportBadCopy', { peer, chunk, generation, code: 'chunk-not-found' })
  t.ok(dropped)
  await world.until('it counts', async () => (await stock.sure())['h2'] === 2)
  t.pass()
})
