/** The body of a request, read so that a failure on either side still leaves a socket to answer on. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { stallLimited } from './stall.ts'

/** Requests whose client waits for `100 Continue` before it sends the body. */
const expecting = new WeakMap<IncomingMessage, ServerResponse>()

/** Remembers that a client waits; answers that come before `sendContinue` save it the way. */
export const expectContinue = (request: IncomingMessage, response: ServerResponse): void => {
  expecting.set(request, response)
}

/** Tells a client that waits to go on: call it when the request has passed every check that needs no body. */
export function sendContinue(request: IncomingMessage): void {
  const response = expecting.get(request)
  expecting.delete(request)
  if (response !== undefined && !response.headersSent && !response.destroyed) response.writeContinue()
}

/** Whether the request announces a body at all. */
export const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || declaredBytes(request) > 0

/** Content-Length, 0 when there is none. Node has checked that it is a number. */
export const declaredBytes = (request: IncomingMessage): number =>
  Number(request.headers['content-length'] ?? 0)

/** Anything that ends a body early is the client's end of the upload. */
export const bodyError = (error: unknown): PeerbinError =>
  error instanceof PeerbinError ? error : new PeerbinError('upload-incomplete', '', { cause: error })

/**
 * Bytes of the body as they arrive. Ending it early leaves the request as it is: destroying it would cut the socket, and the client
 * would never see why. Whoever reads limits the waits.
 * @throws `upload-incomplete` when the client goes away
 */
export async function* readBody(request: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  sendContinue(request)
  const bytes: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false })
  try {
    yield* bytes
  } catch (error) {
    throw bodyError(error)
  }
}

/** A small body as text. @throws `too-large` above `limitBytes`, `upload-stalled` after `stallMs` without a byte */
export async function readText(
  request: IncomingMessage,
  limitBytes: number,
  clock: Clock,
  stallMs: number
): Promise<string> {
  if (declaredBytes(request) > limitBytes) throw new PeerbinError('too-large', 'The form is too large.')
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of stallLimited(readBody(request), clock, stallMs, 'upload-stalled')) {
    size += piece.byteLength
    if (size > limitBytes) throw new PeerbinError('too-large', 'The form is too large.')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
