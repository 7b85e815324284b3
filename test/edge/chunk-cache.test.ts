/** Many who fetch one file through one edge: each chunk is read from a node once, and memory stays what it may be. */

import t from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { PeerbinError } from '../../src/errors.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { FaultyChunkStore } from '../kit/faulty-chunk-store.ts'
import { until } from '../kit/until.ts'
import { register } from './accounts/accounts-kit.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { fetchFile, stored } from './files/files-kit.ts'

const MIB = 1024 * 1024
const READERS = 100

type EdgeConfig = ConfigInput['edge']

/** An edge over nodes whose reads are counted. */
async function setUp(t: Parameters<typeof startEdges>[0], edge: EdgeConfig = {}, nodes = 3) {
  const stores = Array.from(
    { length: nodes },
    () => new FaultyChunkStore({ store: new MemoryChunkStore({ clock: systemClock }) })
  )
  const edges = await startEdges(t, {
    nodes,
    storeOf: (index) => stores[index] ?? new MemoryChunkStore({ clock: systemClock }),
    config: {
      // a machine that is busy must not make a second node be asked
      replication: { slowReadMs: 60_000 },
      edge: { port: 0, headersMs: 120_000, memoryWaitMs: 100_000, stallMs: 60_000, ...edge },
      anonymous: { downloadsAtOnce: 1000 }
    }
  })
  const running = edges.edges[0]
  if (running === undefined) throw new Error('there is no edge')
  const settled = async (): Promise<void> =>
    await until('no copy is owed', async () => (await edges.cluster.controller.status()).chunksOwed === 0)
  const forget = (): void => {
    for (const store of stores) store.calls.length = 0
  }
  /** Reads of nodes since they were forgotten, of each chunk. */
  const reads = (): number[] => {
    const counts = new Map<string, number>()
    for (const { calls } of stores)
      for (const { operation, id = '' } of calls)
        if (operation === 'get') counts.set(id, (counts.get(id) ?? 0) + 1)
    return [...counts.values()]
  }
  return { url: edges.url(), edges, memory: running.memory, stores, settled, forget, reads }
}

t.test(`${READERS} readers of a file at once cost one read of each chunk`, async (t) => {
  const { url, memory, settled, forget, reads } = await setUp(t)
  const ada = await register(url, 'ada')
  const bytes = sampleBytes(5 * MIB)
  const file = await stored(url, ada.token, bytes, 'result.bin')
  await settled()
  forget()
  const fetched = await Promise.all(
    Array.from({ length: READERS }, async () => await fetchFile(url, ada.token, file))
  )
  t.ok(fetched.every((each) => each.bytes.equals(bytes)))
  t.same(reads(), [1, 1])
  t.ok(memory.peak <= memory.total)
  await until('all of it is given back', () => memory.used === 0)
  t.ok(
    (await fetchFile(url, ada.token, file, { headers: { range: 'bytes=-1000' } })).bytes.equals(
      bytes.subarray(-1000)
    )
  )
  t.same(reads(), [1, 1], 'and of those who come later, none')
  const status = (await (await fetch(`${url}/status`)).json()) as { edge: { chunks: object } }
  t.match(status.edge.chunks, { fetched: 2, keptBytes: bytes.length })
})

t.test('a file larger than all that is kept comes whole to everybody, within the bounds', async (t) => {
  const config = { memoryBytes: 8 * MIB, cacheBytes: 8 * MIB, slowMs: 200 }
  const { url, memory, edges } = await setUp(t, config)
  const ada = await register(url, 'ada')
  const bytes = sampleBytes(25 * MIB)
  const file = await stored(url, ada.token, bytes, 'result.bin')
  const fetched = await Promise.all(
    Array.from({ length: 12 }, async () => await fetchFile(url, ada.token, file))
  )
  t.ok(fetched.every((each) => each.bytes.equals(bytes)))
  t.ok(memory.peak <= 8 * MIB)
  await until('all of it is given back', () => memory.used === 0)
  const { chunks } = ((await (await fetch(`${edges.url()}/status`)).json()) as StatusAnswer).edge
  t.ok(chunks.keptBytes <= 8 * MIB, `${chunks.keptBytes} bytes are kept`)
})

interface StatusAnswer {
  edge: { chunks: { keptBytes: number; fetched: number } }
}

