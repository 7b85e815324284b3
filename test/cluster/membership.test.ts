import t from 'tap'
import { livenessOf } from '../../src/cluster/membership.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { heartbeat, membershipOf, peerId } from './members.ts'

t.test('silence makes suspect, then down', async (t) => {
  const timeouts = { suspectAfterMs: 5000, downAfterMs: 30_000 }
  t.equal(livenessOf(0, timeouts), 'active')
  t.equal(livenessOf(4999, timeouts), 'active')
  t.equal(livenessOf(5000, timeouts), 'suspect')
  t.equal(livenessOf(29_999, timeouts), 'suspect')
  t.equal(livenessOf(30_000, timeouts), 'down')
  t.equal(livenessOf(Infinity, timeouts), 'down')
})

t.test('age is judged by the own monotonic clock: jumps of the wall clock change nothing', async (t) => {
  const clock = new ManualClock()
  const members = membershipOf(clock)
  members.observe(heartbeat(1))
  clock.jump(3_600_000)
  t.equal(members.get(peerId(1))?.liveness, 'active')
  clock.jump(-7_200_000)
  await clock.advance(5000)
  t.equal(members.get(peerId(1))?.liveness, 'suspect')
  await clock.advance(25_000)
  t.equal(members.get(peerId(1))?.liveness, 'down')
  t.same(members.active('node'), [])
})

t.test('heartbeats that are repeated or come in another order keep nobody alive', async (t) => {
  const clock = new ManualClock()
  const members = membershipOf(clock)
  t.ok(members.observe(heartbeat(1, { boot: 2, sequence: 7, freeBytes: 7 })))
  await clock.advance(6000)
  t.notOk(members.observe(heartbeat(1, { boot: 2, sequence: 7 })))
  t.notOk(members.observe(heartbeat(1, { boot: 2, sequence: 6 })))
  t.notOk(members.observe(heartbeat(1, { boot: 1, sequence: 999 })))
  t.match(members.get(peerId(1)), { liveness: 'suspect', sequence: 7, freeBytes: 7 })
  t.ok(members.observe(heartbeat(1, { boot: 3, sequence: 1 })), 'a new start counts from 1 again')
  t.equal(members.get(peerId(1))?.liveness, 'active')
})

t.test('what is remembered from before a restart is down until it is heard anew', async (t) => {
  const members = membershipOf(new ManualClock())
  members.remember(heartbeat(1, { sequence: 5 }), 123)
  t.match(members.get(peerId(1)), { liveness: 'down', lastHeartbeatAt: 123 })
  t.notOk(members.observe(heartbeat(1, { sequence: 5 })), 'a replay')
  t.equal(members.get(peerId(1))?.liveness, 'down')
  t.ok(members.observe(heartbeat(1, { sequence: 6 })))
  members.remember(heartbeat(1, { sequence: 5 }), 123)
  t.equal(members.get(peerId(1))?.liveness, 'active', 'an old memory changes nothing')
})

t.test('who was forgotten comes back only with something newer', async (t) => {
  const members = membershipOf(new ManualClock())
  members.observe(heartbeat(1, { sequence: 5 }))
  members.forget(peerId(1))
  t.notOk(members.observe(heartbeat(1, { sequence: 5 })))
  members.remember(heartbeat(1, { sequence: 5 }), 0)
  t.same(members.all(), [])
  t.ok(members.observe(heartbeat(1, { sequence: 6 })))
})

t.test('hosts of nodes count also when they are down, hosts of others never', async (t) => {
  const clock = new ManualClock()
  const members = membershipOf(clock)
  members.observe(heartbeat(1))
  members.observe(heartbeat(2, { roles: ['edge'] }))
  await clock.advance(60_000)
  members.observe(heartbeat(3, { roles: ['node', 'edge'] }))
  t.same(members.nodeHosts(), new Set(['host-1', 'host-3']))
})

t.test('listeners hear of those who come, change and fall silent, not of every heartbeat', async (t) => {
  const clock = new ManualClock()
  const members = membershipOf(clock)
  let told = 0
  const stop = members.onChange(() => told++)
  const expect = (count: number, what: string): void => {
    t.equal(told, count, what)
    told = 0
  }
  members.observe(heartbeat(1))
  expect(1, 'came')
  members.observe(heartbeat(1, { sequence: 2, freeBytes: 1 }))
  expect(0, 'the same with other figures')
  members.observe(heartbeat(1, { sequence: 3, state: 'full' }))
  expect(1, 'changed')
  await clock.advance(4999)
  expect(0, 'not yet')
  await clock.advance(1)
  expect(1, 'suspect')
  // somebody who joins while the timer waits for another is not overlooked
  members.observe(heartbeat(2))
  expect(1, 'another came')
  await clock.advance(5000)
  expect(1, 'the other is suspect')
  await clock.advance(20_000)
  expect(1, 'the first is down')
  members.observe(heartbeat(1, { sequence: 4, state: 'full' }))
  expect(1, 'and back')
  members.forget(peerId(2))
  expect(1, 'forgotten')
  stop()
  members.observe(heartbeat(3))
  expect(0, 'nobody listens any more')
  t.equal(clock.timers, 0)
})

t.test('short-lived peers make room for others, nodes never do', async (t) => {
  const clock = new ManualClock()
  const members = membershipOf(clock)
  members.observe(heartbeat(0))
  for (let i = 1; i < 1024; i++) members.observe(heartbeat(i, { roles: ['admin'] }))
  t.notOk(members.observe(heartbeat(5000)), 'all of them are alive')
  await clock.advance(30_000)
  t.ok(members.observe(heartbeat(5000)))
  t.equal(members.all().length, 1024)
  t.ok(members.get(peerId(0)))
})
