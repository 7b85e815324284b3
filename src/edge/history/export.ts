/** All of a history as JSON lines: page after page, each fetched when the one before is with the reader. */

import type { FastifyReply } from 'fastify'
import type { HistoryPage } from '../../history.ts'
import { HISTORY_RECORDS_MAX } from '../../protocol/limits.ts'
import { actorOf, asking } from '../accounts/actor.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { streamAnswer } from '../transfer/stream-answer.ts'
import { recordAnswer } from './answers.ts'
import type { HistoryRequest } from './query.ts'

export const LINES_TYPE = 'application/x-ndjson'

/** @param signal ends it, also between two pages */
async function* pages(
  { controller }: EdgeContext,
  actor: Actor,
  asked: HistoryRequest,
  signal: AbortSignal
): AsyncGenerator<HistoryPage, void, undefined> {
  let { seq } = asked
  for (;;) {
    const request = { ...asked, actor: asking(actor), limit: HISTORY_RECORDS_MAX }
    const page = await controller.call(
      'listHistory',
      { ...request, ...(seq !== undefined && { seq }) },
      { signal }
    )
    yield page
    if (page.next === null) return
    seq = page.next
  }
}

async function* lines(
  first: HistoryPage,
  rest: AsyncIterator<HistoryPage>,
  actor: Actor
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let page: HistoryPage | undefined = first; page !== undefined;) {
    if (page.records.length > 0)
      yield Buffer.from(
        page.records.map((record) => `${JSON.stringify(recordAnswer(record, actor))}\n`).join('')
      )
    const next: IteratorResult<HistoryPage> = await rest.next()
    page = next.done === true ? undefined : next.value
  }
}

/** Ends within a second of the session. What fails after the first page cuts the connection, so that half of it is not taken for all. */
export async function sendExport(
  context: EdgeContext,
  reply: FastifyReply,
  asked: HistoryRequest
): Promise<FastifyReply> {
  const { request } = reply
  const actor = actorOf(request)
  const headers = {
    'content-type': LINES_TYPE,
    'content-disposition': 'attachment; filename="history.jsonl"',
    'cache-control': 'no-store',
    vary: 'accept'
  }
  if (request.method === 'HEAD') return reply.headers(headers).send()
  using _pass = context.addresses.download(actor.user, 'user')
  using transfer = context.transfers.begin(reply.raw)
  using guard = context.sessions.guard(actor)
  const signal = AbortSignal.any([transfer.signal, guard.signal])
  const rest = pages(context, actor, asked, signal)
  const first = await rest.next() // what is refused is refused before anything is sent
  const body = lines(first.value ?? { records: [], next: null }, rest, actor)
  const cutOff = 'an export of the history ended early'
  return await streamAnswer(context, reply, { headers, body, signal, cutOff })
}
