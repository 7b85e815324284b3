import { randomBytes } from 'node:crypto'
import t from 'tap'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { until } from '../kit/until.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import type { EdgeCluster } from './edge-cluster.ts'

/** Files that do not fit into the buffers of sockets. */
const LARGE = { edge: { uploadBytesMax: 40_000_000 } }
const JSON_ONLY = { accept: 'application/json' }
const newSecret = (): string => randomBytes(32).toString('base64url')
const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code

/** What the store knows of a claim. */
async function claimOf({ edges }: EdgeCluster, directUrl: string, secret: string) {
  const token = new URL(directUrl).pathname.split('/').at(-1) ?? ''
  const answer = await edges[0]?.participant.controller.call('findClaim', {
    tokenHash: hashSecret(token),
    claimHash: hashSecret(secret)
  })
  if (answer?.outcome !== 'claimed') throw new Error(`the claim is not served: ${answer?.outcome}`)
  return answer.claim
}

t.test('of 256 simultaneous requests through two edges exactly one gets the body', async (t) => {
  const { url } = await startEdges(t, { edges: 2 })
  const bytes = sampleBytes(200_000)
  const { directUrl } = await upload(url(), bytes)
  const answers = await Promise.all(
    Array.from({ length: 256 }, async (_, i) => {
      const answer = await fetch(directUrl.replace(url(0), url(i % 2)), { headers: JSON_ONLY })
      return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) }
    })
  )
  const winners = answers.filter(({ status }) => status === 200)
  t.equal(winners.length, 1)
  t.ok(winners[0]?.body.equals(bytes))
  t.equal(answers.filter(({ status }) => status === 410).length, 255)
})

t.test('a link for three gives three bodies, however many ask at once', async (t) => {
  const { url } = await startEdges(t, { edges: 2 })
  const { directUrl } = await upload(url(), sampleBytes(1000), { fields: { downloads: '3' } })
  const statuses = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const answer = await fetch(directUrl.replace(url(0), url(i % 2)))
      await answer.arrayBuffer()
      return answer.status
    })
  )
  t.equal(statuses.filter((status) => status === 200).length, 3)
  t.equal(statuses.filter((status) => status === 410).length, 57)
})

t.test('a link is not spent when no copy of the first chunk can be reached', async (t) => {
  const edges = await startEdges(t, {
    config: { replication: { getTimeoutMs: 300, slowReadMs: 50, putTimeoutMs: 5000 } }
  })
  const { cluster, url } = edges
  const bytes = sampleBytes(100_000)
  const { directUrl, url: page } = await upload(url(), bytes)
  const edge = edges.edges[0]?.participant.peer
  if (edge === undefined) throw new Error('no edge')
  for (const node of cluster.nodes) cluster.hub.cut(edge, node.peer)
  const answer = await fetch(directUrl, { headers: JSON_ONLY })
  t.equal(answer.status, 503)
  t.match(answer.headers.get('retry-after'), /^\d+$/)
  t.notOk(answer.headers.get('set-cookie'))
  t.match(await codeOf(answer), /chunk-unavailable/)
  const claim = newSecret()
  const press = (secret: string) =>
    fetch(page, {
      method: 'POST',
      body: new URLSearchParams({ claim: secret }),
      headers: JSON_ONLY,
      redirect: 'manual'
    })
  t.equal((await press(claim)).status, 503, 'the button says so before it redirects')
  t.equal((await fetch(page)).status, 200, 'the link is as good as new')
  for (const node of cluster.nodes) cluster.hub.heal(edge, node.peer)
  t.equal(await codeOf(await press(claim)), 'claim-unknown', 'a claim that was given back never claims again')
  // a person who goes back and presses the same button is shown the page with another claim, not told that the link is over
  const person = await fetch(page, {
    method: 'POST',
    body: new URLSearchParams({ claim }),
    headers: { accept: 'text/html' },
    redirect: 'manual'
  })
  const shown = await person.text()
  t.equal(person.status, 200)
  t.match(shown, /name="claim" value="[\w-]{43}"/)
  t.notMatch(shown, claim)
  await until('a copy is within reach', async () => {
    const again = await fetch(directUrl, { headers: JSON_ONLY })
    const body = Buffer.from(await again.arrayBuffer())
    return again.status === 200 && body.equals(bytes)
  })
  t.equal((await fetch(directUrl)).status, 410)
})

