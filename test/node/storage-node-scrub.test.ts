import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { until } from '../kit/until.ts'
import { startGated } from './node-cluster.ts'
import { ask, single } from './orders-kit.ts'
import { putChunk, someChunk } from './put-chunk.ts'

t.test('a scrub that is asked for reads everything, tells how far it is, and reports rot', async (t) => {
  const { cluster, store } = await startGated(t, { nodes: 1, config: { scrub: { roundMs: 20 } } })
  const edge = await cluster.client()
  const admin = await cluster.client('admin')
  const node = cluster.node(0)
  const chunks = [someChunk(10), someChunk(20), someChunk(30)]
  for (const chunk of chunks) await putChunk(edge, node, chunk, single)
  const reportOf = async (start: boolean) => (await ask(admin, node, 'scrub', { start })).report
  t.match(await reportOf(false), { running: false, startedAt: 0, endedAt: 0, rotten: 0 })

  t.match(await reportOf(true), { running: true, endedAt: 0 })
  await until('the pass has ended', async () => !(await reportOf(false)).running)
  t.match(await reportOf(false), { checkedChunks: 3, checkedBytes: 60, totalChunks: 3, rotten: 0 })
  await until('the edge hears since when everything is known to be good', () => {
    return (edge.membership.get(node.peer)?.scrubbedAt ?? 0) > 0
  })

  store(0).failing.get = new PeerbinError('chunk-corrupt')
  await reportOf(true)
  await until('the pass has ended', async () => !(await reportOf(false)).running)
  t.match(await reportOf(false), { rotten: 3 })
  await until('the controller knows', () => cluster.recording.badCopies.length >= 3)
  t.same(new Set(cluster.recording.badCopies.map(({ chunk }) => chunk)), new Set(chunks.map(({ id }) => id)))
})

t.test('while an edge waits for a chunk the node counts as busy, and afterwards not', async (t) => {
  const { cluster, store } = await startGated(t, { nodes: 2 })
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  const [node, other] = [cluster.node(0), cluster.node(1)]
  const chunk = someChunk(10)
  await putChunk(edge, node, chunk, single)
  store(0).shut()
  const putting = putChunk(edge, node, someChunk(10), single)
  await until('the put is under way', () => store(0).held === 1)
  t.equal(node.node.activity.clients, 1)
  const order = { term: cluster.recording.term, id: chunk.id, generation: 1, to: other.peer }
  const copy = async (): Promise<number> =>
    (await ask(leader, node, 'copy', order as Parameters<typeof ask<'copy'>>[3])).busy
  t.equal(await copy(), 1)
  t.equal(other.node.activity.clients, 0, 'what a node asks for is no client')
  store(0).letThrough()
  await putting
  t.equal(await copy(), 0)
  const get = { id: someChunk(10).id, offset: 0 }
  await t.rejects(
    edge.chunkRpc.call(node.peer, 'get', get, { timeoutMs: 10_000, allocate: (size) => new Uint8Array(size) })
  )
  t.equal(node.node.activity.clients, 0, 'nor does a failure leave one behind')
})
