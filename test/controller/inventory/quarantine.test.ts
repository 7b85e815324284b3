/** Chunks that nothing refers to: deleted, but not at the first sight. */

import t from 'tap'
import { overEachStore } from '../cluster.ts'
import { startStock } from './stock.ts'

overEachStore(
  t,
  'a chunk that nothing refers to is deleted when two inventories saw it',
  async (t, makeStore) => {
    const stock = await startStock(t, {
      makeStore,
      config: { inventory: { intervalMs: 1_000_000, quarantineMs: 10_000 } }
    })
    const { world, sender, node, plant } = stock
    await sender.send()
    await stock.compared()
    const unknown = await plant(0, 'nobody knows it')
    const { store } = node(0)
    await stock.restart(0)
    await stock.compared()
    const seenAt = world.clock.monotonic()
    t.match(await sender.call('status', {}), { collector: { unknown: 1, held: [] } })
    await world.pass(9000)
    t.ok(await store.stat(unknown), 'one inventory is not enough')
    await world.until('it is gone', async () => (await store.stat(unknown)) === undefined)
    t.ok(world.clock.monotonic() - seenAt < 13_000, 'the second comes soon after the quarantine')
    await world.until(
      'nothing is left of it',
      async () => (await sender.call('status', {})).collector.unknown === 0
    )
  }
)

t.test('two inventories that are close together do not make a chunk ripe', async (t) => {
  const stock = await startStock(t, {
    config: { inventory: { intervalMs: 1_000_000, quarantineMs: 30_000 } }
  })
  const { world, sender, node, plant } = stock
  await sender.send()
  const unknown = await plant(0, 'nobody knows it')
  for (let restarts = 0; restarts < 4; restarts++) {
    await stock.restart(0)
    await stock.compared()
  }
  await world.pass(5000)
  t.ok(await node(0).store.stat(unknown))
})

overEachStore(t, 'a chunk in quarantine that is uploaded meanwhile stays', async (t, makeStore) => {
  const stock = await startStock(t, {
    makeStore,
    config: { inventory: { intervalMs: 5000, quarantineMs: 10_000 } }
  })
  const { world, sender, node, plant, copies } = stock
  await sender.send()
  const unknown = await plant(0, 'the same bytes')
  await stock.restart(0)
  await stock.compared()
  t.match(await sender.call('status', {}), { collector: { unknown: 1 } })
  const { chunks } = await sender.send({ content: ['the same bytes'] })
  t.equal(chunks[0], unknown)
  await world.pass(40_000)
  t.equal(await copies(unknown), 3)
  t.ok(await node(0).store.stat(unknown))
})

t.test('a chunk of a generation that was never given out is left alone', async (t) => {
  const stock = await startStock(t, { config: { inventory: { intervalMs: 2000, quarantineMs: 1000 } } })
  const { world, sender, controller, plant, node } = stock
  await sender.send()
  const before = await controller.store.lastGeneration()
  const foreign = await plant(0, 'from another cluster', 1_000_000)
  const unnamed = await plant(0, 'through the Blockstore view', 0)
  await world.pass(20_000)
  t.ok(await node(0).store.stat(foreign))
  t.ok(await node(0).store.stat(unnamed))
  t.equal(await controller.store.lastGeneration(), before)
})
