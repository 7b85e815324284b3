import t from 'tap'
import { InventorySchedule } from '../../../src/controller/inventory/schedule.ts'
import type { Compared } from '../../../src/controller/inventory/schedule.ts'
import { member, peer } from '../members.ts'

const compared: Compared = { at: 1000, chunks: 10, unknown: 0, held: false }
const [a, b, c] = [member('A'), member('B'), member('C')]

const byText = (one = '', other = ''): number => (one < other ? -1 : 1)

t.test('every active node is taken once, and nobody else', async (t) => {
  const schedule = new InventorySchedule()
  const members = [a, b, member('S', { liveness: 'suspect' }), member('E', { roles: ['edge'] })]
  t.same([schedule.take(members, 0)?.peer, schedule.take(members, 0)?.peer].toSorted(byText), [
    a.peer,
    b.peer
  ])
  t.equal(schedule.take(members, 0), undefined)
})

t.test('a node is due again after its time, or as soon as it is in another boot', async (t) => {
  const schedule = new InventorySchedule()
  const task = schedule.take([a], 0)
  if (task === undefined) return
  t.equal(schedule.comparedIn(a.peer, 1), undefined)
  schedule.done(task, compared, 100, 5000)
  t.same(schedule.comparedIn(a.peer, 1), compared)
  t.equal(schedule.take([a], 5099), undefined)
  const restarted = { ...a, boot: 2 }
  t.same(schedule.take([restarted], 200), { peer: a.peer, host: a.host, boot: 2 })
  t.equal(schedule.comparedIn(a.peer, 2), undefined)
  t.equal(schedule.comparedIn(a.peer, 1), undefined)
  const other = new InventorySchedule()
  const first = other.take([b], 0)
  if (first === undefined) return
  other.done(first, compared, 100, 5000)
  t.ok(other.take([b], 5100))
})

t.test('nodes in a new boot come before those that are only due', async (t) => {
  const schedule = new InventorySchedule()
  for (let i = 0; i < 2; i++) {
    const task = schedule.take([a, b], 0)
    if (task !== undefined) schedule.done(task, compared, 0, 10)
  }
  t.equal(schedule.take([a, b, c], 1_000_000)?.peer, c.peer)
})

t.test('one that fails pauses longer each time, and what it held up goes on', async (t) => {
  const schedule = new InventorySchedule()
  let now = 0
  const pauses: number[] = []
  for (let i = 0; i < 12; i++) {
    const task = schedule.take([a], now)
    if (task === undefined) return t.fail('it is due')
    schedule.failed(task, now)
    const failedAt = now
    while (schedule.take([a], now) === undefined) now += 250
    pauses.push(now - failedAt)
    schedule.failed(task, now) // the look that took it
    now += 120_000
  }
  t.equal(pauses[0], 500)
  t.ok(pauses.every((pause) => pause <= 60_000))
  t.equal(pauses.at(-1), 60_000)
})

t.test('what ended in an earlier boot says nothing of the present one', async (t) => {
  const schedule = new InventorySchedule()
  const old = schedule.take([a], 0)
  if (old === undefined) return
  const restarted = { ...a, boot: 2 }
  t.equal(schedule.take([restarted], 1), undefined, 'the lane has still to notice')
  schedule.failed(old, 2)
  const fresh = schedule.take([restarted], 3)
  t.equal(fresh?.boot, 2, 'without a pause')
  schedule.done(old, compared, 4, 1000)
  t.equal(schedule.comparedIn(a.peer, 2), undefined)
  t.notOk(schedule.triedIn(a.peer, 2))
})

t.test('a doubt while a comparison runs makes another one follow', async (t) => {
  const schedule = new InventorySchedule()
  const task = schedule.take([a], 0)
  if (task === undefined) return
  schedule.again(a.peer)
  schedule.done(task, compared, 10, 1_000_000)
  const second = schedule.take([a], 10)
  t.ok(second)
  if (second !== undefined) schedule.done(second, compared, 20, 1_000_000)
  t.equal(schedule.take([a], 30), undefined)
  schedule.again(a.peer)
  t.ok(schedule.take([a], 30))
  schedule.again(peer('nobody'))
})

t.test('a retired node is forgotten', async (t) => {
  const schedule = new InventorySchedule()
  const task = schedule.take([a], 0)
  if (task !== undefined) schedule.done(task, { ...compared, unknown: 7, held: true }, 0, 10)
  t.equal(schedule.all().length, 1)
  schedule.take([b], 0)
  t.same(schedule.all(), [])
})