t.test('a rotten copy is neither served nor kept', async (t) => {
  const { url, stores, settled } = await setUp(t)
  const ada = await register(url, 'ada')
  const bytes = sampleBytes(3 * MIB)
  const file = await stored(url, ada.token, bytes, 'result.bin')
  await settled()
  // nodes themselves find rot when they read: these have not, and send what is there
  for (const store of stores.slice(0, 2)) {
    const get = store.get.bind(store)
    store.get = async (...args) => {
      const good = Uint8Array.from(await get(...args))
      if (good.length > 1000) good[1000] = (good[1000] ?? 0) ^ 1
      return good
    }
  }
  for (let i = 0; i < 3; i++) {
    const fetched = await Promise.all(
      Array.from({ length: 5 }, async () => await fetchFile(url, ada.token, file))
    )
    t.ok(fetched.every((each) => each.status === 200 && each.bytes.equals(bytes)))
  }
})

t.test('chunks that cannot be had are not remembered as such', async (t) => {
  const { url, stores, settled } = await setUp(t)
  const ada = await register(url, 'ada')
  const bytes = sampleBytes(MIB)
  const file = await stored(url, ada.token, bytes, 'result.bin')
  await settled()
  for (const store of stores)
    store.before = (operation) => {
      if (operation === 'get') throw new PeerbinError('store-failed')
    }
  t.equal((await fetchFile(url, ada.token, file)).status, 503)
  for (const store of stores) store.heal()
  t.ok((await fetchFile(url, ada.token, file)).bytes.equals(bytes))
})

t.test('readers that stand still keep nothing of what others fetch', async (t) => {
  const config = { memoryBytes: 8 * MIB, cacheBytes: 8 * MIB, slowMs: 200, uploadBytesMax: 40 * MIB }
  const { url, memory } = await setUp(t, config)
  const ada = await register(url, 'ada')
  const held = sampleBytes(24 * MIB, 1)
  const other = sampleBytes(9 * MIB, 2)
  const slowFile = await stored(url, ada.token, held, 'slow.bin')
  const otherFile = await stored(url, ada.token, other, 'other.bin')
  const slow = await Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      const client = await RawClient.open(url)
      const from = i * CHUNK_BYTES_MAX
      const head = `GET /api/files/download/${slowFile} HTTP/1.1\r\nHost: x\r\nRange: bytes=${from}-\r\n`
      client.write(`${head}Authorization: Bearer ${ada.token}\r\n\r\n`)
      await until('it has begun', () => client.bodyBytes > 0)
      client.socket.pause()
      return { client, from }
    })
  )
  t.teardown(() => {
    for (const { client } of slow) client.socket.destroy()
  })
  t.ok((await fetchFile(url, ada.token, otherFile)).bytes.equals(other), 'while all of them stand still')
  for (const { client } of slow) client.socket.resume()
  await until(
    'the slow ones have everything',
    () => slow.every(({ client, from }) => client.bodyBytes === held.length - from),
    90_000
  )
  for (const { client, from } of slow) t.ok(client.body.equals(held.subarray(from)))
  await until('all of it is given back', () => memory.used === 0)
  t.ok(memory.peak <= memory.total)
})

t.test('a link that is used up leaves nothing behind in memory', async (t) => {
  const { url, settled } = await setUp(t)
  const bytes = sampleBytes(5 * MIB)
  const { directUrl } = await upload(url, bytes)
  await settled()
  t.ok(Buffer.from(await (await fetch(directUrl)).arrayBuffer()).equals(bytes))
  t.equal((await fetch(directUrl)).status, 410, 'what was read is not handed out once more')
  const { chunks } = ((await (await fetch(`${url}/status`)).json()) as StatusAnswer).edge
  t.equal(chunks.keptBytes, 0)
})

t.test('who may not read a file is not given what is kept of it', async (t) => {
  const { url, settled, reads, forget } = await setUp(t)
  const ada = await register(url, 'ada')
  const ben = await register(url, 'ben')
  const bytes = sampleBytes(MIB)
  const file = await stored(url, ada.token, bytes, 'secret.bin')
  await settled()
  await fetchFile(url, ada.token, file)
  t.equal((await fetchFile(url, ben.token, file)).status, 403)
  // ben has the same bytes: his are read from a node, so that time does not tell him of ada's
  const own = await stored(url, ben.token, bytes, 'mine.bin')
  await settled()
  forget()
  t.ok((await fetchFile(url, ben.token, own)).bytes.equals(bytes))
  t.same(reads(), [1])
})
