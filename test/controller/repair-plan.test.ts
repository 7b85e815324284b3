import t from 'tap'
import { planCopy } from '../../src/controller/repair-plan.ts'
import type { CopyRecord, OwedChunk } from '../../src/metadata-store.ts'
import { chunk, copyOn, generation, member } from './members.ts'

const owed = (copies: CopyRecord[], name = 'c'): OwedChunk => ({
  chunk: chunk(name),
  generation: generation(1),
  sizeBytes: 1000,
  copies
})

const [a, b, c, d] = [member('A'), member('B'), member('C'), member('D')]

t.test('a holder gives the copy to a node that has none', async (t) => {
  const plan = planCopy(owed([copyOn(a), copyOn(b)]), [a, b, c])
  t.match(plan, { chunk: chunk('c'), generation: 1, to: c.peer })
  t.ok(plan?.from === a.peer || plan?.from === b.peer)
})

t.test('a host without a copy comes before a better ranked one with', async (t) => {
  const neighbour = member('E', { host: a.host, freeBytes: 1e15 })
  for (let index = 0; index < 20; index++) {
    t.equal(planCopy(owed([copyOn(a), copyOn(b)], `c${index}`), [a, b, neighbour, c])?.to, c.peer)
  }
})

t.test('where all hosts hold a copy, another node on one of them is better than none', async (t) => {
  const neighbour = member('E', { host: a.host })
  t.equal(planCopy(owed([copyOn(a), copyOn(b)]), [a, b, neighbour])?.to, neighbour.peer)
})

t.test('a node that is down still counts as a holder, and is not read from', async (t) => {
  const down = { ...a, liveness: 'down' as const }
  const plan = planCopy(owed([copyOn(a), copyOn(b)]), [down, b, c])
  t.match(plan, { from: b.peer, to: c.peer })
  t.equal(planCopy(owed([copyOn(a), copyOn(b)]), [down, b]), undefined)
})

t.test('nothing is planned without a living source', async (t) => {
  const suspect = { ...a, liveness: 'suspect' as const }
  t.equal(planCopy(owed([copyOn(a)]), [suspect, b, c]), undefined)
  t.equal(planCopy(owed([]), [a, b, c]), undefined)
})

t.test('nothing is planned without a node that takes chunks', async (t) => {
  const readOnly = member('C', { state: 'read-only' })
  const full = member('D', { freeBytes: 999 })
  const edge = member('E', { roles: ['edge'] })
  t.equal(planCopy(owed([copyOn(a), copyOn(b)]), [a, b, readOnly, full, edge]), undefined)
})

t.test('a draining or full holder is a good source', async (t) => {
  const draining = { ...a, state: 'draining' as const }
  t.match(planCopy(owed([copyOn(a)]), [draining, b]), { from: a.peer, to: b.peer })
})

t.test('a holder in its present life comes before one that restarted since', async (t) => {
  const restarted = { ...a, boot: 2 }
  for (let index = 0; index < 20; index++) {
    t.equal(planCopy(owed([copyOn(a), copyOn(b)], `c${index}`), [restarted, b, c])?.from, b.peer)
  }
  t.equal(planCopy(owed([copyOn(a)]), [restarted, b])?.from, a.peer, 'but it is better than nobody')
})

t.test('copies of an earlier generation are no source', async (t) => {
  t.equal(planCopy(owed([copyOn(a, { generation: generation(0) })]), [a, b, c]), undefined)
})

t.test('reading is spread over the holders', async (t) => {
  const sources = new Set<unknown>()
  for (let index = 0; index < 40; index++) {
    sources.add(planCopy(owed([copyOn(a), copyOn(b), copyOn(c)], `c${index}`), [a, b, c, d])?.from)
  }
  t.equal(sources.size, 3)
})
