import t from 'tap'
import { chooseHolders, hasOtherHosts } from '../../../src/controller/snapshots/holders.ts'
import type { Member, PeerId } from '../../../src/types.ts'
import { member } from '../members.ts'

const choose = (members: Member[], options: { count?: number; current?: PeerId[] } = {}): string[] =>
  chooseHolders(members, {
    count: options.count ?? 3,
    ownHost: 'own',
    current: new Set(options.current)
  }).map(({ peer }) => peer.replace('12D3KooW', '').replaceAll('x', ''))

t.test('other machines come first, each once as far as they go', async (t) => {
  const nodes = ['a', 'b', 'c', 'd'].map((name) => member(name))
  const here = member('here', { host: 'own' })
  t.equal(choose([here, ...nodes]).length, 3)
  t.notOk(choose([here, ...nodes]).includes('here'))
  t.same(choose([here, member('a')]), ['a', 'here'], 'its own machine, for want of others')
  const twins = [member('e', { host: 'host-a' }), member('f', { host: 'host-a' })]
  const chosen = choose([...twins, ...nodes])
  t.equal(chosen.filter((name) => 'aef'.includes(name)).length <= 1, true)
  t.same(choose([...nodes].reverse()), choose(nodes), 'in whatever order they are given')
})

t.test('who holds one keeps it, and who is leaving does not', async (t) => {
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((name) => member(name))
  const first = chooseHolders(nodes, { count: 3, ownHost: 'own', current: new Set() })
  const more = [...nodes, ...['f', 'g', 'h', 'i', 'j'].map((name) => member(name))]
  const current = first.map(({ peer }) => peer)
  t.same(new Set(choose(more, { current })), new Set(choose(nodes)), 'further nodes change nothing')
  for (const changes of [
    { liveness: 'down' },
    { state: 'draining' },
    { state: 'read-only' },
    { roles: ['edge'] }
  ] as Array<Partial<Member>>)
    t.same(choose([member('a', changes), member('b')]), ['b'])
  t.same(choose([member('a', { liveness: 'suspect' })]), [])
  t.same(choose([member('a', { liveness: 'suspect' })], { current: [member('a').peer] }), ['a'])
  t.same(choose([member('a', { state: 'full' })], { current: [member('a').peer] }), ['a'])
})

t.test('another machine is one that belongs to the cluster, whether it lives or not', async (t) => {
  t.equal(hasOtherHosts(new Set(['own']), 'own'), false)
  t.equal(hasOtherHosts(new Set(['own', 'b']), 'own'), true)
  t.equal(hasOtherHosts(new Set(), 'own'), false)
})
