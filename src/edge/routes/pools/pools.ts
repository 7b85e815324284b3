/** `/api/pools`: pools themselves. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { hasCode } from '../../../errors.ts'
import { POOL_NAME_LENGTH_MAX } from '../../../protocol/limits.ts'
import type { PoolId, PoolRecord } from '../../../pools.ts'
import { randomUuid } from '../../../runtime/random.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import { messageSchema } from '../../accounts/answers.ts'
import { cleanLabel } from '../../accounts/labels.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { onePoolAnswer, onePoolSchema, poolAnswer, poolSchema } from '../../pools/answers.ts'
import { afterOf, pageLimitOf, yesOf } from '../../pools/fields.ts'
import { changedSettings, newSettings, settingsGiven } from '../../pools/settings.ts'
import { invalid } from '../../user-files/fields.ts'
import { inPool, nextSchema, pageQuery, permission, poolParams, refusals, tags } from './shared.ts'

const nameSchema = z.string().describe(`1 to ${POOL_NAME_LENGTH_MAX} characters`)
const createBody = z.strictObject({ name: nameSchema, settings: settingsGiven.optional() })
const changeBody = z.strictObject({
  revision: z.int().min(0).optional().describe('refused with pool-conflict unless it is the present one'),
  name: nameSchema.optional(),
  settings: settingsGiven.optional().describe('what is given changes, the rest stays'),
  state: z.enum(['active', 'archived']).optional(),
  quota_bytes: z
    .int()
    .min(0)
    .nullable()
    .optional()
    .describe('for administrators; null: as the cluster is configured')
})

/** @throws `invalid-field` */
function cleanPoolName(text: string): string {
  const name = cleanLabel(text, 'name')
  if (name.length > POOL_NAME_LENGTH_MAX)
    throw invalid('name', `at most ${POOL_NAME_LENGTH_MAX} characters are possible`)
  return name
}

const createPool: Route = (app, context) => {
  app.post(
    '/api/pools',
    {
      schema: {
        summary: 'Make a pool',
        description: 'Whoever makes it is its first owner.',
        tags,
        response: { 201: poolSchema, ...refusals('409 pools-full; 422 invalid-field') }
      },
      config: { permission, ...jsonBodyOf(createBody) }
    },
    async (request, reply) => {
      const { name, settings = {} } = await readJson(context, request, createBody)
      const { pool } = await context.controller.call('createPool', {
        actor: asking(actorOf(request)),
        id: randomUuid(context.random) as PoolId,
        name: cleanPoolName(name),
        settings: newSettings(settings)
      })
      return await reply.code(201).header('location', `/api/pools/${pool.id}`).send(poolAnswer(pool, 'owner'))
    }
  )
}

const listPools: Route = (app, context) => {
  app.get(
    '/api/pools',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'My pools',
        description: 'With all=1 everybody’s, for administrators.',
        tags,
        querystring: z.object({ ...pageQuery, all: z.string().optional().describe('1: everybody’s') }),
        response: { 200: z.object({ pools: z.array(poolSchema), next: nextSchema }), ...refusals() }
      },
      config: { permission }
    },
    async (request) => {
      const { after, limit, all } = request.query
      const from = afterOf<PoolId>(after)
      const { pools, next } = await context.controller.call('listPools', {
        actor: asking(actorOf(request)),
        isMine: !yesOf(all, 'all'),
        limit: pageLimitOf(limit),
        ...(from !== undefined && { after: from })
      })
      return { pools: pools.map(({ pool, role }) => poolAnswer(pool, role)), next }
    }
  )
}

const getPool: Route = (app, context) => {
  app.get(
    '/api/pools/:pool',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'A pool',
        tags,
        params: poolParams,
        response: { 200: onePoolSchema, ...refusals() }
      },
      config: { permission }
    },
    async (request) =>
      onePoolAnswer(await context.controller.call('getPool', inPool(request, request.params)))
  )
}

/** A change of some settings is made to those that are there now; if somebody was faster, to theirs. */
const ATTEMPTS = 5

async function change(
  { controller }: EdgeContext,
  asked: ReturnType<typeof inPool>,
  { settings, state, quota_bytes: quotaBytes, name, revision }: z.output<typeof changeBody>
): Promise<PoolRecord> {
  const rest = {
    ...(name !== undefined && { name: cleanPoolName(name) }),
    ...(state !== undefined && { state }),
    ...(quotaBytes !== undefined && { quotaBytes })
  }
  const given = revision === undefined ? {} : { revision }
  if (settings === undefined)
    return (await controller.call('changePool', { ...asked, ...rest, ...given })).pool
  for (let attempt = 1; ; attempt++) {
    const { pool } = await controller.call('getPool', asked)
    const changed = changedSettings(settings, pool.settings)
    const message = { ...asked, ...rest, settings: changed, revision: revision ?? pool.revision }
    try {
      return (await controller.call('changePool', message)).pool
    } catch (error) {
      if (revision !== undefined || attempt === ATTEMPTS || !hasCode(error, 'pool-conflict')) throw error
    }
  }
}

const patchPool: Route = (app, context) => {
  app.patch(
    '/api/pools/:pool',
    {
      schema: {
        summary: 'Change a pool',
        description: 'For its owners. Another window holds for groups that are opened from then on.',
        tags,
        params: poolParams,
        response: { 200: onePoolSchema, ...refusals('409 pool-conflict; 422 invalid-field') }
      },
      config: { permission, ...jsonBodyOf(changeBody) }
    },
    async (request: FastifyRequest<{ Params: z.output<typeof poolParams> }>) => {
      const asked = inPool(request, request.params)
      await change(context, asked, await readJson(context, request, changeBody))
      return onePoolAnswer(await context.controller.call('getPool', asked))
    }
  )
}

const deletePool: Route = (app, context) => {
  app.delete(
    '/api/pools/:pool',
    {
      schema: {
        summary: 'Delete a pool',
        description: 'For its owners. It is gone at once for everybody; its files go in the background.',
        tags,
        params: poolParams,
        response: { 200: messageSchema, ...refusals() }
      },
      config: { permission }
    },
    async (request) => {
      await context.controller.call('deletePool', inPool(request, request.params))
      context.sessions.changed() // those of its programs have ended
      return { message: 'The pool is deleted.' }
    }
  )
}

export const poolRoutesItself: readonly Route[] = [createPool, listPools, getPool, patchPool, deletePool]
