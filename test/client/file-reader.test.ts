import t from 'tap'
import type { ReadRequest } from '../../src/client/file-reader.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { PeerbinError as AnyError } from '../../src/errors.ts'
import { MANIFEST_INDEX } from '../../src/metadata-store.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { hashSecret, newClaimSecret, newLinkToken } from '../../src/protocol/secrets.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { randomUuid } from '../../src/runtime/random.ts'
import type { FileId, Generation, UploadId } from '../../src/types.ts'
import { FaultyChunkStore } from '../kit/faulty-chunk-store.ts'
import { until } from '../kit/until.ts'
import { MIB, bytesOf, claim, collect, setUp, stats, upload } from './edge.ts'
import type { Edge } from './edge.ts'

const code = (expected: AnyError['code']): { code: string } => ({ code: expected })

const faultyStores = (count: number): FaultyChunkStore[] =>
  Array.from(
    { length: count },
    () => new FaultyChunkStore({ store: new MemoryChunkStore({ clock: systemClock }) })
  )

/** A file, ready to be read, with no copy owed any more. */
async function stored(edge: Edge, bytes: Uint8Array): Promise<ReadRequest> {
  const result = await edge.writer.upload(upload(bytes, { declaredBytes: bytes.length }))
  await until('no copy is owed', async () => (await stats(edge)).chunksOwed === 0)
  return await claim(edge, result)
}

t.test('any range comes back exactly', async (t) => {
  const edge = await setUp(t)
  const bytes = bytesOf(9 * MIB + 5)
  const whole = await stored(edge, bytes)
  const edges = [0, 1, CHUNK_BYTES_MAX - 1, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, 8 * MIB, bytes.length]
  for (const start of edges) {
    for (const end of edges.filter((each) => each > start)) {
      const back = await collect(edge.reader.read({ ...whole, range: { start, end } }))
      t.ok(back.equals(bytes.subarray(start, end)), `[${start}, ${end})`)
    }
  }
  t.equal(edge.memory.used, 0)
})

t.test('a file of chunks of any size, longer than one page, is found page by page', async (t) => {
  const edge = await setUp(t, { nodes: 2 })
  const { controller } = edge.client
  const { random } = edge.cluster
  const parts = Array.from({ length: 300 }, (_, index) => bytesOf(1 + ((index * 37) % 200), index))
  const bytes = Buffer.concat(parts)
  const id = randomUuid(random) as UploadId
  const facts = { name: 'cut by content', mediaType: 'text/plain', metadata: {} }
  const { now } = await controller.call('openUpload', { id, ...facts })
  const put = async (index: number, part: Buffer): Promise<void> => {
    const { receipts } = await edge.chunks.write({ upload: id, index, bytes: part })
    if (receipts.length > 0) await controller.call('recordReceipts', { receipts })
  }
  for (let from = 0; from < parts.length; from += 20) {
    await Promise.all(parts.slice(from, from + 20).map(async (part, at) => await put(from + at, part)))
  }
  const manifest = await edge.chunks.write({ upload: id, index: MANIFEST_INDEX, bytes: bytesOf(40, 99) })
  await controller.call('recordReceipts', { receipts: manifest.receipts })
  const token = newLinkToken(random)
  const { file } = await controller.call('commitUpload', {
    upload: id,
    file: randomUuid(random) as FileId,
    sizeBytes: bytes.length,
    sha256: '0'.repeat(64),
    chunkCount: parts.length,
    uploadedAt: now,
    link: {
      tokenHash: hashSecret(token),
      deleteHash: hashSecret(newClaimSecret(random)),
      downloads: 1,
      expiresAt: now + 60_000
    }
  })
  const request = await claim(edge, {
    file,
    token,
    deleteSecret: '',
    expiresAt: 0,
    downloads: 1,
    isProtected: false,
    needsProof: false
  })
  t.equal(request.firstPage.length, 256)
  t.ok((await collect(edge.reader.read(request))).equals(bytes))
  for (const [start, end] of [
    [bytes.length - 10, bytes.length],
    [20_000, 20_001],
    [10_000, 25_000]
  ] as const) {
    const back = await collect(edge.reader.read({ ...request, range: { start, end } }))
    t.ok(back.equals(bytes.subarray(start, end)), `[${start}, ${end})`)
  }
})

