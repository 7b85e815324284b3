import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import type { ChunkId, Term } from '../../src/types.ts'
import type { Participant } from '../kit/memory-cluster.ts'
import { until } from '../kit/until.ts'
import { atRest, holds, start, startGated } from './node-cluster.ts'
import { generation, putChunk, someChunk } from './put-chunk.ts'

const timeoutMs = 10_000
const term = (value: number): Term => value as Term
const allocate = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes)
const single = { copies: 1, copiesMin: 1, hostsMin: 1 }

async function getChunk(
  from: Participant,
  to: Participant,
  message: { id: ChunkId; offset: number; length?: number }
): Promise<{ message: unknown; body: Uint8Array | undefined }> {
  return await from.chunkRpc.call(to.peer, 'get', message, { timeoutMs, allocate })
}

t.test('a chunk is served whole and in ranges', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  const edge = await cluster.client()
  const node = cluster.node(0)
  const chunk = someChunk(1_000_000)
  await putChunk(edge, node, chunk, { ...single, generation: generation(7) })
  const whole = await getChunk(edge, node, { id: chunk.id, offset: 0 })
  t.same(whole.message, { generation: 7, chunkBytes: 1_000_000 })
  t.same(Buffer.from(whole.body ?? []), Buffer.from(chunk.bytes))
  const part = await getChunk(edge, node, { id: chunk.id, offset: 999_000, length: 1000 })
  t.same(Buffer.from(part.body ?? []), Buffer.from(chunk.bytes.subarray(999_000)))
  const outside = getChunk(edge, node, { id: chunk.id, offset: 999_000, length: 1001 })
  await t.rejects(outside, { code: 'bad-request' })
  await t.rejects(getChunk(edge, node, { id: someChunk(8).id, offset: 0 }), { code: 'chunk-not-found' })
  await atRest(cluster)
})

t.test('a rotten chunk is not served, and the controller hears of it', async (t) => {
  const { cluster, store } = await startGated(t, { nodes: 1 })
  const edge = await cluster.client()
  const node = cluster.node(0)
  const chunk = someChunk(1000)
  await putChunk(edge, node, chunk, single)
  store(0).failing.get = new PeerbinError('chunk-corrupt')
  await t.rejects(getChunk(edge, node, { id: chunk.id, offset: 0 }), { code: 'chunk-corrupt' })
  await until('it is reported', () => cluster.recording.badCopies.length === 1)
  t.match(cluster.recording.badCopies[0], { peer: node.peer, chunk: chunk.id, code: 'chunk-corrupt' })
  await atRest(cluster)
})

t.test('has and list say what is held', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  const edge = await cluster.client()
  const controller = await cluster.client('controller')
  const node = cluster.node(0)
  const chunks = [someChunk(10), someChunk(20), someChunk(30)]
  for (const chunk of chunks) await putChunk(edge, node, chunk, single)
  const missing = someChunk(8).id
  const ids = [missing, ...chunks.map((chunk) => chunk.id)]
  const has = await edge.chunkRpc.call(node.peer, 'has', { ids }, { timeoutMs })
  t.same(
    has.message.chunks.map((info) => info?.sizeBytes ?? null),
    [null, 10, 20, 30]
  )
  t.equal(has.message.boot, node.announcer.boot)
  const first = await controller.chunkRpc.call(node.peer, 'list', { limit: 2 }, { timeoutMs })
  const after = first.message.chunks[1]?.id
  const rest = await controller.chunkRpc.call(node.peer, 'list', { limit: 2, after }, { timeoutMs })
  const listed = [...first.message.chunks, ...rest.message.chunks].map((info) => info.id)
  t.same(listed.toSorted(), chunks.map((chunk) => chunk.id).toSorted())
})

t.test('orders of an older term are refused, and the greatest term is kept', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  const node = cluster.node(0)
  const chunk = someChunk(1000)
  await putChunk(edge, node, chunk, { ...single, generation: generation(3) })
  const order = async (value: number, upTo: number): Promise<boolean[]> => {
    const orders = [{ chunk: chunk.id, generation: generation(upTo) }]
    const message = { term: term(value), orders }
    return (await leader.chunkRpc.call(node.peer, 'delete', message, { timeoutMs })).message.gone
  }
  t.same(await order(5, 2), [false], 'held at a greater generation')
  t.equal(node.term.get(), 5)
  await t.rejects(order(4, 3), { code: 'term-stale' })
  t.ok(await holds(node, chunk))
  t.same(await order(5, 3), [true])
  t.notOk(await holds(node, chunk))
  t.same(await order(6, 3), [true], 'gone is gone')
  t.equal(node.term.get(), 6)
})

