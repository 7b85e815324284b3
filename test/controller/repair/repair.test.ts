/** Nodes die and return: chunks are back at their copies by themselves, and nothing is too many for long. */

import t from 'tap'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import type { ChunkId, PeerId, Receipt } from '../../../src/types.ts'
import { overEachStore } from '../cluster.ts'
import { DELAY_MS, startRepairWorld } from './repair-world.ts'

const FOUR = ['h1', 'h2', 'h3', 'h4']
const FIVE = [...FOUR, 'h5']

overEachStore(t, 'what a dead node held is back at full replication by itself', async (t, makeStore) => {
  const made = await startRepairWorld(t, { hosts: FOUR, makeStore })
  const { world, nodes, kill, sendTo, slow, fewest, repairStatus, settled, ask } = made
  const { chunks } = await sendTo([0, 1, 2], 12)
  await settled()
  slow(50)
  const [, , dead] = nodes
  if (dead === undefined) return
  await kill(dead)
  await world.pass(DELAY_MS - 1000)
  t.equal(await fewest(chunks), 2)
  t.match(await repairStatus(), { copiedChunks: 0, under: 0 }, 'it may come back')
  await world.until('status tells of it', async () => (await repairStatus()).under > 0)
  await world.until('all are back', async () => (await fewest(chunks)) === 3)
  await settled()
  const status = await repairStatus()
  t.match(status, { copiedChunks: chunks.length, trimmedChunks: 0, bytesLeft: 0, etaMs: 0, paused: null })
  t.ok(status.copiedBytes > 0 && status.bytesPerSecond > 0)
  t.match(await ask('status', {}), { chunksOwed: 0 })
})

overEachStore(
  t,
  'a node that returns keeps its copies, and what is too many is trimmed to exactly three',
  async (t, makeStore) => {
    const { world, nodes, kill, revive, sendTo, fewest, most, settled, repairStatus, holders } =
      await startRepairWorld(t, { hosts: FOUR, makeStore })
    const { chunks } = await sendTo([0, 1, 2], 10)
    const [, , dead] = nodes
    if (dead === undefined) return
    await kill(dead)
    await world.until('all are back', async () => (await fewest(chunks)) === 3)
    await revive(dead)
    t.equal(await most(chunks), 4, 'its disk has them still')
    let least = Infinity
    await world.until('none is too many', async () => {
      least = Math.min(least, await fewest(chunks))
      return (await most(chunks)) === 3
    })
    await settled()
    t.equal(least, 3, 'and none ever had fewer')
    t.equal(await fewest(chunks), 3)
    t.equal((await repairStatus()).trimmedChunks, chunks.length)
    for (const chunk of chunks) t.equal(new Set((await holders(chunk)).map(({ host }) => host)).size, 3)
  }
)

t.test('a short absence moves nothing', async (t) => {
  const { world, nodes, kill, revive, sendTo, settled, repairStatus, most } = await startRepairWorld(t, {
    hosts: FOUR
  })
  const { chunks } = await sendTo([0, 1, 2], 6)
  const [, , dead] = nodes
  if (dead === undefined) return
  await kill(dead)
  await world.pass(DELAY_MS - 1500)
  await revive(dead)
  await world.pass(DELAY_MS * 2)
  await settled()
  t.match(await repairStatus(), { copiedChunks: 0, trimmedChunks: 0 })
  t.equal(await most(chunks), 3)
})

t.test('two nodes die one after the other, and every time all is made whole again', async (t) => {
  const { world, nodes, kill, sendTo, fewest, settled } = await startRepairWorld(t, { hosts: FIVE })
  const { chunks } = await sendTo([0, 1, 2], 8)
  for (let round = 0; round < 2; round++) {
    const [first] = nodes
    if (first === undefined) return
    await kill(first)
    await world.pass(DELAY_MS)
    await world.until('all are back', async () => (await fewest(chunks)) === 3)
  }
  await settled()
  t.equal(nodes.length, 3)
  t.equal(await fewest(chunks), 3)
})