t.test('a node that dies in the middle of a download is not noticed', async (t) => {
  const edge = await setUp(t)
  const bytes = bytesOf(21 * MIB)
  const request = await stored(edge, bytes)
  const back: Buffer[] = []
  let read = 0
  for await (const piece of edge.reader.read(request)) {
    back.push(Buffer.from(piece))
    read += piece.length
    if (read === 256 * 1024) await edge.cluster.remove(edge.cluster.node(0))
    if (read === 9 * MIB) await edge.cluster.remove(edge.cluster.node(1))
  }
  t.ok(Buffer.concat(back).equals(bytes))
  t.equal(edge.memory.used, 0)
})

t.test('a node that does not answer is overtaken by another', async (t) => {
  const stores = faultyStores(3)
  const edge = await setUp(t, {
    storeOf: (index) => stores[index] ?? new MemoryChunkStore({ clock: systemClock }),
    config: { replication: { slowReadMs: 30, getTimeoutMs: 60_000 } }
  })
  const bytes = bytesOf(9 * MIB)
  const request = await stored(edge, bytes)
  const hung = Promise.withResolvers<void>()
  for (const store of stores.slice(0, 2)) {
    // all but one node hang: of three chunks at least one is asked of them first
    store.before = async (operation) => {
      if (operation === 'get') await hung.promise
    }
  }
  // and two lanes may both hang, which is what the limit of one attempt is for
  const reading = collect(
    edge.reader.read({
      ...request,
      firstPage: request.firstPage.map((placed) => ({
        ...placed,
        copies: placed.copies.filter((copy) => copy.peer !== edge.cluster.node(1).peer)
      }))
    })
  )
  t.ok((await reading).equals(bytes))
  hung.resolve()
  await until('the memory of those overtaken is given back', () => edge.memory.used === 0)
})

t.test('a node that answers with other bytes is reported, and none of them is handed out', async (t) => {
  const edge = await setUp(t, { nodes: 3 })
  const bytes = bytesOf(5 * MIB)
  const request = await stored(edge, bytes)
  const asked: string[] = []
  const liar = await edge.cluster.addImpostor({
    get: async ({ message }) => {
      asked.push(message.id)
      const wrong = new Uint8Array(request.firstPage.find(({ id }) => id === message.id)?.sizeBytes ?? 1)
      return {
        message: { generation: 1 as Generation, chunkBytes: wrong.length },
        body: { sizeBytes: wrong.length, pieces: [wrong] }
      }
    }
  })
  const lie = { peer: liar.peer, host: liar.host, generation: 1 as Generation, boot: 1 }
  const only = request.firstPage.map((placed) => ({ ...placed, copies: [lie] }))
  const both = request.firstPage.map((placed) => ({ ...placed, copies: [lie, ...placed.copies.slice(0, 1)] }))
  for (let i = 0; i < 4; i++) {
    t.ok((await collect(edge.reader.read({ ...request, firstPage: both }))).equals(bytes))
  }
  t.ok(asked.length > 0)
  // the recorded places come from the controller in the second round
  t.ok((await collect(edge.reader.read({ ...request, firstPage: only }))).equals(bytes))
  t.equal(edge.memory.used, 0)
})

t.test('a rotten copy is reported to the controller, which has it replaced', async (t) => {
  const stores = faultyStores(4)
  const edge = await setUp(t, {
    nodes: 4,
    storeOf: (index) => stores[index] ?? new MemoryChunkStore({ clock: systemClock })
  })
  const bytes = bytesOf(MIB)
  const request = await stored(edge, bytes)
  const first = request.firstPage[0]
  if (first === undefined) throw new Error('there is no chunk')
  const holder = edge.cluster.nodes.find(({ peer }) => peer === first.copies[0]?.peer)
  if (holder === undefined) throw new Error('nobody holds the chunk')
  await holder.store.delete(first.id, first.generation)
  const onlyThere = [{ ...first, copies: first.copies.slice(0, 1) }]
  t.ok((await collect(edge.reader.read({ ...request, firstPage: onlyThere }))).equals(bytes))
  await until('three copies are recorded again, on nodes that hold them', async () => {
    const { chunks } = await edge.client.controller.call('listFileChunks', {
      file: request.file as FileId,
      from: 0,
      limit: 1
    })
    const held = await Promise.all(
      (chunks[0]?.copies ?? []).map(
        async ({ peer }) => await edge.cluster.nodes.find((node) => node.peer === peer)?.store.stat(first.id)
      )
    )
    return held.length === 3 && held.every((info) => info !== undefined)
  })
})

