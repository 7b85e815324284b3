/** `GET /api/events`: what becomes of uploads, as it happens, by server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */

import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { actorOf } from '../../accounts/actor.ts'
import type { Actor } from '../../accounts/actor.ts'
import { refusals } from '../../accounts/answers.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { headerOf } from '../../http/accept.ts'
import { recordAnswer } from '../../history/answers.ts'
import type { EventBatch } from '../../history/event-feed.ts'
import { seqOf } from '../../history/query.ts'
import { streamAnswer } from '../../transfer/stream-answer.ts'

const EVENTS_TYPE = 'text/event-stream'
/** A browser comes back after so long. */
const RETRY_MS = 2000

const query = z.strictObject({
  after: z
    .string()
    .optional()
    .describe('events after this number; Last-Event-ID, which browsers send, counts more'),
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400)
    .optional()
    .describe('ends after so many seconds, when it has told what is there; default: it does not')
})

/** An id without data is no event, and still where a browser goes on from; a comment keeps the connection. */
const textOf = ({ events, place }: EventBatch, actor: Actor): string =>
  events.length === 0
    ? `: \nid: ${place}\n\n`
    : events
        .map(
          (record) =>
            `id: ${record.seq}\nevent: ${record.action}\ndata: ${JSON.stringify(recordAnswer(record, actor))}\n\n`
        )
        .join('')

async function* bytesOf(
  batches: AsyncIterable<EventBatch>,
  actor: Actor
): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(`retry: ${RETRY_MS}\n\n`)
  for await (const batch of batches) yield Buffer.from(textOf(batch, actor))
}

async function send(
  context: EdgeContext,
  reply: FastifyReply,
  { after, wait }: z.output<typeof query>
): Promise<FastifyReply> {
  const { request } = reply
  const actor = actorOf(request)
  const headers = {
    'content-type': `${EVENTS_TYPE}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no' // a proxy that gathers answers would hold events back
  }
  const from = headerOf(request.headers, 'last-event-id') ?? after
  const place = from === undefined || from === '' ? undefined : seqOf(from, 'after')
  const forMs = wait === undefined ? undefined : wait * 1000
  if (request.method === 'HEAD') return reply.headers(headers).send()
  using listener = context.events.open(actor)
  using transfer = context.transfers.begin(reply.raw)
  using guard = context.sessions.guard(actor)
  const signal = AbortSignal.any([listener.signal, transfer.signal, guard.signal])
  const told = context.events.events(actor, { after: place, forMs }, signal)
  // a listener that is not wanted any more, or whose session has ended, finds that out when it comes back
  const cutOff = 'a listener to events is gone'
  return await streamAnswer(context, reply, { headers, body: bytesOf(told, actor), signal, cutOff })
}

export const events: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/events',
    schema: {
      summary: 'What becomes of uploads, as it happens',
      description:
        'Server-sent events `upload.status`, with a record of the history each: of one’s own files, for administrators of everybody’s. The id of an event is its number in the history, ' +
        'and whoever comes back with Last-Event-ID misses none. The connection ends within a second of the session.',
      tags: ['account'],
      querystring: query,
      response: {
        200: { description: 'Events', content: { [EVENTS_TYPE]: { schema: z.string() } } },
        ...refusals('401; 403; 422 invalid-field; 429 too-many-transfers')
      }
    },
    config: { permission: { who: 'user', scope: 'history:read' } },
    handler: async (request, reply) => {
      await send(context, reply, request.query)
      return reply
    }
  })
}
