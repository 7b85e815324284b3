/** Downloads share the process with everything else that it does. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { sendBody } from '../../../src/edge/transfer/send-body.ts'
import { systemClock } from '../../../src/runtime/clock.ts'

const PIECE_BYTES = 64 * 1024
const PIECES = 64
const TRANSFERS = 10

/** Serves `pieces` to whoever asks. @returns its address, and its end */
async function serving(pieces: () => AsyncIterable<Uint8Array>): Promise<{ url: string; close: () => void }> {
  const server = createServer((_request, response) => {
    response.writeHead(200)
    sendBody({
      response,
      body: pieces(),
      allow: (bytes) => bytes,
      onSent: () => {},
      clock: systemClock,
      stallMs: 600_000,
      signal: new AbortController().signal
    }).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

async function fetched(url: string): Promise<string> {
  const [answer] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
  const hash = createHash('sha256')
  for await (const piece of answer) hash.update(piece as Buffer)
  return hash.digest('hex')
}

t.test('readers that take megabytes at once keep the process from nothing else', async (t) => {
  let turn = 0
  let counting = true
  const count = (): void => {
    turn++
    if (counting) setImmediate(count)
  }
  let most = 0
  const server = await serving(async function* () {
    const inTurn = new Map<number, number>()
    for (let i = 0; i < PIECES; i++) {
      const pieces = (inTurn.get(turn) ?? 0) + 1
      inTurn.set(turn, pieces)
      most = Math.max(most, pieces)
      yield new Uint8Array(PIECE_BYTES).fill(i)
    }
  })
  t.teardown(() => {
    counting = false
    server.close()
  })
  const hash = createHash('sha256')
  for (let i = 0; i < PIECES; i++) hash.update(new Uint8Array(PIECE_BYTES).fill(i))
  const expected = hash.digest('hex')
  setImmediate(count)
  const all = await Promise.all(Array.from({ length: TRANSFERS }, async () => await fetched(server.url)))
  t.ok(
    all.every((sha256) => sha256 === expected),
    'everything came, in order'
  )
  // turns are counted in the middle of one: two that follow each other may look like one
  t.ok(most <= 2, `at most ${most} pieces of one transfer in a turn`)
})
