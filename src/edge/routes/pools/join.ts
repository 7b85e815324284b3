/** `/api/pools/join` and join keys: how people and programs come into a pool without being added one by one. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import type { ControlMessages, ResponseOf } from '../../../protocol/messages.ts'
import { hashSecret } from '../../../protocol/secrets.ts'
import { cleanUserName } from '../../../protocol/user-names.ts'
import type { JoinKeyId } from '../../../pools.ts'
import { randomUuid } from '../../../runtime/random.ts'
import type { SecretHash, SessionId, UserId } from '../../../types.ts'
import { asking } from '../../accounts/actor.ts'
import { newKey } from '../../accounts/api-keys.ts'
import { isoTime, messageSchema } from '../../accounts/answers.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { clientAddress } from '../../limits/client-address.ts'
import {
  joinKeyAnswer,
  joinKeySchema,
  memberAnswer,
  memberSchema,
  poolAnswer,
  poolSchema,
  role,
  time
} from '../../pools/answers.ts'
import { joinKeyIdOf } from '../../pools/fields.ts'
import { isJoinKey, newJoinKey } from '../../pools/join-keys.ts'
import { settingsAnswer, settingsSchema } from '../../pools/settings.ts'
import { inPool, permission, poolParams, refusals, tags } from './shared.ts'

const SECOND_MS = 1000
const WEEK_S = 7 * 24 * 3600
const TEN_YEARS_S = 3650 * 24 * 3600
const NAME_BYTES = 4

const anyone = { who: 'anyone', scope: 'pools' } as const

const keyBody = z.strictObject({
  role,
  expires_s: z.int().min(60).max(TEN_YEARS_S).optional().describe('seconds, default 7 days'),
  uses: z.int().min(1).nullable().optional().describe('how often it can be used; default: any number')
})
const keyField = z.string().describe('pbjoin_…')
const lookBody = z.strictObject({ key: keyField })
const joinBody = z.strictObject({
  key: keyField,
  name: z
    .string()
    .optional()
    .describe('without credentials: of the account that is made; default: program- and some digits')
})

const createJoinKey: Route = (app, context) => {
  app.post(
    '/api/pools/:pool/join-keys',
    {
      schema: {
        summary: 'Make a join key',
        description:
          'For owners. Whoever has the key, or the address with it, joins in the role that it names. It is shown this once.',
        tags,
        params: poolParams,
        response: {
          201: joinKeySchema.extend({
            key: z.string().describe('pbjoin_…: not kept, and never shown again'),
            url: z.string().describe('a page for people; what is behind # is sent to no server')
          }),
          ...refusals('409 join-keys-full, pool-archived; 422 invalid-field')
        }
      },
      config: { permission, ...jsonBodyOf(keyBody) }
    },
    async (request, reply) => {
      const asked = inPool(request, request.params)
      const body = await readJson(context, request, keyBody)
      const key = newJoinKey(context.random)
      const made = await context.controller.call('createJoinKey', {
        ...asked,
        id: randomUuid(context.random) as unknown as JoinKeyId,
        hash: hashSecret(key),
        role: body.role,
        ttlMs: (body.expires_s ?? WEEK_S) * SECOND_MS,
        usesMax: body.uses ?? null
      })
      const url = `/pools/join#${key}`
      return await reply.code(201).send({ ...joinKeyAnswer(made.key), key, url })
    }
  )
}

const listJoinKeys: Route = (app, context) => {
  app.get(
    '/api/pools/:pool/join-keys',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Join keys of a pool',
        description: 'For owners. The newest first, without the keys themselves.',
        tags,
        params: poolParams,
        response: { 200: z.object({ keys: z.array(joinKeySchema) }), ...refusals() }
      },
      config: { permission }
    },
    async (request) => {
      const { keys } = await context.controller.call('listJoinKeys', inPool(request, request.params))
      return { keys: keys.map(joinKeyAnswer) }
    }
  )
}

const deleteJoinKey: Route = (app, context) => {
  app.delete(
    '/api/pools/:pool/join-keys/:key',
    {
      schema: {
        summary: 'Revoke a join key',
        description: 'For owners. Whoever has joined by it stays.',
        tags,
        params: poolParams.extend({ key: z.string().describe('`id` of the key') }),
        response: { 200: messageSchema, ...refusals('404 join-key-unknown') }
      },
      config: { permission }
    },
    async (request) => {
      const asked = inPool(request, request.params)
      await context.controller.call('deleteJoinKey', { ...asked, id: joinKeyIdOf(request.params.key) })
      return { message: 'The join key is revoked.' }
    }
  )
}

/** Counts the attempt as one to sign in: nobody tries keys. @throws `too-many-sign-ins`; `join-key-invalid` for what can be none */
function hashOf({ addresses }: EdgeContext, request: FastifyRequest, key: string): SecretHash {
  addresses.signIn(clientAddress(request))
  const text = key.trim()
  if (!isJoinKey(text)) throw new PeerbinError('join-key-invalid')
  return hashSecret(text)
}

