/** What nodes hold, against what is recorded of them. */

import t from 'tap'
import { MemoryChunkStore } from '../../../src/node/store/memory-chunk-store.ts'
import type { ChunkId, Generation } from '../../../src/types.ts'
import { overEachStore } from '../cluster.ts'
import { countingStore, startStock } from './stock.ts'

const texts = (count: number): string[] => Array.from({ length: count }, (_none, index) => `piece ${index}`)

overEachStore(
  t,
  'after a restart of all nodes every copy counts again in a moment, and no byte is read',
  async (t, makeStore) => {
    const stock = await startStock(t, { makeStore })
    const { world, sender, sure, restart } = stock
    await sender.send({ content: texts(20) })
    await world.until('all is recorded', async () =>
      Object.values(await sure()).every((copies) => copies === 21)
    )
    const counting = []
    for (let index = 0; index < 3; index++) {
      const { store, touched } = await countingStore(world)
      for (const { id, generation } of await stock.node(index).store.list({ limit: 100 })) {
        await store.put(id, await stock.node(index).store.get(id), generation)
      }
      const before = touched()
      counting.push(() => touched() - before)
      await restart(index, { store })
    }
    t.same(await sure(), { h1: 0, h2: 0, h3: 0 }, 'nobody has been asked yet')
    const startedAt = world.clock.monotonic()
    await world.until('they count again', async () =>
      Object.values(await sure()).every((copies) => copies === 21)
    )
    t.ok(world.clock.monotonic() - startedAt < 1500)
    t.same(
      counting.map((touched) => touched()),
      [0, 0, 0]
    )
  }
)

overEachStore(t, 'copies of a node that lost its disk are dropped, and made again', async (t, makeStore) => {
  const stock = await startStock(t, { makeStore })
  const { world, sender, sure, restart, copies } = stock
  const { chunks } = await sender.send({ content: texts(5) })
  await stock.compared()
  await restart(1, { store: new MemoryChunkStore({ clock: world.clock }) })
  await world.until('they are made again', async () => {
    for (const chunk of chunks) if ((await copies(chunk)) < 3) return false
    return (await sure())['h2'] === 6
  })
  t.same(stock.dropped(1).toSorted(), chunks.toSorted())
  t.same([...stock.dropped(0), ...stock.dropped(2)], [], 'of the others none is')
})

overEachStore(t, 'of a node that lost some chunks exactly those are dropped', async (t, makeStore) => {
  const stock = await startStock(t, { makeStore })
  const { world, sender, sure, restart } = stock
  const { chunks } = await sender.send({ content: texts(40) })
  await world.pass(2000)
  const lost = chunks.filter((_chunk, index) => index % 5 === 0)
  for (const chunk of lost) await stock.node(2).store.delete(chunk, 1_000_000 as Generation)
  await restart(2)
  await world.until('all count again', async () => (await sure())['h3'] === 41)
  t.same(stock.dropped(2).toSorted(), lost.toSorted())
  t.same([...stock.dropped(0), ...stock.dropped(1)], [])
})

t.test('copies that were lost without a restart are found by the next inventory', async (t) => {
  const stock = await startStock(t, { config: { inventory: { intervalMs: 10_000 } } })
  const { world, sender, copies } = stock
  const { chunks } = await sender.send({ content: texts(3) })
  await stock.compared()
  for (const chunk of chunks) await stock.node(0).store.delete(chunk, 1_000_000 as Generation)
  await world.until('they are made again', async () => (await copies(chunks[0] as ChunkId)) === 3)
})

overEachStore(
  t,
  'a stale copy is lifted without its bytes where copies are lacking',
  async (t, makeStore) => {
    const stock = await startStock(t, { makeStore, config: { controller: { owedIntervalMs: 1_000_000 } } })
    const { world, sender, plant, sure } = stock
    await sender.send() // so that generations before this file's exist
    const { chunks } = await sender.send({ content: ['old and new'] })
    const [chunk] = chunks
    if (chunk === undefined) return
    await stock.compared()
    const { store: old } = stock.node(2)
    const { store, touched } = await countingStore(world)
    for (const { id, generation } of await old.list({ limit: 100 })) {
      // an older disk has it at an earlier generation
      await store.put(id, await old.get(id), (id === chunk ? 1 : generation) as Generation)
    }
    const before = touched()
    await stock.restart(2, { store })
    await stock.compared()
    t.equal((await store.stat(chunk))?.generation, (await stock.node(0).store.stat(chunk))?.generation)
    t.equal(touched(), before, 'no byte was sent or read')
    const all = await sure()
    t.equal(all['h3'], all['h1'])
    t.ok(await plant(0, 'unused'))
  }
)

overEachStore(t, 'a stale copy that nobody needs is deleted', async (t, makeStore) => {
  const stock = await startStock(t, { makeStore })
  const { world, sender, nodes, copies } = stock
  await sender.send()
  const { chunks } = await sender.send({ content: ['old and new'] })
  const [chunk] = chunks
  if (chunk === undefined) return
  await stock.compared()
  nodes.push(await world.addNode('h4'))
  await stock.compared()
  await stock.plant(3, 'old and new', 1)
  await stock.restart(3)
  await world.until('it is gone', async () => (await stock.node(3).store.stat(chunk)) === undefined)
  await world.pass(3000)
  t.equal(await copies(chunk), 3)
})

t.test('a controller that is stopped in the middle of an inventory leaves nobody watching', async (t) => {
  const stock = await startStock(t)
  const { world, controller, sender } = stock
  await sender.send({ content: texts(30) })
  await stock.compared()
  const listening = new Set<() => void>()
  const { membership } = controller
  const onChange = membership.onChange.bind(membership)
  membership.onChange = (listener) => {
    listening.add(listener)
    const unwatch = onChange(listener)
    return () => {
      listening.delete(listener)
      unwatch()
    }
  }
  const { store } = controller
  const confirm = store.confirmCopies.bind(store)
  let confirmed = 0
  const gate = Promise.withResolvers<void>()
  const reached = new Promise<void>((resolve) => {
    store.confirmCopies = async (request) => {
      if (++confirmed === 100) resolve()
      if (confirmed >= 100) await gate.promise
      return await confirm(request)
    }
  })
  await stock.restart(0)
  await world.run(reached)
  t.ok(listening.size > 0)
  const stopping = world.stop(controller)
  gate.resolve()
  await stopping
  t.equal(listening.size, 0)
})

t.test('nodes that cannot be reached do not keep others waiting', async (t) => {
  const stock = await startStock(t, { hosts: ['h1', 'h2', 'h3', 'h4', 'h5'] })
  const { world, sender, controller } = stock
  await sender.send()
  await stock.compared()
  for (const index of [0, 1, 2, 3, 4]) await stock.restart(index)
  // as many as there are lanes: they are heard, but no stream reaches them
  for (const index of [0, 1, 2]) world.hub.cut(controller.peer, stock.node(index).peer, { silent: true })
  const comparedHosts = async (): Promise<string[]> => {
    const { nodes } = await sender.call('status', {})
    return nodes.flatMap(({ host, reconciledAt }) => (reconciledAt === null ? [] : [host])).toSorted()
  }
  const startedAt = world.clock.monotonic()
  await world.until('the others are compared', async () => (await comparedHosts()).length === 2)
  t.same(await comparedHosts(), ['h4', 'h5'])
  t.ok(world.clock.monotonic() - startedAt < 10_000)
  for (const index of [0, 1, 2]) world.hub.heal(controller.peer, stock.node(index).peer)
  await stock.compared()
})