t.test('chunks with one copy left come before all others', async (t) => {
  const recorded: Receipt[] = []
  class Watched extends MemoryMetadataStore {
    constructor() {
      super()
      const record = this.recordReceipts
      Object.assign(this, {
        recordReceipts: async (receipts: Receipt[]) => {
          recorded.push(...receipts)
          await record(receipts)
        }
      })
    }
  }
  const store = new Watched()
  const { world, nodes, kill, sendTo, fewest } = await startRepairWorld(t, {
    hosts: FIVE,
    makeStore: () => store,
    // both kinds are found at the same moment, and one copy is made at a time
    config: { repair: { delayMs: 3000, lostShare: 100, copiesMax: 1 } }
  })
  const two = await sendTo([0, 1, 3], 8)
  const one = await sendTo([0, 3, 4], 8)
  await world.pass(2000)
  const [, , , third, fourth] = nodes
  if (third === undefined || fourth === undefined) return
  const before = recorded.length
  await kill(third)
  await kill(fourth)
  const all = [...one.chunks, ...two.chunks]
  await world.until('all are back', async () => (await fewest(all)) === 3)
  const order = [...new Set(recorded.slice(before).map(({ chunk }) => chunk))]
  t.equal(order.length, all.length)
  t.same(new Set(order.slice(0, one.chunks.length)), new Set(one.chunks))
})

t.test('the last copy is copied at once, without waiting for the others to return', async (t) => {
  const { world, nodes, kill, sendTo, fewest, repairStatus } = await startRepairWorld(t, {
    hosts: FIVE,
    config: { repair: { delayMs: 60_000 } }
  })
  const { chunks } = await sendTo([0, 3, 4], 4)
  const [, , , third, fourth] = nodes
  if (third === undefined || fourth === undefined) return
  await kill(third)
  await kill(fourth)
  await world.until('they have two', async () => (await fewest(chunks)) === 2)
  t.equal((await repairStatus()).copiedChunks, chunks.length)
  await world.pass(20_000)
  t.equal(await fewest(chunks), 2, 'the third may come back')
})

t.test('when many nodes vanish together, only last copies are repaired until they return', async (t) => {
  const { world, nodes, kill, revive, sendTo, fewest, most, repairStatus, settled } = await startRepairWorld(
    t,
    {
      hosts: FIVE,
      config: { repair: { lostWindowMs: 600_000, pauseMs: 3_600_000 } }
    }
  )
  const two = await sendTo([0, 1, 3], 5)
  const one = await sendTo([0, 3, 4], 5)
  const [, , , third, fourth] = nodes
  if (third === undefined || fourth === undefined) return
  await kill(third)
  await world.pass(700)
  await kill(fourth)
  await world.until('last copies are made', async () => (await fewest(one.chunks)) === 2)
  await world.pass(DELAY_MS * 5)
  const paused = await repairStatus()
  t.match(paused, { under: two.chunks.length + one.chunks.length, etaMs: null })
  t.match(paused.paused, /^2 of 5 nodes were lost .* for 60 more minutes$/)
  t.equal(await most(two.chunks), 2)

  await revive(third)
  await revive(fourth)
  await settled()
  t.equal((await repairStatus()).paused, null)
  t.equal(await fewest([...one.chunks, ...two.chunks]), 3)
  t.equal(await most([...one.chunks, ...two.chunks]), 3)
})

t.test('the pause ends by itself', async (t) => {
  const { world, nodes, kill, sendTo, fewest, repairStatus } = await startRepairWorld(t, {
    hosts: FIVE,
    config: { repair: { lostWindowMs: 600_000, pauseMs: 40_000 } }
  })
  const { chunks } = await sendTo([0, 1, 3], 5)
  const [, , , third, fourth] = nodes
  if (third === undefined || fourth === undefined) return
  await kill(third)
  await kill(fourth)
  await world.pass(30_000)
  t.equal(await fewest(chunks), 2)
  await world.until('all are back', async () => (await fewest(chunks)) === 3)
  t.equal((await repairStatus()).paused, null)
})