t.test('without any copy that can be read nothing is handed out, and it says so', async (t) => {
  const stores = faultyStores(2)
  const edge = await setUp(t, {
    nodes: 2,
    storeOf: (index) => stores[index] ?? new MemoryChunkStore({ clock: systemClock })
  })
  const bytes = bytesOf(5 * MIB)
  const request = await stored(edge, bytes)
  for (const store of stores) {
    store.before = (operation) => {
      if (operation === 'get') throw new PeerbinError('store-failed')
    }
  }
  await t.rejects(edge.reader.prepare(request), { code: 'chunk-unavailable', retryAfterMs: Number })
  await until('memory is given back', () => edge.memory.used === 0)
  for (const store of stores) store.heal()
  t.ok((await collect(await edge.reader.prepare(request))).equals(bytes))
})

t.test('nodes that come back while somebody waits are asked again', async (t) => {
  const stores = faultyStores(2)
  const edge = await setUp(t, {
    nodes: 2,
    storeOf: (index) => stores[index] ?? new MemoryChunkStore({ clock: systemClock })
  })
  const bytes = bytesOf(100)
  const request = await stored(edge, bytes)
  let failures = 0
  for (const store of stores) {
    store.before = (operation) => {
      if (operation === 'get' && failures++ < 3) throw new PeerbinError('store-failed')
    }
  }
  t.ok((await collect(edge.reader.read(request))).equals(bytes))
  t.ok(failures > 3)
})

t.test('a reader that leaves gives all memory back, wherever it was', async (t) => {
  const edge = await setUp(t)
  const request = await stored(edge, bytesOf(21 * MIB))

  const unread = await edge.reader.prepare(request)
  t.ok(edge.memory.used > 0)
  await unread.return()
  await until('ended without reading', () => edge.memory.used === 0)

  const partly = edge.reader.read(request)
  await partly.next()
  await partly.return()
  await until('ended after a piece', () => edge.memory.used === 0)

  const gone = new AbortController()
  const forgotten = await edge.reader.prepare({ ...request, signal: gone.signal })
  gone.abort()
  await until('aborted, and never touched again', () => edge.memory.used === 0)
  await t.rejects(
    forgotten.next().then(async () => await forgotten.next()),
    code('aborted')
  )

  const early = new AbortController()
  const rejected = edge.reader.prepare({ ...request, signal: early.signal })
  early.abort()
  await t.rejects(rejected, code('aborted'))
  await until('aborted at once', () => edge.memory.used === 0)
})

t.test('a download takes memory for chunks ahead only while it is free', async (t) => {
  const edge = await setUp(t, { memoryBytes: 8 * MIB, config: { edge: { chunksAhead: 4 } } })
  const bytes = bytesOf(17 * MIB)
  const request = await stored(edge, bytes)
  const backs = await Promise.all(
    Array.from({ length: 4 }, async () => await collect(edge.reader.read(request)))
  )
  for (const back of backs) t.ok(back.equals(bytes))
  t.ok(edge.memory.peak <= 8 * MIB)
  t.equal(edge.memory.used, 0)
})

t.test('who waits for a piece while slow readers have them all keeps no chunk from others', async (t) => {
  const edge = await setUp(t, { memoryBytes: MIB, config: { edge: { slowMs: 50 } } })
  const bytes = bytesOf(600_000)
  const request = await stored(edge, bytes)
  const slow = Array.from({ length: 4 }, () => edge.reader.read(request)) // a quarter of the memory, in pieces of 64 KiB
  await Promise.all(slow.map(async (reader) => await reader.next()))
  const waiting = collect(edge.reader.read(request))
  await until('it has its chunk', () => edge.memory.used > 0)
  await edge.writer.upload(upload(bytesOf(700_000, 2), { declaredBytes: 700_000 }))
  for (const reader of slow) await reader.return(undefined)
  t.ok((await waiting).equals(bytes))
  t.equal(edge.memory.used, 0)
})
