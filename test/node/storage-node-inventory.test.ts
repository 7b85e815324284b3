import { createHash } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import type { ListOptions } from '../../src/interfaces.ts'
import { PeerbinError } from '../../src/errors.ts'
import { digestOf } from '../../src/protocol/ids.ts'
import type { ChunkInfo } from '../../src/types.ts'
import type { MemoryCluster } from '../kit/memory-cluster.ts'
import { until } from '../kit/until.ts'
import { GatedStore } from './gated-store.ts'
import { start } from './node-cluster.ts'
import { ask, single } from './orders-kit.ts'
import { generation, putChunk, someChunk } from './put-chunk.ts'
import type { SomeChunk } from './put-chunk.ts'

/** As the plan of the messages says it, by hand. */
function summaryOf(chunks: Array<{ chunk: SomeChunk; generation: number }>): {
  count: number
  digest: string
} {
  const entries = chunks
    .map(({ chunk, generation: at }) => {
      const entry = Buffer.alloc(40)
      entry.set(digestOf(chunk.id))
      entry.writeBigUInt64BE(BigInt(at), 32)
      return entry
    })
    .toSorted((a, b) => Buffer.compare(a, b))
  const hash = createHash('sha256').update(Buffer.concat(entries)).digest('hex')
  return { count: entries.length, digest: hash.slice(0, 32) }
}

const firstByte = ({ id }: SomeChunk): number => digestOf(id)[0] ?? -1

t.test('an inventory has the number and digest of what is held, for each first byte', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  const node = cluster.node(0)
  const held = Array.from({ length: 600 }, (_, i) => ({ chunk: someChunk(10), generation: i + 1 }))
  for (const { chunk, generation: at } of held) {
    await putChunk(edge, node, chunk, { ...single, generation: generation(at) })
  }
  const { boot, prefixes } = await ask(leader, node, 'inventory', {})
  t.equal(boot, node.announcer.boot)
  const expected = Array.from({ length: 256 }, (_, prefix) =>
    summaryOf(held.filter(({ chunk }) => firstByte(chunk) === prefix))
  )
  t.same(prefixes, expected)
  t.ok(
    prefixes.some(({ count }) => count > 1),
    'some prefix has an order to keep'
  )
})

/** Lists are counted, and can be held up. */
class SlowList extends GatedStore {
  lists = 0
  gate: Promise<void> = Promise.resolve()
  rotten: PeerbinError | undefined

  override async list(options: ListOptions): Promise<ChunkInfo[]> {
    this.lists++
    await this.gate
    if (this.rotten !== undefined) throw this.rotten
    return await super.list(options)
  }
}

/** One node; the scrub has had its look at the store, and does not look again. */
async function startWithoutLooks(t: Test, store: SlowList): Promise<MemoryCluster> {
  const config = { scrub: { roundMs: 24 * 60 * 60 * 1000 } }
  const cluster = await start(t, { nodes: 1, storeOf: () => store, config })
  await until('the scrub has looked', () => cluster.node(0).scrub.get().scrubbedAt > 0)
  store.lists = 0
  return cluster
}

t.test(
  'those who ask at once share one pass, reads are answered meanwhile, and a failure is told',
  async (t) => {
    const store = new SlowList()
    const cluster = await startWithoutLooks(t, store)
    const edge = await cluster.client()
    const leader = await cluster.client('controller')
    const node = cluster.node(0)
    const chunk = someChunk(10)
    await putChunk(edge, node, chunk, single)
    const going = Promise.withResolvers<void>()
    store.gate = going.promise
    const asked = [1, 2, 3].map(async () => await ask(leader, node, 'inventory', {}))
    await until('the pass has begun', () => store.lists > 0)
    const { message } = await edge.chunkRpc.call(
      node.peer,
      'get',
      { id: chunk.id, offset: 0 },
      { timeoutMs: 10_000, allocate: (size) => new Uint8Array(size) }
    )
    t.equal(message.chunkBytes, 10, 'a chunk is served while an inventory is made')
    going.resolve()
    const answers = await Promise.all(asked)
    t.equal(store.lists, 1)
    t.same(
      answers.map(({ prefixes }) => prefixes.reduce((sum, { count }) => sum + count, 0)),
      [1, 1, 1]
    )
    store.rotten = new PeerbinError('store-failed')
    await t.rejects(ask(leader, node, 'inventory', {}), { code: 'store-failed' })
    store.rotten = undefined
    t.equal((await ask(leader, node, 'inventory', {})).prefixes.length, 256, 'the next one is a new pass')
  }
)

t.test('a node stops soon although an inventory hangs', async (t) => {
  const store = new SlowList()
  const cluster = await startWithoutLooks(t, store)
  const leader = await cluster.client('controller')
  const going = Promise.withResolvers<void>()
  store.gate = going.promise
  const asking = ask(leader, cluster.node(0), 'inventory', {})
  asking.catch(() => undefined) // asserted below
  await until('the pass has begun', () => store.lists > 0)
  await cluster.stopNode(0)
  await t.rejects(asking, { code: /shutting-down|peer-unreachable/ })
  going.resolve()
})
