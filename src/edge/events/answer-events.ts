/** How events are told over HTTP: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), or a page of JSON. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { EVENT_TYPES } from '../../events.ts'
import type { EventType } from '../../events.ts'
import { PeerbinError } from '../../errors.ts'
import { actorOf } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { headerOf } from '../http/accept.ts'
import { streamAnswer } from '../transfer/stream-answer.ts'
import { CLOUD_EVENTS_TYPE, cloudEvent, cloudEventSchema, cloudEventText } from './cloud-event.ts'
import type { EventBatch, ListenTo } from './listening.ts'

export const STREAM_TYPE = 'text/event-stream'
/** A browser comes back after so long. */
const RETRY_MS = 2000
/** Longest wait of one request for a page. */
const PAGE_WAIT_S_MAX = 60
/** Written at once, about: a slow reader holds no more of our memory, and each part has to go out in time. */
const PART_CHARACTERS = 32 * 1024

/** What both kinds of streams can be asked. */
export const eventsQuery = z.strictObject({
  after: z
    .string()
    .max(64)
    .optional()
    .describe(
      'events after this cursor, or `start`: from the oldest that is kept; Last-Event-ID, which browsers send, counts more; default: from now on'
    ),
  types: z.string().max(1024).optional().describe('only these types, with commas between them'),
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400)
    .optional()
    .describe(
      'seconds: a stream ends after so many, when it has told what is there (default: it does not); a page waits so long for an event, at most 60 (default: not at all)'
    ),
  limit: z.coerce.number().int().min(1).max(500).optional().describe('events of a page (default 500)'),
  format: z
    .enum(['json', 'sse'])
    .optional()
    .describe('json: one page; so does Accept: application/cloudevents-batch+json')
})
type Query = z.output<typeof eventsQuery>

export const eventsPageSchema = z.object({
  events: z.array(cloudEventSchema),
  cursor: z.string().describe('`after` of the next page, now or whenever'),
  more: z.boolean().describe('there is more at once')
})

export const invalid = (field: string, message: string): PeerbinError =>
  new PeerbinError('invalid-field', `${field}: ${message}`, { details: { field } })

/** Characters of a type that is none, as far as it is told. */
const TYPE_SHOWN_MAX = 40

const isType = (text: string): text is EventType => EVENT_TYPES.some((type) => type === text)

/** @throws `invalid-field` */
function placeOf({ headers }: FastifyRequest, { after, types, wait }: Query): ListenTo {
  const last = headerOf(headers, 'last-event-id')
  const from = last === undefined || last === '' ? after : last
  const named = types?.split(',').map((each) => each.trim())
  const unknown = named?.find((each) => !isType(each))
  if (unknown !== undefined)
    throw invalid(
      'types',
      `there is no type ${JSON.stringify(unknown.slice(0, TYPE_SHOWN_MAX))}; docs/events.md has them`
    )
  return {
    ...(from !== undefined && from !== '' && { after: from }),
    ...(named !== undefined && { types: named.filter(isType) }),
    ...(wait !== undefined && { forMs: wait * 1000 })
  }
}

/** An id without data is no event, and still where a browser goes on from; a comment keeps the connection. */
function* textsOf({ events, cursor }: EventBatch, clusterName: string): Generator<string, void, undefined> {
  let text = ''
  for (const each of events) {
    text += `id: ${each.cursor}\nevent: ${each.type}\ndata: ${cloudEventText(each, clusterName)}\n\n`
    if (text.length < PART_CHARACTERS) continue
    yield text
    text = ''
  }
  // where the last event is not the end: others, of types that nobody asked for, are behind it
  if (events.at(-1)?.cursor !== cursor) text += `: \nid: ${cursor}\n\n`
  if (text !== '') yield text
}

async function* bytesOf(
  first: EventBatch | undefined,
  batches: AsyncIterable<EventBatch>,
  clusterName: string
): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(`retry: ${RETRY_MS}\n\n`)
  if (first !== undefined) for (const text of textsOf(first, clusterName)) yield Buffer.from(text)
  for await (const batch of batches) for (const text of textsOf(batch, clusterName)) yield Buffer.from(text)
}

async function sendStream(context: EdgeContext, reply: FastifyReply, from: ListenTo): Promise<FastifyReply> {
  const { events, transfers, sessions, clusterName } = context
  const actor = actorOf(reply.request)
  using listener = events.open(actor)
  using transfer = transfers.begin(reply.raw)
  using guard = sessions.guard(actor)
  const signal = AbortSignal.any([listener.signal, transfer.signal, guard.signal])
  const told = events.events(actor, from, signal)
  const first = await told.next() // a cursor that is too old is refused before an answer begins
  const body = bytesOf(first.done === true ? undefined : first.value, told, clusterName)
  const headers = {
    'content-type': `${STREAM_TYPE}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no' // a proxy that gathers answers would hold events back
  }
  // a listener that is not wanted any more, or whose session has ended, finds that out when it comes back
  return await streamAnswer(context, reply, { headers, body, signal, cutOff: 'a listener to events is gone' })
}

async function page(
  context: EdgeContext,
  reply: FastifyReply,
  from: ListenTo
): Promise<z.output<typeof eventsPageSchema>> {
  const { events, transfers, sessions, clusterName } = context
  const actor = actorOf(reply.request)
  using listener = events.open(actor)
  using transfer = transfers.begin(reply.raw)
  using guard = sessions.guard(actor)
  const signal = AbortSignal.any([listener.signal, transfer.signal, guard.signal])
  let last: EventBatch = { events: [], cursor: '', more: false }
  for await (const batch of events.events(actor, from, signal)) {
    last = batch
    if (batch.events.length > 0 || from.forMs === 0) break
  }
  return {
    events: last.events.map((each) => cloudEvent(each, clusterName)),
    cursor: last.cursor,
    more: last.more
  }
}

const isPage = ({ headers }: FastifyRequest, { format }: Query): boolean =>
  format === undefined ? (headerOf(headers, 'accept') ?? '').includes(CLOUD_EVENTS_TYPE) : format === 'json'

/** Answers with a stream, or a page. @param whose whose events; the rest is what the request says */
export async function answerEvents(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  query: Query,
  whose: Pick<ListenTo, 'owner' | 'pool'>
): Promise<FastifyReply> {
  const from = { ...placeOf(request, query), ...whose }
  if (!isPage(request, query)) {
    if (request.method === 'HEAD') {
      // whether they would be told something is asked for as GET would
      await page(context, reply, { ...from, forMs: 0, limit: 1 })
      return reply.header('content-type', STREAM_TYPE).send('')
    }
    await sendStream(context, reply, from)
    return reply
  }
  const { wait = 0, limit } = query
  if (wait > PAGE_WAIT_S_MAX) throw invalid('wait', `a page waits ${PAGE_WAIT_S_MAX} s at most`)
  const asked = { ...from, forMs: wait * 1000, ...(limit !== undefined && { limit }) }
  const found = await page(context, reply, asked)
  return reply.header('cache-control', 'no-store').type('application/json').send(found)
}
