import t from 'tap'
import { until } from '../../kit/until.ts'
import { readBack, signal, start, steps } from './shipper-kit.ts'

const HOUR_MS = 3_600_000
/** Nothing is shipped by itself after the base. */
const RARELY = { intervalMs: HOUR_MS }

/** Whether it has come to an end, without waiting. */
function watched(work: Promise<void>) {
  const state = { isDone: false, work }
  work.then(
    () => (state.isDone = true),
    () => undefined
  )
  return state
}

t.test('whoever waits is told when enough nodes have what was committed, and not before', async (t) => {
  const { world, parts, source, shipper, wanted, pass } = await start(t, ['a', 'b', 'c'], RARELY)
  await shipper.step(signal)
  pass(1000)
  for (const { snapshots } of world.nodes) snapshots.shut()
  source.text = 'a batch'
  const waiting = watched(shipper.covered(signal))
  t.equal(wanted(), 1, 'the worker is woken')
  const step = shipper.step(signal)
  await until('all are asked', () => world.nodes.every(({ snapshots }) => snapshots.held > 0))
  world.nodes[0]?.snapshots.letThrough()
  await until('one has it', async () => (await world.nodes[0]?.snapshots.names())?.length === 2)
  t.notOk(waiting.isDone, 'one of three may be lost together with this machine')
  world.nodes[1]?.snapshots.letThrough()
  await waiting.work
  t.equal(world.nodes[2]?.snapshots.held, 1, 'the slowest is not waited for')
  for (const node of world.nodes.slice(0, 2)) t.equal(await readBack(node, parts.secret), 'a batch')
  world.nodes[2]?.snapshots.letThrough()
  await step
})

t.test('many who wait share one shipping; who comes while it is on its way gets the next', async (t) => {
  const { world, source, shipper, pass } = await start(t, ['a', 'b', 'c'], RARELY)
  await shipper.step(signal)
  pass(1000)
  for (const { snapshots } of world.nodes) snapshots.shut()
  source.text = 'one '
  const first = Array.from({ length: 50 }, () => shipper.covered(signal))
  const step = shipper.step(signal)
  await until('it is on its way', () => world.nodes.every(({ snapshots }) => snapshots.held > 0))
  source.text += 'two'
  const late = watched(shipper.covered(signal))
  for (const { snapshots } of world.nodes) snapshots.letThrough()
  await Promise.all(first)
  await step
  t.notOk(late.isDone, 'what it waits for was not in that')
  await until('it is there too', async () => {
    await shipper.step(signal)
    return late.isDone
  })
  t.same(await world.nodes[0]?.snapshots.names(), ['base 1.0 0/1', 'changes 1.1 0/1', 'changes 1.2 0/1'])
})

t.test('where nothing has changed there is nothing to wait for', async (t) => {
  const { world, shipper } = await start(t, ['a', 'b', 'c'], RARELY)
  await shipper.step(signal)
  const waiting = shipper.covered(signal)
  await steps(shipper, 20)
  await waiting
  t.same(await world.nodes[0]?.snapshots.names(), ['base 1.0 0/1'])
})

t.test('what was committed before a base is in that', async (t) => {
  const { source, shipper } = await start(t, ['a', 'b', 'c'], RARELY)
  source.text = 'before the first'
  const waiting = shipper.covered(signal)
  await shipper.step(signal)
  await waiting
  t.pass()
})

t.test('of what is known to be safe nobody waits', async (t) => {
  const { source, shipper, parts, wanted } = await start(t, ['a', 'b', 'c'], RARELY)
  const at = parts.time.now()
  source.text = 'a batch'
  await until('it is shipped', async () => {
    await shipper.step(signal)
    return shipper.coveredUntil > at
  })
  await shipper.covered(signal, at)
  t.equal(wanted(), 0)
})

t.test('whoever gives up waiting, or is told to stop, is told so', async (t) => {
  const { shipper } = await start(t, ['a', 'b', 'c'], RARELY)
  const giving = new AbortController()
  const waiting = shipper.covered(giving.signal)
  giving.abort()
  await t.rejects(waiting, { code: 'aborted' })
  const stopped = shipper.covered(signal)
  shipper.stop()
  await t.rejects(stopped, { code: 'shutting-down' })
})
