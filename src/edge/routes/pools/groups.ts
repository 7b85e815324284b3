/** `/api/pools/{pool}/groups`: what belongs together, and what came of it. */

import { z } from 'zod'
import type { FastifyRequest } from 'fastify'
import { GROUP_STATES } from '../../../pools.ts'
import type { GroupRecord } from '../../../pools.ts'
import type { UserId } from '../../../types.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { groupAnswer, groupSchema, producerAnswer, producerSchema } from '../../pools/answers.ts'
import { afterOf, groupCursorOf, groupCursorText, pageLimitOf, timeOf } from '../../pools/fields.ts'
import {
  groupParams,
  inGroup,
  inPool,
  nextSchema,
  pageQuery,
  permission,
  poolParams,
  refusals,
  tags
} from './shared.ts'

const listQuery = z.object({
  before: z.string().optional().describe('the `next` of the page before'),
  after: z.string().optional().describe('the same: what comes after, in the order of the list'),
  limit: pageQuery.limit,
  from: z.string().optional().describe('windows that begin then or later: ISO 8601, or ms since 1970'),
  to: z.string().optional().describe('windows that begin then or before')
})
const listAnswer = z.object({ groups: z.array(groupSchema), next: nextSchema })

/** The newest window first. */
async function list(
  { controller }: EdgeContext,
  asked: ReturnType<typeof inPool>,
  { before, after, limit, from, to }: z.output<typeof listQuery>,
  state: GroupRecord['state'] | undefined
): Promise<z.output<typeof listAnswer>> {
  const cursor = groupCursorOf(before) ?? groupCursorOf(after)
  const first = timeOf(from, 'from')
  const last = timeOf(to, 'to')
  const { groups, next } = await controller.call('listGroups', {
    ...asked,
    limit: pageLimitOf(limit),
    ...(state !== undefined && { state }),
    ...(cursor !== undefined && { before: cursor }),
    ...(first !== undefined && { from: first }),
    ...(last !== undefined && { to: last })
  })
  return { groups: groups.map(groupAnswer), next: next && groupCursorText(next) }
}

const listGroups: Route = (app, context) => {
  app.get(
    '/api/pools/:pool/groups',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Groups of a pool',
        description: 'The newest window first.',
        tags,
        params: poolParams,
        querystring: listQuery.extend({ state: z.enum(GROUP_STATES).optional() }),
        response: { 200: listAnswer, ...refusals('422 invalid-field') }
      },
      config: { permission }
    },
    async (request) => {
      const { state, ...query } = request.query
      return await list(context, inPool(request, request.params), query, state)
    }
  )
}

const listResults: Route = (app, context) => {
  app.get(
    '/api/pools/:pool/results',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Groups that have a result',
        description: 'The newest window first.',
        tags,
        params: poolParams,
        querystring: listQuery,
        response: { 200: listAnswer, ...refusals('422 invalid-field') }
      },
      config: { permission }
    },
    async (request) => await list(context, inPool(request, request.params), request.query, 'done')
  )
}

const getGroup: Route = (app, context) => {
  app.get(
    '/api/pools/:pool/groups/:group',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'A group',
        tags,
        params: groupParams,
        response: { 200: groupSchema, ...refusals('404 group-unknown') }
      },
      config: { permission }
    },
    async (request) => {
      const { group } = await context.controller.call('getGroup', inGroup(request, request.params))
      return groupAnswer(group)
    }
  )
}

const listProducers: Route = (app, context) => {
  app.get(
    '/api/pools/:pool/groups/:group/producers',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Who has sent for a group',
        description: 'For owners and servers.',
        tags,
        params: groupParams,
        querystring: z.object(pageQuery),
        response: {
          200: z.object({ producers: z.array(producerSchema), next: nextSchema }),
          ...refusals('404 group-unknown')
        }
      },
      config: { permission }
    },
    async (request) => {
      const { after, limit } = request.query
      const from = afterOf<UserId>(after)
      const { producers, next } = await context.controller.call('listGroupProducers', {
        ...inGroup(request, request.params),
        limit: pageLimitOf(limit),
        ...(from !== undefined && { after: from })
      })
      return { producers: producers.map(producerAnswer), next }
    }
  )
}

type GroupRequest = FastifyRequest<{ Params: z.output<typeof groupParams> }>

const closeGroup: Route = (app, context) => {
  app.post(
    '/api/pools/:pool/groups/:group/close',
    {
      schema: {
        summary: 'Close a group before its time',
        description: 'For owners and servers. One that is not open stays as it is.',
        tags,
        params: groupParams,
        response: { 200: groupSchema, ...refusals('404 group-unknown') }
      },
      config: { permission }
    },
    async (request: GroupRequest) => {
      const { group } = await context.controller.call('closeGroup', inGroup(request, request.params))
      return groupAnswer(group)
    }
  )
}

const retryGroup: Route = (app, context) => {
  app.post(
    '/api/pools/:pool/groups/:group/retry',
    {
      schema: {
        summary: 'Try a group again that has failed for good',
        description: 'For owners and servers, while its files are kept.',
        tags,
        params: groupParams,
        response: { 200: groupSchema, ...refusals('404 group-unknown; 409 group-state') }
      },
      config: { permission }
    },
    async (request: GroupRequest) => {
      const { group } = await context.controller.call('retryGroup', inGroup(request, request.params))
      return groupAnswer(group)
    }
  )
}

export const groupRoutes: readonly Route[] = [
  listGroups,
  listResults,
  getGroup,
  listProducers,
  closeGroup,
  retryGroup
]
