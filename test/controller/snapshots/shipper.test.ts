import { randomBytes } from 'node:crypto'
import t from 'tap'
import { openPiece } from '../../../src/controller/snapshots/pieces.ts'
import { until } from '../../kit/until.ts'
import { readBack, signal, start } from './shipper-kit.ts'

const MIB = 1024 * 1024

t.test(
  'nodes get the whole metadata, then what changes, and nobody reads it without the secret',
  async (t) => {
    const { world, parts, source, shipper, everywhere } = await start(t, ['a', 'b', 'c', 'd'])
    source.text = 'first file; '
    t.equal(shipper.status().behindMs, null, 'nothing yet')
    await shipper.step(signal)
    source.text += 'second file; '
    await shipper.step(signal)
    await shipper.step(signal)
    source.text += 'third'
    await shipper.step(signal)
    const holding = world.nodes.filter((node) => shipper.peers.includes(node.peer))
    t.equal(holding.length, 3, 'three of four nodes')
    for (const node of holding) {
      t.same(await node.snapshots.names(), ['base 1.0 0/1', 'changes 1.1 0/1', 'changes 1.2 0/1'])
      t.equal(await readBack(node, parts.secret), 'first file; second file; third')
      await t.rejects(readBack(node, new Uint8Array(32)), { code: 'data-incompatible' })
    }
    t.same(everywhere.at(-1), { base: 1, changes: 2 })
    const { behindMs, nodes, lastError } = shipper.status()
    t.ok(behindMs !== null && behindMs < 10_000)
    t.same([nodes, lastError], [3, null])
  }
)

t.test('a large base goes out in pieces, which cannot change places', async (t) => {
  const { world, parts, source, shipper } = await start(t, ['a', 'b', 'c'])
  source.text = 'small'
  source.baseBytes = 3 * MIB - 'small'.length
  await shipper.step(signal)
  const [node] = world.nodes
  t.same(await node?.snapshots.names(), ['base 1.0 0/2', 'base 1.0 1/3', 'base 1.0 2/3'])
  t.equal((await readBack(node, parts.secret)).length, 3 * MIB)
  const [first, second] = (await node?.snapshots.list()) ?? []
  const bytes = second === undefined ? undefined : await node?.snapshots.get(second)
  if (first === undefined || bytes === undefined) return t.fail('there are pieces')
  t.throws(() => openPiece({ name: first, bytes }, parts.secret), { code: 'data-incompatible' })
})

t.test('a node that fails is not waited for, and what it lacks comes later', async (t) => {
  const { world, parts, source, shipper, everywhere } = await start(t, ['a', 'b', 'c'])
  await shipper.step(signal)
  const [slow, ...others] = world.nodes
  if (slow === undefined) return t.fail('there are nodes')
  slow.snapshots.failing = true
  for (const text of ['one ', 'two ']) {
    source.text += text
    await shipper.step(signal)
  }
  for (const node of others) t.equal(await readBack(node, parts.secret), 'one two ')
  t.equal(await readBack(slow, parts.secret), '')
  t.same(everywhere.at(-1), { base: 1, changes: 0 }, 'it is not everywhere')
  t.ok((shipper.status().behindMs ?? Infinity) < 10_000, 'but safe')
})

t.test('nodes that leave are replaced, and those that come to an incomplete set get a base', async (t) => {
  const { world, parts, source, shipper } = await start(t, ['a', 'b'], { nodes: 2 })
  await shipper.step(signal)
  t.same(new Set(shipper.peers), new Set(world.nodes.map(({ peer }) => peer)))
  const third = await world.addNode('c')
  await world.meet(parts)
  await shipper.step(signal)
  t.equal(source.bases, 1, 'a further node changes nothing')
  const [gone] = world.nodes
  await gone?.running.stop()
  parts.membership.forget(gone?.peer ?? third.peer)
  source.text = 'after'
  await until('a base goes to the one that takes its place', async () => {
    await shipper.step(signal)
    return shipper.peers.includes(third.peer)
  })
  t.equal(await readBack(third, parts.secret), 'after')
  t.same(await world.nodes[1]?.snapshots.names(), ['base 2.0 0/1'], 'the old base is gone')
})

t.test('a new base comes when the changes have grown, and old ones go', async (t) => {
  const { world, source, shipper } = await start(t, ['a', 'b', 'c'], { baseFactor: 1 })
  await shipper.step(signal)
  // what does not compress, so that it counts
  const noise = (): string => randomBytes(600_000).toString('hex')
  await until('a second base is due', async () => {
    source.text += noise()
    await shipper.step(signal)
    return source.bases > 1
  })
  for (const node of world.nodes) t.notMatch((await node.snapshots.names()).join(), / 1\./)
})

