import t from 'tap'
import { until } from '../kit/until.ts'
import { start } from './node-cluster.ts'
import { ask, orderOf, single, term } from './orders-kit.ts'
import { generation, putChunk, someChunk } from './put-chunk.ts'

t.test('a node tells the greatest term, generation and boot, and what it holds', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  const edge = await cluster.client()
  const admin = await cluster.client('admin')
  const node = cluster.node(0)
  const info = async () => await ask(admin, cluster.node(0), 'recoveryInfo', {})
  t.match(await info(), { host: node.host, boot: node.announcer.boot, term: 1, generation: 0, chunks: 0 })
  const chunk = someChunk(10)
  await putChunk(edge, node, chunk, { ...single, generation: generation(7) })
  await putChunk(edge, node, someChunk(10), { ...single, generation: generation(5) })
  t.match(await info(), { generation: 7, chunks: 2 })
  await cluster.restartNode(0)
  t.match(await info(), { generation: 7, chunks: 2, boot: cluster.node(0).announcer.boot })
  const leader = await cluster.client('controller')
  await ask(leader, cluster.node(0), 'raise', { term: term(4), chunks: [orderOf(chunk, 12)] })
  t.match(await info(), { generation: 12, term: 4 })
})

t.test('it tells how long a leading controller was silent, the one that asks left out', async (t) => {
  const cluster = await start(t, { nodes: 1, controller: 'none' })
  const leader = await cluster.client('controller')
  const admin = await cluster.client('admin')
  const node = cluster.node(0)
  const agoFor = async (who: typeof admin): Promise<number | null> =>
    (await ask(who, node, 'recoveryInfo', {})).controllerHeardMsAgo
  t.equal(await agoFor(admin), null, 'a controller that does not lead is none')
  const heartbeat = { ...node.membership.get(leader.peer), sequence: 1_000_000, term: term(3) }
  t.equal(node.membership.observe(heartbeat as Parameters<typeof node.membership.observe>[0]), true)
  t.ok(((await agoFor(admin)) ?? -1) >= 0)
  t.equal(await agoFor(leader), null)
  await until('time goes by', async () => ((await agoFor(admin)) ?? 0) > 30)
})

t.test(
  'a term that was only heard of outlives the node, and fences the controller that was replaced',
  async (t) => {
    const cluster = await start(t, { nodes: 1 })
    const old = await cluster.client('controller')
    cluster.recording.term = term(1 << 20)
    await until('the node has written it', () => cluster.node(0).term.get() === 1 << 20)
    // from now on nobody says that term any more
    cluster.recording.term = term(1)
    await cluster.restartNode(0)
    const order = { term: term(2), orders: [orderOf(someChunk(10))] }
    await t.rejects(ask(old, cluster.node(0), 'delete', order), { code: 'term-stale' })
  }
)
