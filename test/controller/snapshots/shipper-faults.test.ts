import t from 'tap'
import { until } from '../../kit/until.ts'
import { readBack, signal, start, steps } from './shipper-kit.ts'
import type { WorldNode } from './snapshot-world.ts'

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

t.test(
  'a node that comes back with an empty disk gets a base before anything else, and holds nothing until then',
  async (t) => {
    const { world, parts, source, shipper, everywhere } = await start(t, ['a', 'b'], { nodes: 2 })
    source.text = 'before; '
    await shipper.step(signal)
    const wiped = await world.restartWiped(world.nodes[0] as WorldNode, parts)
    source.text += 'after'
    everywhere.length = 0
    await until('it is one of them again', async () => {
      await shipper.step(signal)
      const hasBase = (await wiped.snapshots.names()).some((name) => name.startsWith('base'))
      t.ok(hasBase || everywhere.length === 0, 'it is not counted')
      t.ok(hasBase || !shipper.peers.includes(wiped.peer))
      return shipper.peers.includes(wiped.peer)
    })
    t.equal(await readBack(wiped, parts.secret), source.text)
    t.equal(everywhere.at(-1)?.base, 2)
  }
)

t.test('a node that starts again while a base is on its way does not have it', async (t) => {
  const { world, parts, source, shipper, everywhere } = await start(t, ['a', 'b'], { nodes: 2 })
  await shipper.step(signal)
  const [holding, wiped] = world.nodes
  if (holding === undefined || wiped === undefined) return t.fail('there are nodes')
  everywhere.length = 0
  // the last piece reaches the first node late
  holding.snapshots.shut()
  void shipper.requestBase()
  const step = shipper.step(signal)
  await until('the other has it', async () =>
    (await wiped.snapshots.names()).some((name) => name.startsWith('base 2'))
  )
  await world.restartWiped(wiped, parts)
  holding.snapshots.letThrough()
  await step
  t.equal(source.bases, 2)
  t.same(shipper.peers, [holding.peer])
  t.same(everywhere, [], 'nothing is safe on one of two nodes')
  t.ok((await holding.snapshots.names()).includes('base 1.0 0/1'), 'so that what was safe stays')
})
