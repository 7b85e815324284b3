/** An answer that is written piece by piece, and that nobody counts: an index, an export, a stream of events. */

import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'
import { asPeerbinError } from '../../errors.ts'
import type { EdgeContext } from '../context.ts'
import { SECURITY_HEADERS } from '../security-headers.ts'
import { sendBody } from './send-body.ts'

export interface StreamedAnswer {
  /** Default: 200. */
  readonly status?: 200 | 206
  readonly headers: OutgoingHttpHeaders
  readonly body: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
  /** What the log says when it did not come to its end. */
  readonly cutOff: string
}

/** What fails on the way cuts the connection, so that half of an answer is not taken for all. Never rejects. */
export async function streamAnswer(
  { clock, config, logger }: EdgeContext,
  reply: FastifyReply,
  { status = 200, headers, body, signal, cutOff }: StreamedAnswer
): Promise<FastifyReply> {
  reply.hijack()
  reply.raw.writeHead(status, { ...SECURITY_HEADERS, ...headers })
  try {
    await sendBody({
      response: reply.raw,
      body,
      allow: (bytes) => bytes,
      onSent: () => {},
      clock,
      stallMs: config.edge.stallMs,
      signal
    })
  } catch (error) {
    reply.raw.destroy()
    logger.debug(cutOff, { code: asPeerbinError(error).code })
  }
  return reply
}
