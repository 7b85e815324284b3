import t from 'tap'
import type { Test } from 'tap'
import type { SelfDescription } from '../../src/cluster/announcer.ts'
import { encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { HEARTBEAT_TOPIC, RETIRED_MAX } from '../../src/protocol/limits.ts'
import type { PeerId, Role, Term } from '../../src/types.ts'
import { active, World } from './announcer-world.ts'
import type { Process } from './announcer-world.ts'
import { heartbeat, peerId } from './members.ts'

const term = (value: number): Term => value as Term

/** A controller that leads with term 5, two nodes, and how often each node heard that it was retired. */
async function setUp(t: Test) {
  const world = new World(t)
  const about: Partial<SelfDescription> & { retired: PeerId[] } = { term: term(5), retired: [] }
  const leader = await world.start({ role: 'controller', about })
  const bootstrap = leader.network.addresses()
  const [node, other] = [await world.start({ bootstrap }), await world.start({ bootstrap })]
  await world.clock.advance(3000)
  const knows = (who: Process): boolean => who.membership.get(node.network.self) !== undefined
  return { world, about, leader, bootstrap, node, other, knows }
}

t.test('whoever hears that a node was retired forgets it for good, and it hears that itself', async (t) => {
  const { world, about, leader, node, other, knows } = await setUp(t)
  let told = 0
  node.announcer.onRetired(() => told++)
  about.retired = [node.network.self]
  await leader.announcer.announceNow()
  t.ok(leader.network.connected().includes(node.network.self), 'once may be lost on the way')
  await world.clock.advance(5000)
  t.ok(told > 0)
  t.notOk(knows(other))
  t.notOk(knows(leader), 'the one that says it has forgotten it too')
  for (const process of [leader, other]) {
    t.notOk(process.network.connected().includes(node.network.self), 'and hung up')
  }
  t.ok(knows(node), 'for itself it is there')
  about.retired = []
  await world.clock.advance(60_000)
  t.notOk(knows(other), 'its heartbeats are not heard, however new')
  const later = heartbeat(1, { peer: node.network.self, boot: Number.MAX_SAFE_INTEGER })
  t.equal(other.membership.observe(later), false)
  other.membership.remember(later, 0)
  t.notOk(knows(other))
  t.same(active(other), [other.network.self])
})

t.test('only the leading controller is believed', async (t) => {
  const { world, node, other, bootstrap, knows } = await setUp(t)
  const say = async (role: Role, by: number): Promise<void> => {
    const about = { term: term(by), retired: [node.network.self] }
    const liar = await world.start({ role, about, bootstrap })
    await world.clock.advance(3000)
    await liar.stop()
  }
  for (const [role, by] of [
    ['controller', 4],
    ['controller', 0],
    ['edge', 9],
    ['node', 9],
    ['admin', 9]
  ] as const) {
    await say(role, by)
    t.ok(knows(other), `${role} of term ${by}`)
  }
  await say('controller', 6)
  t.notOk(knows(other))
})

t.test('a process that remembers a greater term believes no controller of a lower one', async (t) => {
  const { world, about, node, bootstrap } = await setUp(t)
  const [wise, fresh] = [
    await world.start({ bootstrap, greatestTerm: () => term(6) }),
    await world.start({ bootstrap })
  ]
  await world.clock.advance(2000)
  about.retired = [node.network.self]
  await world.clock.advance(3000)
  t.ok(wise.membership.get(node.network.self))
  t.equal(fresh.membership.get(node.network.self), undefined)
})

t.test("yesterday's heartbeats change nothing when they are heard again", async (t) => {
  const { world, about, leader, node, other, knows } = await setUp(t)
  const { self } = leader.network
  const before = other.membership.get(self)
  const { boot, sequence } = before ?? { boot: 0, sequence: 0 }
  about.retired = []
  await world.clock.advance(10_000)
  const now = other.membership.all().map(({ lastHeartbeatAt: _at, ...rest }) => rest)
  const old = heartbeat(1, { ...about, peer: self, roles: ['controller'], boot, sequence, term: term(99) })
  const { lastHeartbeatAt } = other.membership.get(self) ?? {}
  const message = encodeHeartbeat({ v: 1, ...old, retired: [node.network.self] })
  world.hub.replay(self, other.network.self, HEARTBEAT_TOPIC, message)
  await world.clock.advance(0)
  t.ok(knows(other))
  t.same(
    other.membership.all().map(({ lastHeartbeatAt: _at, ...rest }) => rest),
    now
  )
  t.equal(other.membership.get(self)?.lastHeartbeatAt, lastHeartbeatAt, 'nor does it keep anybody alive')
})

t.test('a heartbeat names the last of the retired, as many as it can hold', async (t) => {
  const { world, about, other } = await setUp(t)
  const gone = Array.from({ length: RETIRED_MAX + 10 }, (_, i) => peerId(1000 + i))
  about.retired = gone
  await world.clock.advance(3000)
  t.equal(other.membership.observe(heartbeat(1000, { peer: peerId(1000 + RETIRED_MAX + 9) })), false)
  t.equal(other.membership.observe(heartbeat(1000, { peer: peerId(1000) })), true)
})