t.test('a term that a leader announces fences older orders before its first one', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  const leader = await cluster.client('controller')
  const node = cluster.node(0)
  cluster.recording.term = term(9)
  await until('the node hears of it', () =>
    node.membership.all().some((member) => member.term === cluster.recording.term)
  )
  const message = { term: term(8), orders: [{ chunk: someChunk(8).id, generation: generation(1) }] }
  await t.rejects(leader.chunkRpc.call(node.peer, 'delete', message, { timeoutMs }), { code: 'term-stale' })
})

t.test('a copy is made on order, and never of a rotten chunk', async (t) => {
  const { cluster, store } = await startGated(t, { nodes: 2 })
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  const [from, to] = [cluster.node(0), cluster.node(1)]
  const chunk = someChunk()
  await putChunk(edge, from, chunk, { ...single, generation: generation(2) })
  const order = { term: term(1), id: chunk.id, generation: generation(2), to: to.peer }
  store(0).failing.get = new PeerbinError('chunk-corrupt')
  await t.rejects(leader.chunkRpc.call(from.peer, 'copy', order, { timeoutMs }), { code: 'chunk-corrupt' })
  t.notOk(await holds(to, chunk))
  delete store(0).failing.get
  const answer = await leader.chunkRpc.call(from.peer, 'copy', order, { timeoutMs })
  t.match(answer.message.receipt, { peer: to.peer, host: to.host, chunk: chunk.id, generation: 2 })
  t.ok(await holds(to, chunk))
  const unknown = { ...order, id: someChunk(8).id }
  await t.rejects(leader.chunkRpc.call(from.peer, 'copy', unknown, { timeoutMs }), {
    code: 'chunk-not-found'
  })
  await t.rejects(leader.chunkRpc.call(from.peer, 'copy', { ...order, to: from.peer }, { timeoutMs }), {
    code: 'bad-request'
  })
  await atRest(cluster)
})

t.test('each role may do its part only', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  const { peer } = cluster.node(0)
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  const chunk = someChunk(10)
  const refused = { code: 'role-forbidden' }
  const orders = [{ chunk: chunk.id, generation: generation(1) }]
  await t.rejects(edge.chunkRpc.call(peer, 'delete', { term: term(1), orders }, { timeoutMs }), refused)
  await t.rejects(edge.chunkRpc.call(peer, 'list', { limit: 1 }, { timeoutMs }), refused)
  const copy = { term: term(1), id: chunk.id, generation: generation(1), to: edge.peer }
  await t.rejects(edge.chunkRpc.call(peer, 'copy', copy, { timeoutMs }), refused)
  await t.rejects(putChunk(leader, cluster.node(0), chunk, single), refused)
  t.notOk(await holds(cluster.node(0), chunk))
})

t.test('a node says in its heartbeat that it is full, or that its store failed', async (t) => {
  const { cluster, store } = await startGated(t, { nodes: 2 })
  const edge = await cluster.client()
  const stateOf = (index: number): string | undefined => edge.membership.get(cluster.node(index).peer)?.state
  t.equal(stateOf(0), 'active')
  store(0).failing.put = new PeerbinError('store-failed')
  await t.rejects(putChunk(edge, cluster.node(0), someChunk(10), single), { code: 'store-failed' })
  await until('the edge hears of the failure', () => stateOf(0) === 'read-only')
  store(1).failing.usage = new PeerbinError('store-failed')
  await until('the edge hears that nothing may be put there', () => stateOf(1) === 'full')
  delete store(1).failing.usage
  await until('and that it may again', () => stateOf(1) === 'active')
  t.ok((edge.membership.get(cluster.node(1).peer)?.freeBytes ?? 0) > CHUNK_BYTES_MAX)
})

t.test('a node stops soon although its disk and a peer hang, and turns new requests away', async (t) => {
  const { cluster, store } = await startGated(t, { nodes: 2 })
  const edge = await cluster.client()
  const node = cluster.node(0)
  for (const index of [0, 1]) store(index).shut()
  const put = putChunk(edge, node, someChunk(), { copies: 2, targets: cluster.targets(1) })
  put.catch(() => undefined) // asserted below
  await until('both hang', () => [0, 1].every((index) => store(index).held === 1))
  const stopping = node.node.stop()
  await t.rejects(putChunk(edge, node, someChunk(10), single), { code: /shutting-down|peer-unreachable/ })
  await stopping
  await t.rejects(put)
  t.equal(store(0).closed, true)
  t.equal(node.node.activity.copying, 0)
  for (const index of [0, 1]) store(index).letThrough()
  await atRest(cluster)
})