const look: Route = (app, context) => {
  app.post(
    '/api/pools/join/look',
    {
      schema: {
        summary: 'What a join key leads to',
        description: 'Uses nothing up.',
        tags,
        response: {
          200: z.object({
            pool: z.string().describe('UUID'),
            name: z.string(),
            role,
            settings: settingsSchema,
            expires_at: time
          }),
          ...refusals('403 join-key-invalid; 429 too-many-sign-ins')
        }
      },
      config: { permission: { who: 'anyone' }, ...jsonBodyOf(lookBody) }
    },
    async (request) => {
      const { key } = await readJson(context, request, lookBody)
      const found = await context.controller.call('findJoinKey', { hash: hashOf(context, request, key) })
      return {
        pool: found.pool.id,
        name: found.pool.name,
        role: found.role,
        settings: settingsAnswer(found.pool.settings),
        expires_at: isoTime(found.expiresAt)
      }
    }
  )
}

type Joined = ResponseOf<ControlMessages, 'joinPool'>

/** Makes an account for a program, whose key is the only thing that opens it. */
async function joinAsProgram(
  { controller, random }: EdgeContext,
  hash: SecretHash,
  given: string | undefined
): Promise<Joined & { readonly token: string }> {
  const drawn = `program-${Buffer.from(random.bytes(NAME_BYTES)).toString('hex')}`
  const token = newKey(random)
  const program = {
    user: randomUuid(random) as UserId,
    name: given === undefined ? drawn : cleanUserName(given, 'name'),
    session: randomUuid(random) as SessionId,
    secretHash: hashSecret(token),
    // nobody has asked for the one that was drawn
    suffix: given === undefined
  }
  return { ...(await controller.call('joinPool', { hash, program })), token }
}

const join: Route = (app, context) => {
  app.post(
    '/api/pools/join',
    {
      schema: {
        summary: 'Join a pool',
        description:
          'With credentials, as oneself. Without, an account for a program is made, which can do nothing but use this pool: `token` is its key, and is shown this once.',
        tags,
        response: {
          201: z.object({
            pool: poolSchema,
            member: memberSchema,
            token: z.string().optional().describe('pbk_…, for Authorization: Bearer')
          }),
          ...refusals(
            '403 join-key-invalid; 409 name-taken, pool-full; 422 invalid-field; 429 too-many-sign-ins'
          )
        }
      },
      config: { permission: anyone, ...jsonBodyOf(joinBody) }
    },
    async (request, reply) => {
      const { key, name } = await readJson(context, request, joinBody)
      const hash = hashOf(context, request, key)
      const { actor } = request
      const joined: Joined & { readonly token?: string } =
        actor === undefined
          ? await joinAsProgram(context, hash, name)
          : await context.controller.call('joinPool', { hash, actor: asking(actor) })
      return await reply.code(201).send({
        pool: poolAnswer(joined.pool, joined.member.role),
        member: memberAnswer(joined.member),
        ...(joined.token !== undefined && { token: joined.token })
      })
    }
  )
}

export const joinRoutes: readonly Route[] = [createJoinKey, listJoinKeys, deleteJoinKey, look, join]