t.test('a full node is passed over', async (t) => {
  const { world, nodes, kill, sendTo, fewest, settled } = await startRepairWorld(t, { hosts: FIVE })
  const { chunks } = await sendTo([0, 1, 2], 8)
  const [, , dead, full] = nodes
  if (dead === undefined || full === undefined) return
  const describe = full.describe.bind(full)
  full.describe = async () => ({ ...(await describe()), state: 'full', freeBytes: 0 })
  await world.beat()
  await kill(dead)
  await world.until('all are back', async () => (await fewest(chunks)) === 3)
  await settled()
  for (const chunk of chunks) t.notOk(await full.holds(chunk))
})

t.test('a target that nobody reaches is replaced by another', async (t) => {
  const { world, nodes, kill, sendTo, fewest } = await startRepairWorld(t, {
    hosts: FIVE,
    config: { replication: { putTimeoutMs: 2000, getTimeoutMs: 1000 } }
  })
  const { chunks } = await sendTo([0, 1, 2], 8)
  const [, , dead, third] = nodes
  if (dead === undefined || third === undefined) return
  // its heartbeats say that it has room
  for (const node of nodes) if (node !== third) world.hub.cut(node.peer, third.peer)
  await kill(dead)
  await world.until('all are back', async () => (await fewest(chunks)) === 3)
  t.pass()
})

t.test('copies stay on two machines when there are two', async (t) => {
  const { world, nodes, kill, sendTo, holders, fewest, settled } = await startRepairWorld(t, {
    hosts: ['h1', 'h1', 'h2', 'h2']
  })
  const { chunks } = await sendTo([0, 1, 2], 8)
  const [, , dead] = nodes
  if (dead === undefined) return
  await kill(dead)
  await world.until('all are back', async () => (await fewest(chunks)) === 3)
  await settled()
  for (const chunk of chunks) {
    const hosts = (await holders(chunk)).map(({ host }) => host)
    t.same(hosts.toSorted(), ['h1', 'h1', 'h2'])
  }
})

t.test('chunks whose copies are on one machine are spread when a second one comes', async (t) => {
  const { world, nodes, kill, sendTo, holders, fewest, settled } = await startRepairWorld(t, {
    hosts: ['h1', 'h1', 'h1', 'h2']
  })
  const { chunks } = await sendTo([0, 1, 3], 6)
  const [, , , elsewhere] = nodes
  if (elsewhere === undefined) return
  await kill(elsewhere)
  await world.until('all are on one machine', async () => (await fewest(chunks)) === 3)
  nodes.push(await world.addNode('h2'))
  await world.pass(500)
  await settled()
  for (const chunk of chunks) {
    const hosts = (await holders(chunk)).map(({ host }) => host)
    t.same(hosts.toSorted(), ['h1', 'h1', 'h2'])
  }
})

overEachStore(
  t,
  'a controller that just started gives nobody up before the full delay',
  async (t, makeStore) => {
    const made = await startRepairWorld(t, { hosts: FOUR, makeStore })
    const { world, nodes, controller, lead, kill, sendTo, fewest } = made
    const { chunks } = await sendTo([0, 1, 2], 5)
    const [, , dead] = nodes
    if (dead === undefined) return
    await kill(dead)
    await world.pass(DELAY_MS - 1000)
    await world.stop(controller)
    lead(await world.addController(makeStore(), { peer: controller.peer }))
    await world.pass(DELAY_MS - 1000)
    t.equal(await fewest(chunks), 2, 'it does not know how long the node was away')
    await world.until('all are back', async () => (await fewest(chunks)) === 3)
  }
)

