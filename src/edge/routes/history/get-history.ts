/** `GET /api/history`, `/api/users/{id}/history`, `/api/access-log`: who did what, as pages or as JSON lines. */

import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { UserId } from '../../../types.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import { idOf, refusals } from '../../accounts/answers.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { headerOf } from '../../http/accept.ts'
import { historyPageSchema, recordAnswer, recordSchema } from '../../history/answers.ts'
import { LINES_TYPE, sendExport } from '../../history/export.ts'
import { accessLogQuery, historyQuery, historyRequest, isUuid } from '../../history/query.ts'
import type { HistoryQueryString, HistoryRequest } from '../../history/query.ts'

const OWN = { who: 'user', scope: 'history:read' } as const
const ADMIN = { who: 'admin', scope: 'admin' } as const

const answers = (codes: string) => ({
  200: {
    description: 'A page, or all of it as JSON lines',
    content: {
      'application/json': { schema: historyPageSchema },
      [LINES_TYPE]: { schema: recordSchema }
    }
  },
  ...refusals(codes)
})

/** @param of whose; undefined: everybody's */
async function send(
  context: EdgeContext,
  reply: FastifyReply,
  query: HistoryQueryString,
  of: UserId | undefined
): Promise<FastifyReply> {
  const asked: HistoryRequest = { ...historyRequest(query), ...(of !== undefined && { of }) }
  const accepted = headerOf(reply.request.headers, 'accept') ?? ''
  if (query.format === 'jsonl' || (query.format === undefined && accepted.includes(LINES_TYPE)))
    return await sendExport(context, reply, asked)
  const actor = actorOf(reply.request)
  const { records, next } = await context.controller.call('listHistory', { ...asked, actor: asking(actor) })
  return reply
    .header('vary', 'accept')
    .type('application/json; charset=utf-8')
    .send(
      JSON.stringify({
        records: records.map((record) => recordAnswer(record, actor)),
        next: next === null ? null : String(next)
      })
    )
}

const ownHistory: Route = (app, context) => {
  app.get(
    '/api/history',
    {
      exposeHeadRoute: true,
      schema: {
        summary: "One's own history",
        description: 'What one did, and what was done to what is one’s own: downloads of shared files too.',
        tags: ['account'],
        querystring: historyQuery,
        response: answers('401; 403; 422 invalid-field')
      },
      config: { permission: OWN }
    },
    async (request, reply) => {
      await send(context, reply, request.query, actorOf(request).user)
      return reply
    }
  )
}

const userHistory: Route = (app, context) => {
  app.get(
    '/api/users/:id/history',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'The history of a user',
        tags: ['admin'],
        params: z.object({ id: z.string().describe('user_id') }),
        querystring: historyQuery,
        response: answers('401; 403; 404 user-unknown; 422 invalid-field')
      },
      config: { permission: { ...ADMIN, of: 'user' } }
    },
    async (request, reply) => {
      const user = idOf<UserId>(request.params.id, 'user-unknown')
      // of nobody there is no history, and that is told apart from one that is empty
      await context.controller.call('getUser', { actor: asking(actorOf(request)), user })
      await send(context, reply, request.query, user)
      return reply
    }
  )
}

const accessLog: Route = (app, context) => {
  const userOf = async (reply: FastifyReply, text: string): Promise<UserId> => {
    if (isUuid(text.toLowerCase())) return text.toLowerCase() as UserId
    const actor = asking(actorOf(reply.request))
    return (await context.controller.call('findUser', { actor, name: text })).user.id
  }
  app.get(
    '/api/access-log',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Who fetched, stored and changed what: everybody’s history',
        tags: ['admin'],
        querystring: accessLogQuery,
        response: answers('401; 403; 404 user-unknown; 422 invalid-field')
      },
      config: { permission: ADMIN }
    },
    async (request, reply) => {
      const { user, ...query } = request.query
      await send(context, reply, query, user === undefined ? undefined : await userOf(reply, user))
      return reply
    }
  )
}

export const history: Route = (app, context) => {
  for (const route of [ownHistory, userHistory, accessLog]) route(app, context)
}
