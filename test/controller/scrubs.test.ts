import t from 'tap'
import { startRepairWorld } from './repair/repair-world.ts'

t.test('a node that is not heard is among those asked about their scrub, without a report', async (t) => {
  const made = await startRepairWorld(t, { hosts: ['h1', 'h2', 'h3'] })
  const { world, nodes, kill, ask } = made
  await made.sendTo([0, 1, 2], 1)
  const [lost] = nodes
  if (lost === undefined) return t.fail('there are nodes')
  t.ok((await ask('scrub', { start: false })).nodes.every(({ report }) => report !== null))
  await kill(lost)
  await world.until('it is not heard', () => made.admin.membership.get(lost.peer)?.liveness !== 'active')
  await world.pass(1000)
  const { nodes: asked } = await ask('scrub', { start: true })
  t.equal(asked.length, 3)
  t.same(
    asked.filter(({ report }) => report === null).map(({ peer }) => peer),
    [lost.peer]
  )
  t.same(
    (await ask('scrub', { peer: lost.peer, start: true })).nodes.map(({ report }) => report),
    [null]
  )
  await t.rejects(ask('scrub', { peer: made.admin.peer, start: true }), { code: 'node-unknown' })
})