t.test('changes that were lost on the way out of the store lead to a new base', async (t) => {
  const { parts, world, source, shipper } = await start(t, ['a', 'b', 'c'])
  await shipper.step(signal)
  source.text = 'what happened'
  source.failing = true
  await t.rejects(shipper.step(signal))
  t.equal(shipper.status().behindMs, null, 'nobody claims to be up to date')
  source.failing = false
  await shipper.step(signal)
  t.equal(await readBack(world.nodes[0], parts.secret), 'what happened')
})

t.test('the controller’s own machine comes last, and a base is not made for nobody', async (t) => {
  const { world, shipper, source } = await start(t, ['own', 'own', 'b'], { nodes: 2 })
  await shipper.step(signal)
  t.ok(shipper.peers.includes(world.nodes[2]?.peer ?? (shipper.peers[0] as never)))
  const alone = await start(t, [])
  await alone.shipper.step(signal)
  t.equal(alone.source.bases, 0)
  t.equal(alone.shipper.status().lastError, 'not-enough-nodes')
  t.equal(source.bases, 1)
})

t.test('a controller that was overtaken ships nothing more', async (t) => {
  const { world, parts, source, shipper } = await start(t, ['a', 'b', 'c'])
  await shipper.step(signal)
  await parts.writer.put(
    world.nodes[0]?.peer ?? parts.self,
    {
      name: { term: parts.leadership.term, base: 1, kind: 'note', sequence: 1, part: 0, parts: 1 },
      bytes: Buffer.from('x')
    },
    signal
  )
  // the nodes learn of a greater term, as from another controller
  const other = await world.addController('elsewhere', 99 as never)
  await other.writer.drop(
    world.nodes[0]?.peer ?? parts.self,
    [{ term: other.leadership.term, base: 1, kind: 'base', sequence: 0, part: 0, parts: 1 }],
    signal
  )
  source.text = 'of the past'
  await t.rejects(async () => {
    for (let i = 0; i < 3; i++) await shipper.step(signal)
  })
  t.notOk(parts.leadership.leads)
  for (const node of world.nodes) t.notMatch(await readBack(node, parts.secret).catch(() => ''), /past/)
})

t.test('it stops promptly while a node holds a piece up', async (t) => {
  const { world, shipper } = await start(t, ['a', 'b', 'c'])
  for (const node of world.nodes) node.snapshots.shut()
  const stop = new AbortController()
  const step = shipper.step(stop.signal)
  await until('a piece is on its way', () => world.nodes.some((node) => node.snapshots.held > 0))
  stop.abort()
  await t.rejects(step)
  t.equal(shipper.status().behindMs, null)
})

t.test('a base that was asked for is whole when the answer comes', async (t) => {
  const { shipper, source } = await start(t, ['a', 'b', 'c'])
  source.baseBytes = 2 * MIB
  const asked = shipper.requestBase()
  await shipper.step(signal)
  t.match(await asked, { base: 1, parts: 2, peers: { length: 3 } })
  const again = shipper.requestBase()
  await shipper.step(signal)
  t.match(await again, { base: 2 })
  const never = shipper.requestBase()
  shipper.stop()
  await t.rejects(never, { code: 'shutting-down' })
})

t.test('what was asked for before is in what nodes have, by the time that is claimed', async (t) => {
  const { source, shipper, parts } = await start(t, ['a', 'b', 'c'])
  for (const kind of ['base', 'changes']) {
    const askedAt = parts.time.now()
    source.waiting = `${kind} that waits to be committed; `
    await until('the time goes on', () => parts.time.now() > askedAt)
    await shipper.step(signal)
    t.ok(shipper.coveredUntil > askedAt)
    t.match(source.given, source.text, kind)
    t.equal(source.waiting, '')
  }
})

t.test('a node that stays behind for long is let go, and begins anew with a base', async (t) => {
  const { world, parts, source, shipper } = await start(t, ['a', 'b', 'c'])
  await shipper.step(signal)
  const [slow] = world.nodes
  if (slow === undefined) return t.fail('there are nodes')
  slow.snapshots.failing = true
  let steps = 0
  await until('it is let go', async () => {
    source.text += `change ${steps++}; `
    await shipper.step(signal)
    return !shipper.peers.includes(slow.peer)
  })
  t.ok(steps > 32 && steps < 256, `after ${steps} changes, which were kept for it until then`)
  slow.snapshots.failing = false
  await until('it is there again', async () => {
    await shipper.step(signal)
    return shipper.peers.includes(slow.peer)
  })
  t.equal(await readBack(slow, parts.secret), source.text)
})
