import t from 'tap'
import { until } from '../../kit/until.ts'
import { signal, start, steps } from './shipper-kit.ts'

t.test(
  'a node that takes nothing has no base made after base, and notes do not wait for it for ever',
  async (t) => {
    const { world, source, shipper, everywhere, pass } = await start(t, ['own', 'b', 'c'])
    const [own, good, broken] = world.nodes
    if (broken === undefined || own === undefined || good === undefined) return t.fail('there are nodes')
    broken.snapshots.failing = true
    await steps(shipper)
    t.equal(source.bases, 1)
    t.same(new Set(shipper.peers), new Set([own.peer, good.peer]))
    t.equal(shipper.status().lastError, 'store-failed', 'that something is wrong is seen')
    t.same(everywhere, [], 'one failure may be an accident: nothing is thought safe on one node')
    t.equal(shipper.coveredUntil, 0)

    pass(10_000)
    await steps(shipper)
    t.equal(source.bases, 2, 'it is tried again')
    t.same(everywhere.at(-1), { base: 2, changes: 0 }, 'there are no two nodes that could have it')
    t.ok(shipper.coveredUntil > 0)
    for (const node of [own, good]) t.same(await node.snapshots.names(), ['base 2.0 0/1'])
    pass(10_000)
    await steps(shipper)
    t.equal(source.bases, 2, 'it is left alone for longer')
    for (let i = 0; i < 60; i++) {
      pass(60_000)
      await steps(shipper, 2)
    }
    t.ok(source.bases >= 8 && source.bases <= 14, `${source.bases} bases in an hour`)

    broken.snapshots.failing = false
    pass(600_000)
    await steps(shipper)
    t.ok(shipper.peers.includes(broken.peer), 'it is there again')
    t.equal(shipper.status().lastError, null)
    t.equal(await broken.snapshots.names().then((names) => names.length), 1)
  }
)

t.test('a node that failed is tried at once when it has started again', async (t) => {
  const { world, parts, source, shipper, pass } = await start(t, ['own', 'b', 'c'])
  const broken = world.nodes[2]
  if (broken === undefined) return t.fail('there are nodes')
  broken.snapshots.failing = true
  for (const pauseMs of [10_000, 20_000, 40_000]) {
    await steps(shipper, 2)
    pass(pauseMs)
  }
  await steps(shipper, 2)
  t.equal(source.bases, 4, 'it is left alone for longer than this test may take')
  await world.restartWiped(broken, parts)
  await until('it has a base', async () => {
    await shipper.step(signal)
    return shipper.peers.includes(broken.peer)
  })
})

t.test('as long as two nodes can be used, what one of them has is not safe', async (t) => {
  const { world, shipper, everywhere, source } = await start(t, ['a', 'b', 'c'], { nodes: 2 })
  // found out: the two that come first
  await shipper.step(signal)
  const first = shipper.peers
  const [broken] = world.nodes.filter(({ peer }) => first.includes(peer))
  const [spare] = world.nodes.filter(({ peer }) => !first.includes(peer))
  if (broken === undefined || spare === undefined) return t.fail('there are nodes')
  broken.snapshots.failing = true
  everywhere.length = 0
  void shipper.requestBase()
  await shipper.step(signal)
  t.equal(source.bases, 2)
  t.equal(shipper.peers.length, 1)
  t.same(everywhere, [], 'one has it')
  await until('another takes the place', async () => {
    await shipper.step(signal)
    return shipper.peers.includes(spare.peer)
  })
  t.equal(source.bases, 3)
  t.notOk(shipper.peers.includes(broken.peer))
  t.same(everywhere.at(-1), { base: 3, changes: 0 })
})

t.test('when no node takes a base, all of them are asked again', async (t) => {
  const { world, shipper } = await start(t, ['a', 'b', 'c', 'd'])
  for (const node of world.nodes) node.snapshots.failing = true
  for (let i = 0; i < 4; i++) await t.rejects(shipper.step(signal), { code: 'copies-missing' })
  for (const node of world.nodes) node.snapshots.failing = false
  await shipper.step(signal)
  t.equal(shipper.peers.length, 3)
})

t.test(
  'bases that are not safe replace one another; the last safe one stays, and so do notes after it',
  async (t) => {
    const { world, parts, source, shipper } = await start(t, ['own', 'b', 'c'])
    const [, good, broken] = world.nodes
    if (good === undefined || broken === undefined) return t.fail('there are nodes')
    await shipper.step(signal)
    source.text = 'a change'
    await shipper.step(signal)
    const note = async (base: number): Promise<void> => {
      const name = {
        term: parts.leadership.term,
        base,
        kind: 'note',
        sequence: base,
        part: 0,
        parts: 1
      } as const
      await parts.writer.put(good.peer, { name, bytes: Buffer.from('note') }, signal)
    }
    await note(1)
    broken.snapshots.failing = true
    for (const base of [2, 3, 4]) {
      void shipper.requestBase()
      await shipper.step(signal)
      await note(base)
      source.text += ', and another'
      await shipper.step(signal)
    }
    t.same(
      new Set(await good.snapshots.names()),
      new Set([
        'base 1.0 0/1',
        'changes 1.1 0/1',
        'base 4.0 0/1',
        'changes 4.1 0/1',
        ...[1, 2, 3, 4].map((base) => `note ${base}.${base} 0/1`)
      ])
    )
    t.same(await broken.snapshots.names(), ['base 1.0 0/1', 'changes 1.1 0/1'])
  }
)
