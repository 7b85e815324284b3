import t from 'tap'
import type { Assessment, Urgency } from '../../../src/controller/repair/assess.ts'
import { RepairQueue } from '../../../src/controller/repair/queue.ts'
import { chunk } from '../members.ts'

const needs = (urgency: Urgency | 'none', missing = 1): Assessment => ({
  urgency,
  missing,
  action: undefined
})
const order = (queue: RepairQueue, nowMs = 0): string[] =>
  [...queue.due(nowMs)].map((entry) => names.get(entry.chunk) ?? '?')
const names = new Map(['a', 'b', 'c', 'd', 'e'].map((name) => [chunk(name), name]))

t.test('the most urgent come first, and within one urgency those that came first', async (t) => {
  const queue = new RepairQueue({ max: 10 })
  queue.offer(chunk('a'), 1, needs('surplus'))
  queue.offer(chunk('b'), 1, needs('under'))
  queue.offer(chunk('c'), 1, needs('last-copy'))
  queue.offer(chunk('d'), 1, needs('under'))
  queue.offer(chunk('e'), 1, needs('misplaced'))
  t.same(order(queue), ['c', 'b', 'd', 'e', 'a'])
  queue.urge(chunk('a'))
  t.same(order(queue), ['a', 'c', 'b', 'd', 'e'])
})

t.test('a chunk is in it once, at its present urgency', async (t) => {
  const queue = new RepairQueue({ max: 10 })
  queue.offer(chunk('a'), 100, needs('under', 2))
  t.equal(queue.bytes, 200)
  queue.offer(chunk('a'), 100, needs('last-copy', 1))
  t.equal(queue.count('under'), 0)
  t.equal(queue.count('last-copy'), 1)
  t.equal(queue.bytes, 100)
  queue.offer(chunk('a'), 100, needs('none'))
  t.equal(queue.size, 0)
  t.equal(queue.bytes, 0)
})

t.test('what does not fit is turned away, and nothing grows', async (t) => {
  const queue = new RepairQueue({ max: 2 })
  t.ok(queue.offer(chunk('a'), 1, needs('under')))
  t.ok(queue.offer(chunk('b'), 1, needs('under')))
  t.notOk(queue.offer(chunk('c'), 1, needs('under')))
  t.ok(queue.offer(chunk('b'), 1, needs('under')), 'it is there')
  t.ok(queue.offer(chunk('c'), 1, needs('last-copy')), 'another urgency has room of its own')
  t.ok(queue.offer(chunk('d'), 1, needs('last-copy')))
  t.notOk(queue.offer(chunk('a'), 1, needs('last-copy')), 'one that moves to where no room is leaves')
  t.equal(queue.size, 3)
  for (const name of ['a', 'b', 'c', 'd', 'e']) queue.urge(chunk(name))
  t.ok(queue.size <= 4)
})

t.test(
  'one that is put off comes later, after the others; being looked at again changes nothing of that',
  async (t) => {
    const queue = new RepairQueue({ max: 10 })
    queue.offer(chunk('a'), 1, needs('under'))
    queue.offer(chunk('b'), 1, needs('under'))
    queue.delay(chunk('a'), 100, 1)
    t.same(order(queue, 99), ['b'])
    queue.offer(chunk('a'), 1, needs('under'))
    t.same(order(queue, 99), ['b'])
    t.same(order(queue, 100), ['b', 'a'])
    t.equal(queue.get(chunk('a'))?.failures, 1)
    queue.offer(chunk('a'), 1, needs('last-copy'))
    t.same(order(queue, 0), ['a', 'b'], 'unless it has become more urgent')
  }
)

t.test('what was urged stays so until it needs nothing', async (t) => {
  const queue = new RepairQueue({ max: 10 })
  queue.urge(chunk('a'))
  t.match(queue.get(chunk('a')), { urged: true, urgency: undefined })
  queue.offer(chunk('a'), 10, needs('under'))
  t.match(queue.get(chunk('a')), { urged: true, urgency: 'under' })
  t.equal(queue.count('under'), 1, 'and it is counted')
  queue.delay(chunk('a'), 5, 0)
  t.match(queue.get(chunk('a')), { urged: true })
  queue.offer(chunk('a'), 10, needs('none'))
  t.equal(queue.size, 0)
})