t.test('a program that was told yes by one edge is not undone by another', async (t) => {
  const edges = await startEdges(t, {
    edges: 2,
    config: { replication: { getTimeoutMs: 300, slowReadMs: 50, putTimeoutMs: 5000 } }
  })
  const { cluster, url } = edges
  const { url: page } = await upload(url(), sampleBytes(1000))
  const cutOff = edges.edges[0]?.participant.peer
  if (cutOff === undefined) throw new Error('no edge')
  for (const node of cluster.nodes) cluster.hub.cut(cutOff, node.peer)
  const ask = (edge: number, secret: string) =>
    fetch(`${page.replace(url(0), url(edge))}?claim=${secret}`, {
      method: 'POST',
      headers: JSON_ONLY,
      redirect: 'manual'
    })
  const [mine, other] = [newSecret(), newSecret()]
  // the first edge makes the claim and cannot reach the file, while the second says yes to the same secret
  const [first, second] = await Promise.all([ask(0, mine), ask(1, mine)])
  t.same([first.status, second.status], [503, 303])
  t.equal((await ask(1, other)).status, 410, 'the link is taken')
  const body = await fetch(new URL(second.headers.get('location') ?? '', url(1)))
  t.equal((await body.arrayBuffer()).byteLength, 1000, 'and whoever took it gets the file')
})

t.test('a secret that a program brought stays its own when the first chunk cannot be had', async (t) => {
  const edges = await startEdges(t, {
    config: { replication: { getTimeoutMs: 300, slowReadMs: 50, putTimeoutMs: 5000 } }
  })
  const { cluster, url } = edges
  const { directUrl } = await upload(url(), sampleBytes(1000))
  const edge = edges.edges[0]?.participant.peer
  if (edge === undefined) throw new Error('no edge')
  for (const node of cluster.nodes) cluster.hub.cut(edge, node.peer)
  const mine = `${directUrl}?claim=${newSecret()}`
  t.equal((await fetch(mine)).status, 503)
  for (const node of cluster.nodes) cluster.hub.heal(edge, node.peer)
  await until('the same claim gets the bytes', async () => (await fetch(mine)).status === 200)
})

t.test('what was sent is reported, and covering the file consumes the claim', async (t) => {
  const edges = await startEdges(t, { edges: 2 })
  const { url } = edges
  const bytes = sampleBytes(9_000_000)
  const { directUrl } = await upload(url(), bytes)
  const secret = newSecret()
  const get = async (edge: number, range?: string): Promise<void> => {
    const headers = range === undefined ? {} : { range }
    const answer = await fetch(`${directUrl.replace(url(0), url(edge))}?claim=${secret}`, { headers })
    await answer.arrayBuffer()
  }
  await get(0, 'bytes=0-4999999')
  await until('the first part is reported', async () => {
    const claim = await claimOf(edges, directUrl, secret)
    return claim.covered[0]?.end === 5_000_000
  })
  t.equal((await claimOf(edges, directUrl, secret)).state, 'claimed')
  await get(1, 'bytes=5000001-')
  await until(
    'the second part is reported',
    async () => (await claimOf(edges, directUrl, secret)).covered.length === 2
  )
  t.equal((await claimOf(edges, directUrl, secret)).state, 'claimed', 'all but one byte is not all')
  await get(1, 'bytes=5000000-5000000')
  await until(
    'the claim is consumed',
    async () => (await claimOf(edges, directUrl, secret)).state === 'consumed'
  )
  const answer = await fetch(`${directUrl}?claim=${secret}`)
  t.equal(answer.status, 200, 'the claimant is served within the grace: all sent is not all received')
  t.ok(bytes.equals(Buffer.from(await answer.arrayBuffer())))
})

