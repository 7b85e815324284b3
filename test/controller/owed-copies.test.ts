/** Copies an upload still owes, and copies that turn out to be bad. */

import t from 'tap'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkId } from '../../src/types.ts'
import { overEachStore, startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'

async function recorded({ controller }: Cluster, chunk: ChunkId): Promise<number> {
  const owed = await controller.store.listOwed(16, undefined, 100)
  return owed.find((entry) => entry.chunk === chunk)?.copies.length ?? 16
}

overEachStore(t, 'a third copy that was never made is made', async (t, makeStore) => {
  const cluster = await startCluster(t, { makeStore, hosts: ['h1', 'h2'] })
  const { world, sender, nodes, copies } = cluster
  const { chunks } = await sender.send({ content: ['owed'] })
  const [chunk] = chunks
  if (chunk === undefined) return
  t.equal(await copies(chunk), 2)
  await world.pass(3000)
  t.match(await sender.call('status', {}), { chunksOwed: 0 }, 'two nodes owe nobody a third copy')

  nodes.push(await world.addNode('h3'))
  await world.until('all have it', async () => (await copies(chunk)) === 3)
  await world.until('it is recorded', async () => (await recorded(cluster, chunk)) === 3)
  t.match(await sender.call('status', {}), { chunksOwed: 0 })
})

t.test('copies that are still being passed on are left to the nodes for a while', async (t) => {
  const cluster = await startCluster(t)
  const { world, sender, copies } = cluster
  await world.pass(3000)
  const upload = await sender.open()
  const { chunk, receipts } = await sender.place(upload, 0, 'young', 2)
  await sender.call('recordReceipts', { receipts })
  await world.pass(800)
  t.equal(await copies(chunk), 2)
  await world.until('the third is made', async () => (await copies(chunk)) === 3)
})

t.test('a copy its node has lost is dropped from the record and made again', async (t) => {
  const cluster = await startCluster(t)
  const { world, sender, nodes, copies } = cluster
  const { file, chunks } = await sender.send({ content: ['lost'] })
  const [chunk] = chunks
  const [first] = nodes
  if (chunk === undefined || first === undefined) return
  await world.pass(2000)
  const generation = (await first.store.stat(chunk))?.generation
  if (generation === undefined) return
  t.ok(await first.store.delete(chunk, generation))
  await sender.call('reportBadCopy', { peer: first.peer, chunk, generation, code: 'chunk-not-found' })
  await world.until('it is back', async () => (await copies(chunk)) === 3)
  t.ok(await first.holds(chunk), 'nobody else could take it, so its record had gone')
  const { chunks: page } = await sender.call('listFileChunks', { file: file.id, from: 0, limit: 1 })
  t.equal(page[0]?.copies.length, 3)
})

t.test('a complaint about a good copy, or about a node that is away, changes nothing', async (t) => {
  const dropped: unknown[] = []
  const store = new MemoryMetadataStore()
  const dropCopy = store.dropCopy
  const watched = Object.assign(store, {
    dropCopy: async (copy: Parameters<typeof dropCopy>[0]): Promise<void> => {
      dropped.push(copy)
      await dropCopy(copy)
    }
  })
  const cluster = await startCluster(t, { makeStore: () => watched })
  const { world, sender, nodes } = cluster
  const { chunks } = await sender.send({ content: ['good'] })
  const [chunk] = chunks
  const [first, second] = nodes
  if (chunk === undefined || first === undefined || second === undefined) return
  const generation = (await first.store.stat(chunk))?.generation
  if (generation === undefined) return
  const complaint = { chunk, generation, code: 'chunk-corrupt' as const }
  await sender.call('reportBadCopy', { ...complaint, peer: first.peer })
  world.hub.cut(cluster.controller.peer, second.peer)
  await sender.call('reportBadCopy', { ...complaint, peer: second.peer })
  t.same(dropped, [])
})

t.test('a source that has lost its copy is found out, and another one is used', async (t) => {
  const cluster = await startCluster(t, { hosts: ['h1', 'h2'] })
  const { world, sender, nodes } = cluster
  const content = Array.from({ length: 12 }, (_, index) => `piece ${index}`)
  await sender.send({ content })
  const ids = content.map((text) => chunkIdOf(Buffer.from(text)))
  const [first] = nodes
  if (first === undefined) return
  for (const id of ids) {
    const info = await first.store.stat(id)
    if (info !== undefined) await first.store.delete(id, info.generation)
  }
  const third = await world.addNode('h3')
  nodes.push(third)
  for (const id of ids) await world.until('the new node has it', () => third.holds(id))
  let backOnFirst = 0
  for (const id of ids) if (await first.holds(id)) backOnFirst++
  t.ok(backOnFirst > 0, 'what it was asked for and did not have was given back to it')
})
