import t from 'tap'
import { Membership } from '../../src/cluster/membership.ts'
import { Leadership, greatestTerm, rivalOf, whileLeading } from '../../src/controller/leadership.ts'
import type { Worker } from '../../src/interfaces.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { member, peer, term } from './members.ts'

const leader = (name: string, number: number) => member(name, { roles: ['controller'], term: term(number) })

t.test('a greater term leads', async (t) => {
  const others = [leader('A', 3), leader('B', 5)]
  t.equal(rivalOf(peer('A'), term(3), others)?.peer, peer('B'))
  t.equal(rivalOf(peer('B'), term(5), others), undefined)
})

t.test('of two with one term exactly one goes on', async (t) => {
  const both = [leader('A', 2), leader('B', 2)]
  t.equal(rivalOf(peer('A'), term(2), both)?.peer, peer('B'))
  t.equal(rivalOf(peer('B'), term(2), both), undefined)
})

t.test('what a controller said of itself in an earlier life does not count against it', async (t) => {
  t.equal(rivalOf(peer('A'), term(2), [leader('A', 9)]), undefined)
})

t.test('the greatest term counts that anybody announced, and 0 where nobody did', async (t) => {
  t.equal(greatestTerm([leader('A', 2), leader('B', 7), member('N')]), 7)
  t.equal(greatestTerm([]), 0)
})

function setUp(): { leadership: Leadership; membership: Membership } {
  const membership = new Membership({ clock: new ManualClock(), suspectAfterMs: 5000, downAfterMs: 30_000 })
  return { membership, leadership: new Leadership({ self: peer('A'), membership, logger: silentLogger }) }
}

t.test('callers are told to wait while it starts, and to look elsewhere once it was overtaken', async (t) => {
  const { leadership, membership } = setUp()
  t.throws(() => leadership.assert(), { code: 'busy' })
  leadership.begin(term(4))
  t.ok(leadership.leads)
  leadership.assert()
  membership.observe(leader('B', 5))
  leadership.check()
  t.notOk(leadership.leads)
  t.throws(() => leadership.assert(), { code: 'no-controller' })
})

t.test('leading does not come back by itself', async (t) => {
  const { leadership, membership } = setUp()
  leadership.begin(term(4))
  membership.observe(leader('B', 5))
  leadership.check()
  membership.forget(peer('B'))
  leadership.check()
  t.notOk(leadership.leads)
})

t.test('a worker rests once its controller no longer leads', async (t) => {
  const { leadership } = setUp()
  let steps = 0
  const inner: Worker = {
    name: 'w',
    idleMs: 1,
    async step() {
      steps++
      return 'idle'
    }
  }
  const worker = whileLeading(inner, leadership)
  leadership.begin(term(1))
  t.equal(await worker.step(new AbortController().signal), 'idle')
  leadership.lose('test')
  t.type(await worker.step(new AbortController().signal), 'object')
  t.equal(steps, 1)
})
