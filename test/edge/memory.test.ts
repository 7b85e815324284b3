/** More transfers than memory: they wait their turn, and nobody who is slow keeps it from the others. */

import t from 'tap'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { until } from '../kit/until.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import type { EdgeCluster } from './edge-cluster.ts'

const MIB = 1024 * 1024
const JSON_ONLY = { accept: 'application/json' }

const put = (url: string, bytes: Uint8Array) =>
  fetch(`${url}/a.bin`, { method: 'PUT', body: new Uint8Array(bytes), headers: JSON_ONLY })

const memoryOf = ({ edges }: EdgeCluster) => {
  const memory = edges[0]?.memory
  if (memory === undefined) throw new Error('there is no edge')
  return memory
}

t.test(
  'two hundred at once over memory for eight: all wait their turn, and none is turned away',
  async (t) => {
    const SIZE = 200_000
    const COUNT = 200
    const edges = await startEdges(t, {
      config: {
        edge: { port: 0, headersMs: 120_000, memoryBytes: 8 * SIZE, memoryWaitMs: 100_000, stallMs: 60_000 }
      }
    })
    const { url } = edges
    const memory = memoryOf(edges)
    let mostWaiting = 0
    const look = setInterval(() => (mostWaiting = Math.max(mostWaiting, memory.waiting)), 1)
    t.teardown(() => clearInterval(look))
    const links = await Promise.all(
      Array.from({ length: COUNT }, async (_, i) => {
        const answer = await put(url(), sampleBytes(SIZE, i))
        return ((await answer.json()) as { directUrl: string }).directUrl
      })
    )
    t.ok(memory.peak <= memory.total, 'memory of uploads')
    const same = await Promise.all(
      links.map(async (link, i) =>
        sampleBytes(SIZE, i).equals(Buffer.from(await (await fetch(link)).arrayBuffer()))
      )
    )
    t.equal(same.filter(Boolean).length, COUNT)
    t.ok(memory.peak <= memory.total, 'memory of downloads')
    t.ok(mostWaiting > 8, `${mostWaiting} waited at once`)
    await until('all of it is given back', () => memory.used === 0 && memory.waiting === 0)
  }
)

t.test(
  'a client that leaves while it waits is not waited for, and beyond the queue there is 503',
  async (t) => {
    const edges = await startEdges(t, {
      config: {
        edge: {
          port: 0,
          headersMs: 120_000,
          memoryBytes: MIB,
          memoryWaitersMax: 2,
          memoryWaitMs: 60_000,
          stallMs: 60_000
        }
      }
    })
    const { url } = edges
    const memory = memoryOf(edges)
    const lease = await memory.acquire(MIB)
    using leaving = await RawClient.open(url())
    leaving.write('PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
    await until('it waits', () => memory.waiting === 1)
    const staying = put(url(), sampleBytes(1000))
    await until('both wait', () => memory.waiting === 2)
    const refused = await put(url(), sampleBytes(1000, 2))
    t.equal(refused.status, 503)
    t.match(refused.headers.get('retry-after'), /^\d+$/)
    t.match(await refused.json(), { code: 'busy' })
    leaving.socket.destroy()
    await until('nobody waits for it', () => memory.waiting === 1)
    lease.release()
    t.equal((await staying).status, 201)
    await until('all of it is given back', () => memory.used === 0)
  }
)

t.test('readers that are slow give their memory to others, and get every byte all the same', async (t) => {
  const edges = await startEdges(t, {
    config: {
      edge: {
        port: 0,
        headersMs: 120_000,
        uploadBytesMax: 40 * MIB,
        memoryBytes: 8 * MIB,
        slowMs: 200,
        memoryWaitMs: 60_000,
        stallMs: 60_000
      }
    }
  })
  const { url } = edges
  const bytes = sampleBytes(24 * MIB)
  const { directUrl } = await upload(url(), bytes, { fields: { downloads: '6' } })
  const honest = await upload(url(), sampleBytes(5 * MIB, 2))
  const path = new URL(directUrl).pathname
  const slow = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const client = await RawClient.open(url())
      client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      await until('it has begun', () => client.bodyBytes > 0)
      client.socket.pause()
      return client
    })
  )
  t.teardown(() => {
    for (const client of slow) client.socket.destroy()
  })
  const began = performance.now()
  const body = Buffer.from(await (await fetch(honest.directUrl)).arrayBuffer())
  t.ok(body.equals(sampleBytes(5 * MIB, 2)))
  t.equal((await put(url(), sampleBytes(5 * MIB, 3))).status, 201)
  t.comment(
    `the honest one took ${Math.round(performance.now() - began)} ms beside ${slow.length} that stood still`
  )
  for (const client of slow) client.socket.resume()
  await until(
    'the slow ones have everything',
    () => slow.every((client) => client.bodyBytes === bytes.length),
    90_000
  )
  for (const client of slow) t.ok(client.body.equals(bytes))
  await until('all of it is given back', () => memoryOf(edges).used === 0)
})

