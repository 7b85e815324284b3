/** `/api/me/keys`: keys for programs, each with a name, with what it may do, and revocable. */

import { z } from 'zod'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { Actor } from '../../accounts/actor.ts'
import { newKey } from '../../accounts/api-keys.ts'
import { idOf, keyAnswer, keySchema, messageSchema, refusals } from '../../accounts/answers.ts'
import { cleanLabel } from '../../accounts/labels.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { hashSecret } from '../../../protocol/secrets.ts'
import { randomUuid } from '../../../runtime/random.ts'
import { SCOPES } from '../../../types.ts'
import type { SessionId } from '../../../types.ts'

const TEN_YEARS_S = 3650 * 24 * 3600

const body = z.strictObject({
  name: z.string().describe('what it is for; 1 to 200 characters'),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).describe('what it may do'),
  expires_in: z.int().min(1).max(TEN_YEARS_S).optional().describe('seconds; without it the key has no end')
})
const params = z.object({ id: z.string().describe('key_id') })

const tags = ['account']
const permission = { who: 'user', scope: 'account', of: 'user' } as const

const listKeys: Route = (app, context) => {
  app.get(
    '/api/me/keys',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'My keys',
        tags,
        response: { 200: z.object({ keys: z.array(keySchema) }), ...refusals('401; 403') }
      },
      config: { permission }
    },
    async (request) => {
      const actor = actorOf(request)
      const asked = { actor: asking(actor), user: actor.user }
      const { sessions } = await context.controller.call('listSessions', asked)
      return { keys: sessions.filter(({ kind }) => kind === 'key').map(keyAnswer) }
    }
  )
}

/** Of a key that is made by another one: it does not outlive that. @param wanted ms since the epoch; null: no end */
const endOf = ({ kind, expiresAt }: Actor, wanted: number | null): number | null =>
  kind === 'key' && expiresAt !== null ? Math.min(expiresAt, wanted ?? Infinity) : wanted

const createKey: Route = (app, context) => {
  app.post(
    '/api/me/keys',
    {
      schema: {
        summary: 'Make a key',
        description:
          'It is shown this once. A key makes none that may do what it may not do itself, or that lives longer.',
        tags,
        response: {
          201: keySchema.extend({
            message: z.string(),
            key: z.string().describe('for Authorization: Bearer; not kept, and never shown again')
          }),
          ...refusals('401; 403; 409 keys-full; 422 invalid-field')
        }
      },
      config: { permission, history: { action: 'key.created' }, ...jsonBodyOf(body) }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const { name, scopes, expires_in: expiresIn } = await readJson(context, request, body)
      request.noted?.set({ detail: name })
      const key = newKey(context.random)
      const { session } = await context.controller.call('createKey', {
        actor: asking(actor),
        id: randomUuid(context.random) as SessionId,
        name: cleanLabel(name, 'name'),
        scopes: [...new Set(scopes)],
        secretHash: hashSecret(key),
        expiresAt: endOf(actor, expiresIn === undefined ? null : context.clock.now() + expiresIn * 1000)
      })
      const message = 'Keep the key now: it is not shown again.'
      return await reply.code(201).send({ message, key, ...keyAnswer(session) })
    }
  )
}

const revokeKey: Route = (app, context) => {
  app.delete(
    '/api/me/keys/:id',
    {
      schema: {
        summary: 'Revoke a key',
        description: 'Within a second it is dead everywhere. Also when it was revoked before.',
        tags,
        params,
        response: { 200: messageSchema, ...refusals('401; 403; 404 session-unknown') }
      },
      config: { permission, history: { action: 'key.revoked' } }
    },
    async (request) => {
      const id = idOf<SessionId>(request.params.id, 'session-unknown')
      request.noted?.set({ owner: null, detail: id })
      await context.controller.call('endSession', { actor: asking(actorOf(request)), id })
      context.sessions.changed()
      return { message: 'The key is revoked.' }
    }
  )
}

export const keys: Route = (app, context) => {
  for (const route of [listKeys, createKey, revokeKey]) route(app, context)
}
