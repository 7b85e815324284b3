/**
 * Answers that are given before the request's body has been read. Closing a socket with unread bytes resets the connection, and the reset
 * can overtake the answer: the client then reports a broken connection in place of "too large". So the answer goes out whole, the rest
 * of the body is read and dropped for a while, and only then is the connection closed (RFC 9112, section 9.6).
 */

import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { Clock } from '../../interfaces.ts'
import { hasBody } from './request-body.ts'

/** Clients that stop sending when they see the answer are done long before; this is for those that send everything first. */
const LINGER_BYTES_MAX = 64 * 1024 * 1024

/** Whether bytes of the request may still be on their way. */
export const bodyUnread = (request: IncomingMessage): boolean =>
  hasBody(request) && !request.complete && !request.destroyed

/** Resolves when the rest of the body has come and gone, the client has left, or it was too much. */
function dropRest(request: IncomingMessage, clock: Clock, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    let dropped = 0
    const onData = (bytes: Uint8Array): void => {
      dropped += bytes.byteLength
      if (dropped > LINGER_BYTES_MAX) done()
    }
    const done = (): void => {
      timer.cancel()
      request.off('data', onData).off('end', done).off('close', done).off('error', done)
      resolve()
    }
    const timer = clock.setTimer(limitMs, done, { unref: true })
    request.on('data', onData).on('end', done).on('close', done).on('error', done)
    if (request.destroyed || request.readableEnded) done()
    else request.resume()
  })
}

/** The payload as a stream that stays open until the rest of the request has been dropped. Its Content-Length must be set. */
export function lingering(
  payload: Buffer,
  request: IncomingMessage,
  clock: Clock,
  limitMs: number
): Readable {
  return Readable.from(
    (async function* () {
      yield payload
      await dropRest(request, clock, limitMs)
    })(),
    { objectMode: false }
  )
}
