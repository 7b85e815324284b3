import t from 'tap'
import type { Test } from 'tap'
import { until } from '../kit/until.ts'
import type { ChunkId, ChunkInfo } from '../../src/types.ts'
import { GatedStore } from './gated-store.ts'
import { atRest, holds, start } from './node-cluster.ts'
import { ask, orderOf, single, term } from './orders-kit.ts'
import { generation, putChunk, someChunk } from './put-chunk.ts'
import type { SomeChunk } from './put-chunk.ts'

/** A node with a store that can be held up, an edge, a leader; `see` is the leader's look, `trim` its order after that. */
async function setUp(t: Test, store = new GatedStore()) {
  const cluster = await start(t, { nodes: 1, storeOf: () => store })
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  const node = cluster.node(0)
  const put = async (chunk: SomeChunk, at = 1): Promise<void> => {
    await putChunk(edge, node, chunk, { ...single, generation: generation(at) })
  }
  const see = async (chunk: SomeChunk): Promise<{ boot: number; puts: number }> => {
    const { boot, puts } = await ask(leader, node, 'has', { ids: [chunk.id] })
    return { boot, puts }
  }
  const trim = async (chunk: SomeChunk, seen: { boot: number; puts: number }, at = 1): Promise<boolean[]> =>
    (await ask(leader, node, 'trim', { term: term(3), ...seen, orders: [orderOf(chunk, at)] })).gone
  return { cluster, store, edge, leader, node, put, see, trim }
}

t.test('a surplus copy goes when nothing was put since the leader looked', async (t) => {
  const { cluster, node, put, see, trim } = await setUp(t)
  const [chunk, other] = [someChunk(1000), someChunk(1000)]
  await put(chunk)
  const seen = await see(chunk)
  await put(other)
  t.same(await trim(chunk, seen), [true])
  t.notOk(await holds(node, chunk))
  t.ok(await holds(node, other), 'only what was named')
  t.same(await trim(chunk, seen), [true], 'gone is gone')
  await atRest(cluster)
})

t.test('a chunk that was put again after the leader looked stays', async (t) => {
  const { node, put, see, trim } = await setUp(t)
  const chunk = someChunk(1000)
  await put(chunk)
  const seen = await see(chunk)
  await put(chunk)
  t.same(await trim(chunk, seen), [false], 'at the same generation: only the count of puts tells')
  t.ok(await holds(node, chunk))
  t.same(await trim(chunk, await see(chunk)), [true], 'unless the leader has looked again')
})

t.test('a chunk stays while a put of it is under way, and after that', async (t) => {
  const { cluster, store, node, put, see, trim } = await setUp(t)
  for (const holdsFirst of [true, false]) {
    const chunk = someChunk(1000)
    await put(chunk)
    const seen = await see(chunk)
    store.holdsFirst = holdsFirst
    store.shut()
    const putting = put(chunk)
    await until('the store has the put', () => store.held === 1)
    t.same(await trim(chunk, seen), [false])
    store.letThrough()
    await putting
    t.same(await trim(chunk, seen), [false])
    t.ok(await holds(node, chunk))
  }
  await atRest(cluster)
})

/** Its look at a chunk can be held up, after it was taken. */
class SlowLook extends GatedStore {
  looking = Promise.withResolvers<void>()
  look: Promise<void> = Promise.resolve()

  override async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    const info = await super.stat(id)
    this.looking.resolve()
    await this.look
    return info
  }
}

t.test('a chunk that was put while the leader looked stays', async (t) => {
  const store = new SlowLook()
  const { node, put, see, trim } = await setUp(t, store)
  const chunk = someChunk(1000)
  await put(chunk)
  const going = Promise.withResolvers<void>()
  store.look = going.promise
  store.looking = Promise.withResolvers<void>()
  const seeing = see(chunk)
  await store.looking.promise
  await put(chunk)
  going.resolve()
  t.same(await trim(chunk, await seeing), [false], 'its answer may not have shown that put')
  t.ok(await holds(node, chunk))
})

t.test('a chunk whose generation was raised after the leader looked stays', async (t) => {
  const { leader, node, put, see, trim } = await setUp(t)
  const chunk = someChunk(1000)
  await put(chunk)
  const seen = await see(chunk)
  const raise = { term: term(3), chunks: [orderOf(chunk, 1)] }
  const { receipts } = await ask(leader, node, 'raise', raise)
  t.match(receipts, [{ chunk: chunk.id, generation: 1, boot: seen.boot, peer: node.peer, host: node.host }])
  t.same(await trim(chunk, seen), [false], 'a receipt was given for it')
})

t.test('a trim for another boot, of a lower generation or an older term removes nothing', async (t) => {
  const { leader, node, put, see, trim } = await setUp(t)
  const chunk = someChunk(1000)
  await put(chunk, 4)
  const seen = await see(chunk)
  for (const boot of [seen.boot - 1, seen.boot + 1]) t.same(await trim(chunk, { ...seen, boot }, 4), [false])
  t.same(await trim(chunk, seen, 3), [false])
  const late = { term: term(2), ...seen, orders: [orderOf(chunk, 4)] }
  await t.rejects(ask(leader, node, 'trim', late), { code: 'term-stale' })
  t.ok(await holds(node, chunk))
  t.same(await trim(chunk, seen, 4), [true])
})

t.test('a trim that was decided before a restart removes nothing after it', async (t) => {
  const { cluster, leader, put, see } = await setUp(t)
  const chunk = someChunk(1000)
  await put(chunk)
  const seen = await see(chunk)
  const node = await cluster.restartNode(0, { crash: true })
  const order = { term: term(3), ...seen, puts: seen.puts + 100, orders: [orderOf(chunk)] }
  t.same(await ask(leader, node, 'trim', order), { gone: [false] })
  t.ok(await holds(node, chunk))
})

t.test('raise lifts what is held, and says what is not', async (t) => {
  const { leader, node, put } = await setUp(t)
  const [chunk, missing] = [someChunk(1000), someChunk(1000)]
  await put(chunk, 2)
  const chunks = [orderOf(missing, 9), orderOf(chunk, 9)]
  const { receipts } = await ask(leader, node, 'raise', { term: term(3), chunks })
  t.equal(receipts[0], null)
  t.match(receipts[1], { chunk: chunk.id, generation: 9, boot: node.announcer.boot })
  t.equal((await node.store.stat(chunk.id))?.generation, 9)
  await t.rejects(ask(leader, node, 'raise', { term: term(2), chunks }), { code: 'term-stale' })
})
