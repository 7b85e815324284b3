/** `/api/me`: one's own account: name and password. */

import { z } from 'zod'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { Actor } from '../../accounts/actor.ts'
import { messageSchema, refusals, userSchema } from '../../accounts/answers.ts'
import { changeOwnPassword } from '../../accounts/change-password.ts'
import { withSpace } from '../../accounts/space.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { cleanUserName } from '../../../protocol/user-names.ts'

const patchBody = z.strictObject({ username: z.string().optional() })
const passwordBody = z.strictObject({
  old_password: z.string(),
  new_password: z.string().describe('8 to 1024 bytes of UTF-8'),
  keys: z.boolean().default(false).describe('revoke all keys as well')
})

async function look(context: EdgeContext, actor: Actor): Promise<z.output<typeof userSchema>> {
  const { user } = await context.controller.call('getUser', { actor: asking(actor), user: actor.user })
  return await withSpace(context, actor, user)
}

export const me: Route = (app, context) => {
  const tags = ['account']
  app.get(
    '/api/me',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'My account',
        tags,
        response: { 200: userSchema, ...refusals('401') }
      },
      config: { permission: { who: 'user', of: 'user' } }
    },
    async (request) => look(context, actorOf(request))
  )
  app.patch(
    '/api/me',
    {
      schema: {
        summary: 'Change my name',
        tags,
        response: { 200: userSchema, ...refusals('401; 403; 409 name-taken; 422 invalid-field') }
      },
      config: {
        permission: { who: 'user', scope: 'account', of: 'user' },
        ...jsonBodyOf(patchBody)
      }
    },
    async (request) => {
      const actor = actorOf(request)
      const { username } = await readJson(context, request, patchBody)
      if (username === undefined) return await look(context, actor)
      const changed = { actor: asking(actor), user: actor.user, name: cleanUserName(username) }
      const { user } = await context.controller.call('changeUser', changed)
      context.sessions.changed()
      return await withSpace(context, actor, user)
    }
  )
  app.post(
    '/api/me/password',
    {
      schema: {
        summary: 'Change my password',
        description: 'Every other session ends; keys stay, unless they are to be revoked as well.',
        tags,
        response: {
          200: messageSchema,
          ...refusals('401 login-failed when the old one is wrong; 429 login-attempts; 422 invalid-field')
        }
      },
      config: {
        permission: { who: 'user', scope: 'account', of: 'user' },
        history: { action: 'password' },
        ...jsonBodyOf(passwordBody)
      }
    },
    async (request, reply) => {
      const body = await readJson(context, request, passwordBody)
      await changeOwnPassword(context, reply, actorOf(request), {
        old: body.old_password,
        next: body.new_password,
        keys: body.keys
      })
      context.sessions.changed()
      return { message: 'Your password is changed, and every other session has ended.' }
    }
  )
}
