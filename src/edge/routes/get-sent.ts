/** `GET /s/{secret}`: the sender's page of a link. Looking spends nothing and changes nothing. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { isSingle } from '../../bundle/index.ts'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { ClaimCursor } from '../../metadata-records.ts'
import type { SecretHash } from '../../types.ts'
import type { EdgeContext, Route } from '../context.ts'
import { hasOpenIndex } from '../delivery/delivery.ts'
import { formatOf } from '../http/accept.ts'
import { detailOf, problemSchema } from '../problem.ts'
import { senderPage } from '../pages/sender-page.ts'
import { findSent, sentAnswer, sentAnswerSchema } from '../sent-link.ts'
import type { Sent } from '../sent-link.ts'
import { requestOrigin } from '../upload-answer.ts'

export const secretParams = z.object({
  secret: z.string().describe('the delete secret; senderUrl of the upload has it')
})

const query = z.object({
  after: z.string().optional().describe('`next` of an answer: downloads before those')
})

const CURSOR = /^(\d{1,15})\.([0-9a-f]{64})$/

function cursorOf(text: string | undefined): ClaimCursor | undefined {
  if (text === undefined) return undefined
  const [, claimedAt, claimHash] = CURSOR.exec(text) ?? []
  if (claimedAt === undefined || claimHash === undefined)
    throw new PeerbinError('invalid-field', 'after: the `next` of an earlier answer is needed', {
      details: { field: 'after' }
    })
  return { claimedAt: Number(claimedAt), claimHash: claimHash as SecretHash }
}

export interface SentLinkOptions {
  /** `next` of an earlier answer. */
  readonly after?: string | undefined
  /** Why what was asked for was not done: a person is told on the page, with the status that goes with it. */
  readonly failure?: PeerbinError
}

/** How many files a bundle has that can still be redeemed. That they cannot be counted now is no reason not to say what has become of them. */
async function entriesOf(
  context: EdgeContext,
  reply: FastifyReply,
  { link, file }: Sent
): Promise<number | undefined> {
  if (!hasOpenIndex(file) || link.state !== 'live') return undefined
  using transfer = context.transfers.begin(reply.raw)
  try {
    using held = await context.indexes.get(file, undefined, transfer.signal)
    return isSingle(held.index) ? undefined : held.index.entries.length
  } catch (error) {
    context.logger.debug('the files of a bundle could not be counted', { code: asPeerbinError(error).code })
    return undefined
  }
}

/** Answers with what has become of a link, in the form the client asked for. @throws `link-unknown` */
export async function sendSentLink(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  secret: string,
  { after, failure }: SentLinkOptions = {}
): Promise<FastifyReply> {
  const { config, assets } = context
  const { ttlMaxMs, leaseMs } = config.link
  const found = await findSent(context, secret, cursorOf(after))
  const sent = { ...found, entries: await entriesOf(context, reply, found) }
  const answer = sentAnswer(sent, { ttlMaxMs, leaseMs })
  reply.header('vary', 'accept').header('cache-control', 'no-store')
  switch (formatOf(request.headers.accept)) {
    case 'json':
      return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer))
    case 'html': {
      const origin = requestOrigin(context, request)
      const message = failure && detailOf(failure)
      const isOlder = after !== undefined
      const page = senderPage({ assets, secret, sent, answer, origin, ttlMaxMs, isOlder, message })
      return reply
        .code(failure?.status ?? 200)
        .type('text/html; charset=utf-8')
        .send(page)
    }
    case 'text':
      return reply.type('text/plain; charset=utf-8').send(`${answer.name}: ${answer.message}\n`)
  }
}

export const sentContent = {
  'text/html': { schema: z.string() },
  'application/json': { schema: sentAnswerSchema },
  'text/plain': { schema: z.string() }
}

export const getSent: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/s/:secret',
    schema: {
      summary: 'What became of a link, for its sender',
      description: 'State, expiry, and each download with its time, how much was sent and how it ended.',
      tags: ['link'],
      params: secretParams,
      querystring: query,
      response: {
        200: { description: 'A page, JSON or a line of text, by Accept', content: sentContent },
        '4xx': {
          description: '404 link-unknown',
          content: { 'application/problem+json': { schema: problemSchema } }
        }
      }
    },
    handler: async (request, reply) => {
      await sendSentLink(context, request, reply, request.params.secret, request.query)
      return reply
    }
  })
}
