/** Nodes that lie about what they hold: they may cost the cluster a question more, and nothing else. */

import t from 'tap'
import type { Test } from 'tap'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import { chunkIdFromDigest, chunkIdOf, digestOf } from '../../../src/protocol/ids.ts'
import { InventoryDigest } from '../../../src/protocol/inventory.ts'
import { INVENTORY_PREFIXES } from '../../../src/protocol/limits.ts'
import type { ChunkMessages, RequestOf } from '../../../src/protocol/messages.ts'
import type { RpcHandlers } from '../../../src/protocol/rpc.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../../src/types.ts'
import { bytesOf, claim, collect, setUp, upload } from '../../client/edge.ts'
import type { Edge } from '../../client/edge.ts'
import { until } from '../../kit/until.ts'

const CONTENT = bytesOf(300_000)

interface Lie {
  /** Answers a page of the list. */
  list: (request: RequestOf<ChunkMessages, 'list'>, boot: number) => ChunkInfo[]
  /** Added to its true boot in every answer. */
  bootOffset?: number
  has?: (id: ChunkId) => ChunkInfo | null
  get?: RpcHandlers<ChunkMessages>['get']
}

const info = (id: ChunkId, generation: number): ChunkInfo => ({
  id,
  sizeBytes: 1000,
  generation: generation as Generation,
  storedAt: 0,
  verifiedAt: 0,
  manifest: false
})

/** Digests of its own: every prefix differs from what is recorded, so that all of it is listed. */
const differing = Array.from({ length: INVENTORY_PREFIXES }, (_none, index) => {
  const digest = new InventoryDigest()
  digest.add(new Uint8Array(32).fill(index), 1)
  return digest.summary()
})

async function withLiar(t: Test, makeLie: (edge: Edge, real: ChunkInfo[]) => Lie, nodes = 3) {
  const metadata = new MemoryMetadataStore()
  const edge = await setUp(t, {
    nodes,
    metadata,
    config: { inventory: { intervalMs: 200, quarantineMs: 100 } }
  })
  const result = await edge.writer.upload(upload(CONTENT))
  const { cluster } = edge
  await until(
    'all copies are recorded',
    async () => (await metadata.listOwed(nodes, undefined, 10)).length === 0
  )
  const before = {
    generation: await metadata.lastGeneration(),
    term: cluster.controller.term,
    copies: await recordedOf(edge, metadata)
  }
  const lie = makeLie(edge, await cluster.node(0).store.list({ limit: 100 }))
  let asked = 0
  let boot = 0
  const say = (): number => boot + (lie.bootOffset ?? 0)
  const liar = await cluster.addImpostor({
    inventory: async () => {
      asked++
      return { message: { boot: say(), prefixes: differing } }
    },
    list: async ({ message }) => {
      asked++
      return { message: { boot: say(), chunks: lie.list(message, say()) } }
    },
    has: async ({ message }) => ({
      message: { boot: say(), puts: 0, chunks: message.ids.map((id) => lie.has?.(id) ?? null) }
    }),
    ...(lie.get !== undefined && { get: lie.get })
  })
  boot = liar.announcer.boot
  return {
    edge,
    metadata,
    liar,
    asked: () => asked,
    /** Nothing that others hold, and no counter, is another one now. */
    unharmed: async (): Promise<void> => {
      t.equal(await metadata.lastGeneration(), before.generation)
      t.equal(cluster.controller.term, before.term)
      t.same(await recordedOf(edge, metadata), before.copies)
      for (const { store } of cluster.nodes)
        t.equal((await store.list({ limit: 100 })).length, before.copies[0]?.length)
      t.ok((await collect(edge.reader.read(await claim(edge, result)))).equals(CONTENT))
    }
  }
}

async function recordedOf({ cluster }: Edge, metadata: MemoryMetadataStore): Promise<ChunkId[][]> {
  const all = []
  for (const { peer } of cluster.nodes) {
    all.push((await metadata.listCopies(peer, undefined, 100)).map(({ chunk }) => chunk))
  }
  return all
}

const after = (chunks: ChunkInfo[], from: ChunkId | undefined): ChunkInfo[] =>
  chunks.filter(({ id }) => from === undefined || Buffer.compare(digestOf(id), digestOf(from)) > 0)

