/** A server that is told events, and remembers how. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

export interface Received {
  readonly id: string
  readonly headers: Record<string, string>
  readonly body: string
  readonly event: {
    id: string
    type: string
    sequence?: string
    cursor?: string
    data: Record<string, unknown>
  }
}

export interface Receiver {
  readonly url: string
  readonly received: Received[]
  /** Requests that were there at the same time, at most. */
  readonly atOnceMax: () => number
  /** How it answers from now on. */
  answerBy: (answer: (response: ServerResponse, received: Received) => unknown) => void
}

const flat = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))

export const accept = (response: ServerResponse): unknown => response.writeHead(204).end()

/** Listens on this machine until the test ends. */
export async function startReceiver(t: { teardown: (work: () => void) => void }): Promise<Receiver> {
  const received: Received[] = []
  let answer: Parameters<Receiver['answerBy']>[0] = accept
  let atOnce = 0
  let atOnceMax = 0
  const server = createServer((request, response) => {
    atOnceMax = Math.max(atOnceMax, ++atOnce)
    response.once('close', () => atOnce--)
    void textOf(request).then((body) => {
      const headers = flat(request.headers)
      const event = JSON.parse(body) as Received['event']
      const one = { id: headers['webhook-id'] ?? '', headers, body, event }
      received.push(one)
      return answer(response, one)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    atOnceMax: () => atOnceMax,
    answerBy: (given) => {
      answer = given
    }
  }
}

/** As a receiver does that uses the package of the scheme. @throws when it is not signed with the secret */
export const verified = (secret: string, { headers, body }: Received): unknown =>
  new Webhook(secret).verify(body, headers)
