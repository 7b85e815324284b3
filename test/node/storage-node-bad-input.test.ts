import t from 'tap'
import type { Test } from 'tap'
import type { ChunkMessages, RequestOf } from '../../src/protocol/messages.ts'
import type { ChunkId, Generation } from '../../src/types.ts'
import { until } from '../kit/until.ts'
import { GatedStore } from './gated-store.ts'
import { atRest, holds, start } from './node-cluster.ts'
import { ask, orderOf, single, term, timeoutMs } from './orders-kit.ts'
import { generation, putChunk, someChunk } from './put-chunk.ts'

/** Its deletes can be held up before they begin. */
class SlowDelete extends GatedStore {
  deleting = 0
  deleteGate: Promise<void> = Promise.resolve()

  override async delete(id: ChunkId, upTo: Generation): Promise<boolean> {
    this.deleting++
    await this.deleteGate
    return await super.delete(id, upTo)
  }
}

async function setUp(t: Test) {
  const store = new SlowDelete()
  const cluster = await start(t, { nodes: 2, storeOf: (index) => (index === 0 ? store : new GatedStore()) })
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  return { cluster, store, edge, leader, node: cluster.node(0), other: cluster.node(1) }
}

t.test('a chunk that is asked for while it is deleted is given whole, or not at all', async (t) => {
  const { cluster, store, edge, leader, node, other } = await setUp(t)
  const chunk = someChunk()
  await putChunk(edge, node, chunk, single)
  const going = Promise.withResolvers<void>()
  store.deleteGate = going.promise
  const deleting = ask(leader, node, 'delete', { term: term(1), orders: [orderOf(chunk)] })
  await until('the delete is under way', () => store.deleting === 1)
  const get = async (): Promise<string> => {
    const allocate = (size: number): Uint8Array => new Uint8Array(size)
    const message = { id: chunk.id, offset: 0 }
    const asked = edge.chunkRpc.call(node.peer, 'get', message, { timeoutMs, allocate })
    return await asked.then(
      ({ body }) => (Buffer.compare(body ?? new Uint8Array(), chunk.bytes) === 0 ? 'whole' : 'damaged'),
      (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'no error')
    )
  }
  t.equal(await get(), 'whole')
  const asked = Array.from({ length: 20 }, async () => await get())
  going.resolve()
  t.same(await deleting, { gone: [true] })
  const answers = new Set(await Promise.all(asked))
  answers.delete('whole')
  t.ok(answers.size === 0 || (answers.size === 1 && answers.has('chunk-not-found')), [...answers].join())
  t.equal(await get(), 'chunk-not-found')
  const copy = { term: term(1), id: chunk.id, generation: generation(1), to: other.peer }
  await t.rejects(ask(leader, node, 'copy', copy), { code: 'chunk-not-found' })
  const put = await putChunk(edge, node, chunk, { ...single, generation: generation(2) })
  t.equal(put.receipts.length, 1)
  t.equal(await get(), 'whole', 'and it may be put again at once')
  await atRest(cluster)
})

t.test('an order that a later leader overtakes stops between two chunks', async (t) => {
  const { store, edge, leader, node } = await setUp(t)
  const chunks = [someChunk(10), someChunk(10)]
  for (const chunk of chunks) await putChunk(edge, node, chunk, single)
  const [first = someChunk(1), second = someChunk(1)] = chunks
  const going = Promise.withResolvers<void>()
  store.deleteGate = going.promise
  const orders = chunks.map((chunk) => orderOf(chunk))
  const late = ask(leader, node, 'delete', { term: term(2), orders })
  late.catch(() => undefined) // asserted below
  await until('the delete is under way', () => store.deleting === 1)
  await ask(leader, node, 'raise', { term: term(3), chunks: [orderOf(second)] })
  going.resolve()
  await t.rejects(late, { code: 'term-stale' })
  t.notOk(await holds(node, first))
  t.ok(await holds(node, second))
})

t.test('every order of an older term is refused, and changes nothing', async (t) => {
  const { edge, leader, node, other } = await setUp(t)
  const chunk = someChunk(10)
  await putChunk(edge, node, chunk, single)
  await ask(leader, node, 'setDraining', { term: term(7), draining: false })
  const { boot, puts } = await ask(leader, node, 'has', { ids: [chunk.id] })
  const by = { term: term(6) }
  const orders = [orderOf(chunk)]
  const late: { [K in keyof ChunkMessages]?: RequestOf<ChunkMessages, K> } = {
    delete: { ...by, orders },
    trim: { ...by, boot, puts, orders },
    raise: { ...by, chunks: [orderOf(chunk, 9)] },
    copy: { ...by, id: chunk.id, generation: generation(1), to: other.peer },
    setDraining: { ...by, draining: true }
  }
  for (const [op, message] of Object.entries(late)) {
    const asked = leader.chunkRpc.call(
      node.peer,
      op as 'delete',
      message as RequestOf<ChunkMessages, 'delete'>,
      {
        timeoutMs
      }
    )
    await t.rejects(asked, { code: 'term-stale' }, op)
  }
  t.match(await node.store.stat(chunk.id), { generation: 1 })
  t.notOk(await holds(other, chunk))
  t.equal((await node.node.describe()).state, 'active')
})

t.test(
  'generations that are not those held delete nothing, lower nothing, and are not invented',
  async (t) => {
    const { edge, leader, node, other } = await setUp(t)
    const chunk = someChunk(10)
    await putChunk(edge, node, chunk, { ...single, generation: generation(5) })
    t.same(await ask(leader, node, 'delete', { term: term(1), orders: [orderOf(chunk, 4)] }), {
      gone: [false]
    })
    const raised = await ask(leader, node, 'raise', { term: term(1), chunks: [orderOf(chunk, 2)] })
    t.match(raised.receipts, [{ generation: 5 }], 'the receipt says what is held')
    t.match(await node.store.stat(chunk.id), { generation: 5 })
    const copy = { term: term(1), id: chunk.id, generation: generation(6), to: other.peer }
    t.match(await ask(leader, node, 'copy', copy), { receipt: { peer: other.peer, generation: 6 } })
    t.match(await node.store.stat(chunk.id), { generation: 5 }, 'giving a copy changes nothing here')
  }
)

t.test('malformed orders are refused before anything is done', async (t) => {
  const { edge, leader, node } = await setUp(t)
  const chunk = someChunk(10)
  await putChunk(edge, node, chunk, single)
  const good = orderOf(chunk)
  const wrong: Array<[keyof ChunkMessages, unknown]> = [
    ['delete', { term: 9, orders: [] }],
    ['delete', { term: 9, orders: Array.from({ length: 257 }, () => good) }],
    ['delete', { term: -1, orders: [good] }],
    ['trim', { term: 9, boot: 1, orders: [good] }],
    ['trim', { term: 9, boot: 1, puts: -1, orders: [good] }],
    ['raise', { term: 9, chunks: [{ ...good, chunk: 'bafy' }] }],
    ['raise', { term: 9, chunks: [{ ...good, generation: 0.5 }] }],
    ['setDraining', { term: 9, draining: 'yes' }],
    ['setDraining', { draining: true }],
    ['scrub', {}],
    ['list', { limit: 0 }]
  ]
  for (const [op, message] of wrong) {
    const asked = leader.chunkRpc.call(node.peer, op as 'list', message as { limit: number }, { timeoutMs })
    await t.rejects(asked, { code: /bad-request|protocol-violation/ }, `${op} ${JSON.stringify(message)}`)
  }
  t.ok(await holds(node, chunk))
  t.ok(node.term.get() < 9)
})
