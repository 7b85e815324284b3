import t from 'tap'
import type { KnownPeers } from '../../src/cluster/announcer.ts'
import { encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { HEARTBEAT_TOPIC } from '../../src/protocol/limits.ts'
import { memoryCell } from '../../src/runtime/cell.ts'
import type { Cell } from '../../src/runtime/cell.ts'
import type { Address } from '../../src/types.ts'
import { active, ids, World } from './announcer-world.ts'
import { heartbeat } from './members.ts'

t.test('from one address everybody meets everybody within a few intervals', async (t) => {
  const world = new World(t)
  const first = await world.start({})
  const all = [first]
  for (let i = 0; i < 6; i++) all.push(await world.start({ bootstrap: first.network.addresses() }))
  await world.clock.advance(3 * world.config.intervalMs)
  for (const process of all) {
    t.same(active(process).toSorted(), ids(all))
    t.equal(process.network.connected().length, all.length - 1, 'a full mesh')
  }
})

t.test('a newcomer is seen by all without waiting for an interval', async (t) => {
  const world = new World(t)
  const first = await world.start({})
  const second = await world.start({ bootstrap: first.network.addresses() })
  await world.clock.advance(5000)
  const third = await world.start({ bootstrap: first.network.addresses() })
  await world.clock.advance(world.config.intervalMs * 0.9)
  for (const process of [first, second, third]) t.equal(active(process).length, 3)
})

t.test('who falls silent becomes suspect, then down, by the clock of whoever listens', async (t) => {
  const world = new World(t)
  const first = await world.start({})
  const second = await world.start({ bootstrap: first.network.addresses() })
  await world.clock.advance(3000)
  const seen = () => first.membership.get(second.network.self)?.liveness
  t.equal(seen(), 'active')
  await second.stop()
  world.clock.jump(3_600_000)
  await world.clock.advance(4000)
  t.equal(seen(), 'active')
  world.clock.jump(-7_200_000)
  await world.clock.advance(2000)
  t.equal(seen(), 'suspect')
  await world.clock.advance(25_000)
  t.equal(seen(), 'down')
})

t.test(
  'a peer that restarts without a bootstrap address finds the others by what it remembers',
  async (t) => {
    const world = new World(t)
    const first = await world.start({})
    const second = await world.start({ bootstrap: first.network.addresses() })
    await world.clock.advance(3000)
    const boot = second.announcer.boot
    await second.stop()
    await world.clock.advance(40_000)
    const { disk } = second
    const again = await world.start({ disk, peer: second.network.self })
    t.ok(again.announcer.boot > boot)
    await world.clock.advance(2000)
    t.equal(first.membership.get(again.network.self)?.liveness, 'active')
    t.equal(active(again).length, 2)
  }
)

t.test('a peer whose disk was wiped, and whose clock is behind, is heard again', async (t) => {
  const world = new World(t)
  const first = await world.start({})
  const second = await world.start({ bootstrap: first.network.addresses() })
  await world.clock.advance(3000)
  const boot = second.announcer.boot
  await second.stop()
  world.clock.jump(-365 * 86_400_000)
  const wiped = await world.start({ bootstrap: first.network.addresses(), peer: second.network.self })
  t.ok(wiped.announcer.boot < boot)
  await world.clock.advance(3000)
  t.ok(wiped.announcer.boot > boot, 'it went above what the other knew')
  t.equal(wiped.disk.boot.get(), wiped.announcer.boot, 'durably')
  t.match(first.membership.get(wiped.network.self), { liveness: 'active', boot: wiped.announcer.boot })
})

t.test('a wrong report of a later start is not followed beyond what numbers hold', async (t) => {
  const world = new World(t)
  const first = await world.start({})
  const liar = await world.start({ bootstrap: first.network.addresses() })
  await world.clock.advance(2000)
  const boot = first.announcer.boot
  const stale = [{ peer: first.network.self, boot: Number.MAX_SAFE_INTEGER }]
  const lie = heartbeat(1, { peer: liar.network.self, boot: liar.announcer.boot, sequence: 1000 })
  await liar.network.publish(HEARTBEAT_TOPIC, encodeHeartbeat({ v: 1, ...lie, stale }))
  await world.clock.advance(3000)
  t.equal(first.announcer.boot, boot)
})

t.test('nobody can speak for another, and nonsense changes nothing', async (t) => {
  const world = new World(t)
  const first = await world.start({})
  const second = await world.start({ bootstrap: first.network.addresses() })
  await world.clock.advance(2000)
  const forged = heartbeat(9, { sequence: 5 })
  await second.network.publish(HEARTBEAT_TOPIC, encodeHeartbeat({ v: 1, ...forged }))
  await second.network.publish(HEARTBEAT_TOPIC, Buffer.from('nonsense'))
  await second.network.publish(HEARTBEAT_TOPIC, new Uint8Array(0))
  await world.clock.advance(2000)
  t.equal(first.membership.get(forged.peer), undefined)
  t.equal(active(first).length, 2)
})

t.test('after a cut is healed the connection comes back', async (t) => {
  const world = new World(t)
  const first = await world.start({})
  const second = await world.start({ bootstrap: first.network.addresses() })
  await world.clock.advance(2000)
  world.hub.cut(first.network.self, second.network.self)
  await world.clock.advance(60_000)
  t.equal(first.membership.get(second.network.self)?.liveness, 'down')
  world.hub.heal(first.network.self, second.network.self)
  await world.clock.advance(15_000)
  t.same(first.network.connected(), [second.network.self])
  t.equal(active(first).length, 2)
})

t.test('known peers are saved when they change, not at every heartbeat', async (t) => {
  const world = new World(t)
  let saves = 0
  const cell = memoryCell<KnownPeers>({})
  const peers: Cell<KnownPeers> = {
    get: () => cell.get(),
    set: async (value) => {
      saves++
      await cell.set(value)
    }
  }
  const first = await world.start({ disk: { boot: memoryCell(0), peers } })
  const second = await world.start({ bootstrap: first.network.addresses() })
  const command = await world.start({ bootstrap: first.network.addresses(), role: 'admin' })
  await world.clock.advance(20_000)
  t.same(Object.keys(peers.get()), [second.network.self], 'commands of operators are not remembered')
  t.equal(first.membership.get(command.network.self)?.liveness, 'active')
  t.equal(saves, 1)
})

t.test('a stopped announcer leaves no timer behind', async (t) => {
  const world = new World(t)
  const first = await world.start({ bootstrap: ['/memory/x/p2p/12D3KooWunknown' as Address] })
  await world.clock.advance(2500)
  await first.stop()
  t.equal(world.clock.timers, 0)
})