t.test('a client that goes away can come back; what it was sent is known', async (t) => {
  const edges = await startEdges(t, { edges: 1 })
  const { url } = edges
  const bytes = sampleBytes(9_000_000)
  const { directUrl } = await upload(url(), bytes)
  using client = await RawClient.open(url())
  client.write(`GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await until('the body has begun', () => client.bodyBytes > 10_000)
  client.socket.destroy()
  const etag = client.header('etag') ?? ''
  await until('what was sent is reported', async () => {
    const claim = await claimOf(edges, directUrl, etag.slice(1, -1))
    return claim.bytesSent >= client.bodyBytes && claim.state === 'claimed'
  })
  const second = await edges.addEdge()
  const rest = await fetch(directUrl.replace(url(), second.edge.url), {
    headers: { range: `bytes=${client.bodyBytes}-`, 'if-range': etag }
  })
  t.equal(rest.status, 206)
  t.ok(bytes.equals(Buffer.concat([client.body, Buffer.from(await rest.arrayBuffer())])))
  await until('all memory was given back', () => edges.edges.every(({ memory }) => memory.used === 0))
})

t.test('once a byte of a claim is sent, whoever made it cannot give it back any more', async (t) => {
  const { url, edges } = await startEdges(t, { config: { ...LARGE, link: { reportIntervalMs: 60_000 } } })
  const { directUrl, url: page } = await upload(url(), sampleBytes(30_000_000))
  const secret = newSecret()
  const pressed = await fetch(page, {
    method: 'POST',
    body: new URLSearchParams({ claim: secret }),
    redirect: 'manual'
  })
  t.equal(pressed.status, 303)
  using client = await RawClient.open(url())
  client.write(`GET ${pressed.headers.get('location')} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await until('the body has begun', () => client.bodyBytes > 0)
  client.socket.pause()
  const token = new URL(directUrl).pathname.split('/').at(-1) ?? ''
  const hashes = { tokenHash: hashSecret(token), claimHash: hashSecret(secret) }
  // what another request with the same secret would do that made the claim and cannot reach a copy
  const answer = await edges[0]?.participant.controller.call('releaseClaim', hashes)
  t.same(answer, { released: false })
  t.equal((await fetch(directUrl)).status, 410)
})

t.test('connections that are closed when they have their part do not use up the budget', async (t) => {
  const { url } = await startEdges(t)
  const bytes = sampleBytes(3_000_000) // a socket takes all of it, whatever its reader wants
  const { directUrl } = await upload(url(), bytes)
  const path = `${new URL(directUrl).pathname}?claim=${newSecret()}`
  const part = bytes.length / 16
  // as aria2 does it: each connection asks for all that follows its part
  for (let at = 0; at < bytes.length; at += part) {
    using client = await RawClient.open(url())
    client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nRange: bytes=${at}-\r\n\r\n`)
    await until('the part is there', () => client.bodyBytes >= part || client.status >= 400)
    t.equal(client.status, 206)
  }
  const again = await fetch(new URL(path, url()))
  t.ok(bytes.equals(Buffer.from(await again.arrayBuffer())), 'and there is enough left for the whole')
})

t.test('a claim has a budget of bytes and of connections', async (t) => {
  const { url } = await startEdges(t, {
    config: { ...LARGE, link: { budgetFactor: 2, connectionsMax: 3, reportIntervalMs: 50 } }
  })
  const bytes = sampleBytes(30_000_000) // more than the sockets' buffers hold: each is under way until it is read
  const { directUrl } = await upload(url(), bytes)
  const path = `${new URL(directUrl).pathname}?claim=${newSecret()}`
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.open(url())
    client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n`)
    await until('headers are there', () => client.status > 0)
    client.socket.pause()
    return client
  }
  using first = await open()
  using second = await open()
  using third = await open()
  using fourth = await open()
  const clients = [first, second, third]
  t.same(
    [...clients, fourth].map(({ status }) => status),
    [200, 200, 200, 429]
  )
  t.match(fourth.header('retry-after'), /^\d+$/)
  for (const client of clients) client.socket.resume()
  const whole = (client: RawClient): boolean => client.bodyBytes === bytes.length
  await until('each is through or cut', () => clients.every((client) => whole(client) || client.closed))
  const sent = clients.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0)
  t.ok(sent <= 2 * bytes.length + 3 * 4 * 2 ** 20, `${sent} bytes are within the budget`)
  t.notOk(clients.every(whole))
  await until('no more is sent', async () => {
    const answer = await fetch(new URL(path, url()), { headers: JSON_ONLY })
    if (answer.status === 410) return (await codeOf(answer)) === 'claim-over-budget'
    await answer.arrayBuffer().catch(() => undefined) // what was left of the budget; cut off
    return false
  })
})