t.test('senders that are slow give their memory to others, and their files arrive', async (t) => {
  const edges = await startEdges(t, {
    config: {
      edge: {
        port: 0,
        headersMs: 120_000,
        uploadBytesMax: 40 * MIB,
        memoryBytes: 8 * MIB,
        slowMs: 200,
        rateMinBytes: 0,
        memoryWaitMs: 60_000,
        stallMs: 60_000
      }
    }
  })
  const { url } = edges
  const bytes = sampleBytes(5 * MIB)
  // half of them have sent nothing at all, which is not worth any memory
  const slow = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const client = await RawClient.open(url())
      client.write(`PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`)
      const sent = i % 2 === 0 ? 0 : 100_000
      client.write(bytes.subarray(0, sent))
      return { client, sent }
    })
  )
  t.teardown(() => {
    for (const { client } of slow) client.socket.destroy()
  })
  await until(
    'all of them are uploads',
    async () => (await edges.cluster.controller.status()).uploadsOpen === 8
  )
  const began = performance.now()
  const answer = await put(url(), sampleBytes(9 * MIB, 7))
  t.equal(answer.status, 201)
  t.comment(`the honest one took ${Math.round(performance.now() - began)} ms`)
  for (const { client, sent } of slow) client.write(bytes.subarray(sent))
  await until('the slow ones are stored', () => slow.every(({ client }) => client.status === 201), 90_000)
  for (const { client } of slow) {
    const link = client.body.toString().trim().replace('/d/', '/download/')
    const back = await fetch(link.replace(/^http:\/\/x/, url()))
    t.ok(Buffer.from(await back.arrayBuffer()).equals(bytes))
  }
  await until('all of it is given back', () => memoryOf(edges).used === 0)
})

t.test('however many connections a claim has, others are served next', async (t) => {
  const CONNECTIONS = 8
  const edges = await startEdges(t, {
    config: {
      edge: {
        port: 0,
        headersMs: 120_000,
        uploadBytesMax: CONNECTIONS * CHUNK_BYTES_MAX,
        memoryBytes: CHUNK_BYTES_MAX,
        memoryWaitMs: 60_000,
        chunksAhead: 0
      }
    }
  })
  const { url } = edges
  const memory = memoryOf(edges)
  const share = async (bytes: Uint8Array): Promise<string> =>
    ((await (await put(url(), bytes)).json()) as { directUrl: string }).directUrl
  const honest = await share(sampleBytes(MIB, 2))
  const claimed = `${await share(sampleBytes(CONNECTIONS * CHUNK_BYTES_MAX))}?claim=${'g'.repeat(43)}`
  await (await fetch(claimed, { headers: { range: 'bytes=0-1' } })).arrayBuffer()
  await until('all of it is given back', () => memory.used === 0)
  const lease = await memory.acquire(memory.total)
  const order: string[] = []
  const get = async (name: string, from: string, headers: Record<string, string>): Promise<void> => {
    await (await fetch(from, { headers })).arrayBuffer()
    order.push(name)
  }
  // each of another chunk: those of one are served together
  const all = Array.from({ length: CONNECTIONS }, (_, i) =>
    get('greedy', claimed, { range: `bytes=${i * CHUNK_BYTES_MAX}-${i * CHUNK_BYTES_MAX + 1}` })
  )
  await until('all of them wait', () => memory.waiting === CONNECTIONS)
  all.push(get('honest', honest, {}))
  await until('the honest one waits behind them', () => memory.waiting === CONNECTIONS + 1)
  lease.release()
  await Promise.all(all)
  const place = order.indexOf('honest')
  t.ok(place < 4, `the honest one came behind ${place} of ${CONNECTIONS}`)
})
