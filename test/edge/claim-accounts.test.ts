/** What a claim is charged for, and what ends a download that runs. */

import { randomBytes } from 'node:crypto'
import t from 'tap'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { until } from '../kit/until.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import type { EdgeCluster } from './edge-cluster.ts'

/** Files that do not fit into the buffers of sockets. */
const SIZE = 30_000_000
const LARGE = { edge: { uploadBytesMax: SIZE }, link: { reportIntervalMs: 10 } }
const newSecret = (): string => randomBytes(32).toString('base64url')

async function claimOf({ edges }: EdgeCluster, directUrl: string, secret: string) {
  const tokenHash = hashSecret(new URL(directUrl).pathname.split('/').at(-1) ?? '')
  const controller = edges[0]?.participant.controller
  const answer = await controller?.call('findClaim', { tokenHash, claimHash: hashSecret(secret) })
  return answer?.outcome === 'claimed' ? answer.claim : undefined
}

async function get(url: string, secret: string): Promise<RawClient> {
  const client = await RawClient.open(url)
  client.write(`GET ${new URL(url).pathname}?claim=${secret} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await until('the body has begun', () => client.bodyBytes > 0)
  return client
}

t.test('a piece that was cut off is charged, and covers nothing', async (t) => {
  const edges = await startEdges(t, { config: LARGE })
  const { directUrl } = await upload(edges.url(), sampleBytes(SIZE))
  const secret = newSecret()
  using client = await get(directUrl, secret)
  client.socket.pause()
  let before = -1
  await until('the buffers are full', async () => {
    const last = before
    before = (await claimOf(edges, directUrl, secret))?.covered[0]?.end ?? 0
    await new Promise((resolve) => setTimeout(resolve, 200))
    return before > 0 && before === last
  })
  client.socket.resetAndDestroy()
  await until('more is charged than covered', async () => {
    const claim = await claimOf(edges, directUrl, secret)
    const covered = claim?.covered.reduce((sum, { start, end }) => sum + end - start, 0) ?? 0
    return claim !== undefined && claim.bytesSent > covered && claim.bytesSent <= covered + 512 * 1024
  })
})

t.test('a whole download is charged for its bytes exactly, whoever brought the secret', async (t) => {
  const edges = await startEdges(t, { config: LARGE })
  for (const size of [1, 1000, 5_000_000]) {
    const { directUrl } = await upload(edges.url(), sampleBytes(size))
    const secret = newSecret()
    const answer = await fetch(`${directUrl}?claim=${secret}`)
    await answer.arrayBuffer()
    await until(`${size} bytes are charged`, async () => {
      const claim = await claimOf(edges, directUrl, secret)
      return claim?.state === 'consumed' && claim.bytesSent === size
    })
  }
})

t.test('withdrawing a link cuts also a download that is repeated in the grace', async (t) => {
  const edges = await startEdges(t, { config: LARGE })
  const { directUrl, deleteUrl } = await upload(edges.url(), sampleBytes(SIZE))
  await upload(edges.url(), sampleBytes(SIZE)) // another file of the same chunks, so that those stay
  const secret = newSecret()
  await (await fetch(`${directUrl}?claim=${secret}`)).arrayBuffer()
  const isConsumed = async () => (await claimOf(edges, directUrl, secret))?.state === 'consumed'
  await until('the claim is consumed', isConsumed)
  using client = await get(directUrl, secret)
  client.socket.on('data', () => {
    client.socket.pause() // a slow reader: it would take seconds for all of it
    setTimeout(() => client.socket.resume(), 5)
  })
  t.equal((await fetch(deleteUrl, { method: 'DELETE' })).status, 204)
  await until('the download ends', () => client.closed)
  t.ok(client.bodyBytes < SIZE, `after ${client.bodyBytes} bytes`)
})