t.test('stopping does not wait for copies that hang', async (t) => {
  const { world, nodes, controller, kill, sendTo, repairStatus } = await startRepairWorld(t, {
    hosts: FOUR,
    config: { replication: { putTimeoutMs: 1_000_000 }, heartbeat: { suspectAfterMs: 1000 } }
  })
  await sendTo([0, 1, 2], 8)
  const [, , dead, target] = nodes
  if (dead === undefined || target === undefined) return
  await kill(dead)
  target.store.put = async () => await new Promise<never>(() => {})
  await world.until('copies are under way', async () => (await repairStatus()).running > 0)
  const startedAt = world.clock.monotonic()
  await world.stop(controller)
  t.ok(world.clock.monotonic() - startedAt < 3000)
})

t.test('a source that falls silent in the middle of a copy holds nothing up', async (t) => {
  const { world, nodes, kill, sendTo, fewest, repairStatus } = await startRepairWorld(t, {
    hosts: FIVE,
    config: { replication: { putTimeoutMs: 1_000_000, getTimeoutMs: 1_000_000 } }
  })
  const { chunks } = await sendTo([0, 1, 2], 6)
  const [first, , dead] = nodes
  if (first === undefined || dead === undefined) return
  await kill(dead)
  first.store.get = async () => await new Promise<never>(() => {})
  await world.until('copies are under way', async () => (await repairStatus()).running > 0)
  // as if its process was suspended: its connections stand
  first.silent = true
  world.hub.freeze(first.peer)
  nodes.shift()
  await world.until('all are back', async () => (await fewest(chunks)) === 3)
  world.hub.thaw(first.peer)
  t.pass()
})

t.test('no node gives or takes more copies at once than it may', async (t) => {
  const { world, nodes, kill, sendTo, fewest } = await startRepairWorld(t, {
    hosts: FIVE,
    config: { repair: { copiesPerNode: 2, copiesMax: 3 } }
  })
  const { chunks } = await sendTo([0, 1, 2], 20)
  const most = { get: 0, put: 0, all: 0 }
  const now = { get: new Map<PeerId, number>(), put: new Map<PeerId, number>() }
  const sum = (counts: Map<PeerId, number>): number => [...counts.values()].reduce((a, b) => a + b, 0)
  for (const { peer, store } of nodes) {
    const gate = async <T>(what: 'get' | 'put', work: () => Promise<T>): Promise<T> => {
      now[what].set(peer, (now[what].get(peer) ?? 0) + 1)
      most[what] = Math.max(most[what], now[what].get(peer) ?? 0)
      most.all = Math.max(most.all, sum(now.get), sum(now.put))
      await new Promise<void>((resolve) => world.clock.setTimer(40, resolve))
      now[what].set(peer, (now[what].get(peer) ?? 0) - 1)
      return await work()
    }
    const get = store.get.bind(store)
    const put = store.put.bind(store)
    store.get = (...args) => gate('get', () => get(...args))
    store.put = (...args) => gate('put', () => put(...args))
  }
  const [, , dead] = nodes
  if (dead === undefined) return
  await kill(dead)
  await world.until('all are back', async () => (await fewest(chunks)) === 3)
  t.ok(most.get <= 2 && most.put <= 2 && most.all <= 3, JSON.stringify(most))
  t.ok(most.all > 1, 'but several are made at once')
})

t.test('what is urged is looked at before everything else, and at once', async (t) => {
  const made = await startRepairWorld(t, { hosts: FOUR, config: { repair: { patrolMs: 3_600_000 } } })
  const { world, nodes, sender, sendTo, fewest } = made
  const { chunks } = await sendTo([0, 1, 2], 3)
  const [chunk] = chunks
  const [first] = nodes
  if (chunk === undefined || first === undefined) return
  await world.pass(4000)
  const generation = (await first.store.stat(chunk))?.generation
  if (generation === undefined) return
  await first.store.delete(chunk, generation)
  await sender.call('reportBadCopy', { peer: first.peer, chunk, generation, code: 'chunk-not-found' })
  const before = world.clock.monotonic()
  await world.until('it is back', async () => (await fewest([chunk as ChunkId])) === 3)
  t.ok(world.clock.monotonic() - before < 300)
})
