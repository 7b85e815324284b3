/** A link is lost when it is spent and nobody who holds its claim can get the bytes. */

import { randomBytes } from 'node:crypto'
import t from 'tap'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { until } from '../kit/until.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { gatedClaims, IMPATIENT, lineOf, patientUpload } from './gated-claims.ts'

const JSON_ONLY = { accept: 'application/json' }

t.test('a client that leaves while its claim is being made spends nothing', async (t) => {
  const metadata = gatedClaims()
  const { url, edges } = await startEdges(t, { metadata })
  const bytes = sampleBytes(1000)
  const { directUrl } = await upload(url(), bytes)
  const gate = Promise.withResolvers<void>()
  metadata.gate = gate.promise
  using client = await RawClient.open(url())
  client.write(`GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await until('the claim is under way', () => metadata.waiting === 1)
  client.socket.destroy()
  // another request after it: by the time it is answered the edge knows that the first client has left
  t.equal((await fetch(`${url()}/healthz`)).status, 200)
  gate.resolve()
  await until('the link can be redeemed by somebody else', async () => {
    const answer = await fetch(directUrl, { headers: JSON_ONLY })
    return bytes.equals(Buffer.from(await answer.arrayBuffer()))
  })
  await until('all memory was given back', () => edges.every(({ memory }) => memory.used === 0))
})

t.test('a person whose download fails before it began is led back to it, not to a used link', async (t) => {
  const config = { replication: { getTimeoutMs: 300, slowReadMs: 50, putTimeoutMs: 5000 } }
  const { cluster, edges, url } = await startEdges(t, { config })
  const bytes = sampleBytes(1000)
  const { url: page } = await upload(url(), bytes)
  const claim = randomBytes(32).toString('base64url')
  const form = { method: 'POST', body: new URLSearchParams({ claim }), redirect: 'manual' } as const
  const location = (await fetch(page, form)).headers.get('location') ?? ''
  const edge = edges[0]?.participant.peer
  if (edge === undefined) throw new Error('no edge')
  for (const node of cluster.nodes) cluster.hub.cut(edge, node.peer)
  const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
  const failed = await fetch(new URL(location, url()), { headers })
  t.equal(failed.status, 503)
  t.match(await failed.text(), `href="${location}"`)
  for (const node of cluster.nodes) cluster.hub.heal(edge, node.peer)
  await until('trying again brings the file', async () => {
    const answer = await fetch(new URL(location, url()), { headers })
    return bytes.equals(Buffer.from(await answer.arrayBuffer()))
  })
})

for (const way of ['a program', 'the page']) {
  t.test(`a claim by ${way} whose answer is lost in an outage is given back after it`, async (t) => {
    const metadata = gatedClaims()
    const cluster = await startEdges(t, { metadata, config: IMPATIENT })
    const bytes = sampleBytes(1000)
    const { directUrl, url: page } = await patientUpload(cluster.url(), bytes)
    const gate = Promise.withResolvers<void>()
    metadata.gate = gate.promise
    const claim = randomBytes(32).toString('base64url')
    const asked =
      way === 'a program'
        ? fetch(directUrl, { headers: JSON_ONLY })
        : fetch(page, { method: 'POST', body: new URLSearchParams({ claim }), headers: JSON_ONLY })
    await until('the claim is under way', () => metadata.waiting > 0)
    const { cut, heal } = lineOf(cluster)
    cut()
    t.equal((await asked).status, 503)
    gate.resolve()
    await until('the claim was made, and nobody heard of it', async () => {
      const tokenHash = hashSecret(new URL(directUrl).pathname.split('/').at(-1) ?? '')
      return (await metadata.findLink(tokenHash))?.link.claimed === 1
    })
    // longer than one call of the controller lasts
    await new Promise((resolve) => setTimeout(resolve, 700))
    heal()
    await until('the link can be redeemed', async () => {
      const answer = await fetch(directUrl, { headers: JSON_ONLY })
      return bytes.equals(Buffer.from(await answer.arrayBuffer()))
    })
  })
}