t.test('chunks it does not have are not counted among copies that are enough', async (t) => {
  const { liar, metadata, asked, unharmed } = await withLiar(t, (_edge, real) => ({
    list: ({ after: from }) => after(real, from),
    has: (id) => real.find((each) => each.id === id) ?? null,
    get: async () => {
      const bytes = Buffer.alloc(1000)
      return {
        message: { generation: 1 as Generation, chunkBytes: 1000 },
        body: { sizeBytes: 1000, pieces: [bytes] }
      }
    }
  }))
  await until('it was asked several times', () => asked() > 300)
  t.same(await metadata.listCopies(liar.peer, undefined, 10), [])
  await unharmed()
})

t.test('generations that were never given out raise nothing', async (t) => {
  const { asked, unharmed } = await withLiar(t, (_edge, real) => ({
    list: ({ after: from }) =>
      after(
        real.map(({ id }) => info(id, 2 ** 40)),
        from
      )
  }))
  await until('it was asked several times', () => asked() > 300)
  await unharmed()
})

for (const [what, list] of [
  ['unordered', (real) => () => real.toReversed()],
  ['the same again and again', (real) => () => real],
  [
    'twice in a page',
    (real) =>
      ({ after: from }) =>
        after(real, from).flatMap((each) => [each, each])
  ]
] as Array<[string, (real: ChunkInfo[]) => Lie['list']]>) {
  t.test(`a list that is wrong is not believed: ${what}`, async (t) => {
    const { edge, liar, asked, unharmed } = await withLiar(t, (_edge, real) => ({ list: list(real) }))
    await until('it was asked', () => asked() > 2)
    await until('others are compared meanwhile', async () => {
      const { nodes } = await edge.client.controller.call('status', {})
      return nodes.every(({ peer, reconciledAt }) => (peer === liar.peer) === (reconciledAt === null))
    })
    await unharmed()
  })
}

t.test('a list without an end is given up, and others have their turn', async (t) => {
  let listed = 0
  const { edge, asked, unharmed } = await withLiar(t, () => ({
    list: ({ after: from, limit }) => {
      // all within the prefix that is asked for: the last four bytes count on
      const digest = Buffer.from(from === undefined ? new Uint8Array(32) : digestOf(from))
      if (digest.subarray(1).every((byte) => byte === 0xff))
        digest.fill(0, 1).writeUInt8((digest[0] ?? 0) + 1, 0)
      return Array.from({ length: limit }, () => {
        digest.writeUInt32BE((digest.readUInt32BE(28) + 1) % 2 ** 32, 28)
        listed++
        return info(chunkIdFromDigest(digest), 1)
      })
    }
  }))
  await until('it was given up, and begun anew after a pause', () => asked() > 260)
  t.ok(listed >= 256 * 256)
  const { collector } = await edge.client.controller.call('status', {})
  t.ok(collector.unknown <= 256 * 256)
  await unharmed()
})

t.test('answers of another boot end the comparison', async (t) => {
  // of two nodes' chunks a third copy is wanted, so that it would be believed
  const { liar, metadata, asked, unharmed } = await withLiar(
    t,
    (_edge, real) => ({
      list: ({ after: from }) => after(real, from),
      has: (id) => real.find((each) => each.id === id) ?? null,
      bootOffset: 7
    }),
    2
  )
  await until('it was asked again', () => asked() > 2)
  t.same(await metadata.listCopies(liar.peer, undefined, 10), [])
  await unharmed()
})

t.test('unknown chunks that it names are ordered away from it alone', async (t) => {
  const invented = Array.from({ length: 20 }, (_none, index) =>
    info(chunkIdOf(Buffer.from(`no chunk ${index}`)), 1)
  )
  const inOrder = invented.toSorted((a, b) => Buffer.compare(digestOf(a.id), digestOf(b.id)))
  const { liar, metadata, unharmed } = await withLiar(t, () => ({
    list: ({ after: from }) => after(inOrder, from)
  }))
  await until('they are ordered', async () => (await metadata.listOrders(liar.peer, 100)).length === 20)
  t.same(await metadata.listOrderPeers(), [liar.peer])
  await unharmed()
})
