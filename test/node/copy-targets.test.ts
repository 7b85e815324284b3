import t from 'tap'
import { CopyTargets } from '../../src/node/copy-targets.ts'
import type { Target } from '../../src/protocol/messages.ts'
import type { PeerId } from '../../src/types.ts'

const target = (peer: string, host: string): Target => ({ peer: peer as PeerId, host })
const self = target('self', 'h1')
const nobodyAway = (): boolean => false

const drain = (targets: CopyTargets): string[] => {
  const order: string[] = []
  for (let next = targets.next(); next !== undefined; next = targets.next()) order.push(next.peer)
  return order
}

t.test('targets come in the order given, without the node itself and without repetitions', async (t) => {
  const list = [target('a', 'h2'), self, target('b', 'h3'), target('a', 'h2'), target('c', 'h4')]
  const targets = new CopyTargets(list, self, nobodyAway)
  t.equal(targets.left, 3)
  t.same(drain(targets), ['a', 'b', 'c'])
})

t.test('a host that holds no copy yet goes before one that does', async (t) => {
  const list = [target('a', 'h1'), target('b', 'h2'), target('c', 'h2'), target('d', 'h3')]
  t.same(drain(new CopyTargets(list, self, nobodyAway)), ['b', 'd', 'a', 'c'])
})

t.test('a host whose node failed is free again', async (t) => {
  const targets = new CopyTargets([target('a', 'h2'), target('b', 'h1'), target('c', 'h2')], self, nobodyAway)
  const a = targets.next()
  t.equal(a?.peer, 'a')
  if (a !== undefined) targets.giveUp(a)
  t.equal(targets.next()?.peer, 'c', 'the other node of that host, before the own host')
})

t.test('peers known to be away come last, but they do come', async (t) => {
  const list = [target('a', 'h2'), target('b', 'h3'), target('c', 'h1')]
  t.same(drain(new CopyTargets(list, self, (peer) => peer === 'a')), ['b', 'c', 'a'])
})
