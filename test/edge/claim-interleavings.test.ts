/** Known ways in which requests for one link meet, through real edges. Those within one store are in ../metadata/interleaving.test.ts. */

import t from 'tap'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { until } from '../kit/until.ts'
import { askAsStranger, claimOf, claimsMade, newSecret } from './claims.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { gatedClaims, IMPATIENT, lineOf, patientUpload } from './gated-claims.ts'

t.setTimeout(240_000)

const JSON_ONLY = { accept: 'application/json' }
/** Files that do not fit into the buffers of sockets. */
const LARGE_BYTES = 30_000_000
const LARGE = { edge: { uploadBytesMax: LARGE_BYTES, stallMs: 60_000 } }
const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())

t.test('a delayed claim that was given back before it arrived burns nothing', async (t) => {
  const metadata = gatedClaims()
  const cluster = await startEdges(t, { metadata, config: IMPATIENT })
  const bytes = sampleBytes(1000)
  const { directUrl } = await patientUpload(cluster.url(), bytes)
  const gate = Promise.withResolvers<void>()
  metadata.gate = gate.promise
  const asked = await fetch(directUrl, { headers: JSON_ONLY })
  t.equal(asked.status, 503, 'nobody knows whether there is a claim')
  t.ok(metadata.waiting > 0)
  // the release is not held up: it overtakes every attempt at the claim
  await until('it is given back', () => metadata.released > 0)
  gate.resolve()
  await until('all late claims have come', () => metadata.passed === metadata.waiting)
  t.equal(await claimsMade(cluster, directUrl), 0)
  await until('somebody else gets the file', async () => {
    const answer = await fetch(directUrl, { headers: JSON_ONLY })
    return bytes.equals(await bytesOf(answer))
  })
  t.equal(await claimsMade(cluster, directUrl), 1)
})

t.test(
  'a claim was made and its answer lost: the same secret gets the file at another edge, for one slot',
  async (t) => {
    const metadata = gatedClaims()
    const cluster = await startEdges(t, { metadata, edges: 2, config: IMPATIENT })
    const { url } = cluster
    const bytes = sampleBytes(1000)
    const { directUrl } = await patientUpload(url(), bytes, { fields: { downloads: '2' } })
    const gate = Promise.withResolvers<void>()
    metadata.gate = gate.promise
    const mine = `${directUrl}?claim=${newSecret()}`
    const asked = fetch(mine, { headers: JSON_ONLY })
    await until('the claim is under way', () => metadata.waiting > 0)
    lineOf(cluster, 0).cut()
    t.equal((await asked).status, 503)
    gate.resolve()
    metadata.gate = undefined
    await until('the same secret gets the file', async () => {
      const answer = await fetch(mine.replace(url(0), url(1)), { headers: JSON_ONLY })
      return bytes.equals(await bytesOf(answer))
    })
    lineOf(cluster, 0).heal()
    await until(
      'the first edge is heard again',
      async () => (await claimsMade(cluster, directUrl).catch(() => 0)) > 0
    )
    t.equal(await claimsMade(cluster, directUrl), 1, 'two requests, one claim')
  }
)

t.test('three ask for two slots at the same moment, through two edges', async (t) => {
  const metadata = gatedClaims()
  const cluster = await startEdges(t, { metadata, edges: 2 })
  const { url } = cluster
  const bytes = sampleBytes(1000)
  const { directUrl } = await upload(url(), bytes, { fields: { downloads: '2' } })
  const gate = Promise.withResolvers<void>()
  metadata.gate = gate.promise
  const asked = [0, 1, 0].map((edge) => fetch(directUrl.replace(url(0), url(edge)), { headers: JSON_ONLY }))
  await until('all claims wait', () => metadata.waiting >= 3)
  gate.resolve()
  const answers = await Promise.all(asked)
  t.same(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 200, 410]
  )
  for (const answer of answers) if (answer.status === 200) t.ok(bytes.equals(await bytesOf(answer)))
  t.equal(await claimsMade(cluster, directUrl), 2)
})

t.test('a second range of the claim at another edge, while the first edge is still sending', async (t) => {
  const cluster = await startEdges(t, { edges: 2, config: LARGE })
  const { url } = cluster
  const bytes = sampleBytes(LARGE_BYTES)
  const { directUrl } = await upload(url(), bytes)
  const secret = newSecret()
  const path = `${new URL(directUrl).pathname}?claim=${secret}`
  using first = await RawClient.open(url(0))
  first.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await until('the first has begun', () => first.bodyBytes > 0)
  first.socket.pause()
  const second = await fetch(url(1) + path, { headers: { range: `bytes=${LARGE_BYTES - 1000}-` } })
  t.equal(second.status, 206)
  t.ok(bytes.subarray(-1000).equals(await bytesOf(second)))
  t.equal(await askAsStranger(directUrl), 410)
  t.ok(first.bodyBytes < LARGE_BYTES, 'the first has not ended')
  first.socket.resume()
  await until('the first is through', () => first.bodyBytes === LARGE_BYTES)
  t.ok(bytes.equals(first.body))
  await until('both are counted, and it is consumed', async () => {
    const claim = await claimOf(cluster, directUrl, secret)
    return claim?.state === 'consumed' && claim.bytesSent === LARGE_BYTES + 1000
  })
  t.equal(await claimsMade(cluster, directUrl), 1)
})

t.test(
  'the controller is restarted in the middle of a lease: the claimant goes on, and nobody else',
  async (t) => {
    const cluster = await startEdges(t, { edges: 2, config: LARGE, metadata: new MemoryMetadataStore() })
    const { url } = cluster
    const bytes = sampleBytes(LARGE_BYTES)
    const { directUrl } = await upload(url(), bytes)
    using running = await RawClient.open(url(0))
    running.write(`GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await until('the download has begun', () => running.bodyBytes > 0)
    running.socket.pause()
    const etag = running.header('etag') ?? ''
    await cluster.cluster.restartController()
    t.equal(await askAsStranger(directUrl.replace(url(0), url(1))), 410)
    const range = { range: 'bytes=0-9', 'if-range': etag }
    const part = await fetch(directUrl.replace(url(0), url(1)), { headers: range })
    t.equal(part.status, 206)
    t.ok(bytes.subarray(0, 10).equals(await bytesOf(part)))
    running.socket.resume()
    await until('the download that ran over it ends', () => running.bodyBytes === LARGE_BYTES)
    t.ok(bytes.equals(running.body))
    await until('the new one is told of every byte', async () => {
      const claim = await claimOf(cluster, directUrl, etag.slice(1, -1))
      return claim?.state === 'consumed' && claim.bytesSent === LARGE_BYTES + 10
    })
    t.equal(await claimsMade(cluster, directUrl), 1)
  }
)
