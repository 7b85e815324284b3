/** A server that is told what happens to somebody's files: a cluster, a receiver beside it, and a webhook that leads there. Run it: node examples/webhook-receiver.ts */

import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createCluster } from '../src/index.ts'

/** The event, if it was signed with the secret within the last five minutes. */
function verify(secret: string, headers: IncomingHttpHeaders, body: Buffer): { id: string; type: string } {
  const id = String(headers['webhook-id'])
  const timestamp = String(headers['webhook-timestamp'])
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) < 300)) throw new Error('too old, or too new')
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest()
  const signatures = String(headers['webhook-signature']).split(' ')
  const isSigned = signatures.some((each) => {
    const given = Buffer.from(each.replace(/^v1,/, ''), 'base64')
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
  if (!isSigned) throw new Error('not signed with this secret')
  return JSON.parse(body.toString()) as { id: string; type: string }
}

/** Takes each event once, whatever is sent twice. */
function receive(secret: () => string, onEvent: (type: string) => void): Server {
  const seen = new Set<string>() // of a real receiver: in a database, in the transaction of what the event leads to
  return createServer((request, response) => {
    void buffer(request).then((body) => {
      try {
        const event = verify(secret(), request.headers, body)
        if (!seen.has(event.id)) onEvent(event.type)
        seen.add(event.id)
        return response.writeHead(204).end()
      } catch {
        return response.writeHead(400).end()
      }
    })
  })
}

// this receiver is on the same machine, where webhooks lead only if that is allowed
const config = { edge: { port: 0 }, webhooks: { allow: ['127.0.0.1'] } }
const cluster = await createCluster({ nodes: 2, edges: 1, config })
let secret = ''
const { promise: added, resolve } = Promise.withResolvers<void>()
const receiver = receive(
  () => secret,
  (type) => {
    console.log(`told of ${type}`)
    if (type === 'file.added') resolve()
  }
)
try {
  await cluster.start()
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`

  const server = cluster.edges[0]?.url ?? ''
  const json = { 'content-type': 'application/json' }
  const account = { username: 'ada', password: 'correct horse battery' }
  const post = async (
    path: string,
    headers: Record<string, string>,
    body: string | FormData
  ): Promise<unknown> => await (await fetch(`${server}${path}`, { method: 'POST', headers, body })).json()
  const registered = await post('/api/register', json, JSON.stringify(account))
  const authorization = `Bearer ${(registered as { access_token: string }).access_token}`
  const wanted = JSON.stringify({ url: hook, types: ['file.added'] })
  const made = await post('/api/webhooks', { ...json, authorization }, wanted)
  secret = (made as { secret: string }).secret

  const form = new FormData()
  form.set('file', new Blob(['hello']), 'hello.txt')
  await post('/api/files/upload', { authorization }, form)
  await added
} finally {
  receiver.close()
  await cluster.stop()
}
