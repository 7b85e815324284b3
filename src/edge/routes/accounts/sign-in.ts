/** `POST /api/login`, `POST /api/logout`, `GET /api/validate`: sessions begin, end, and are looked at. */

import { z } from 'zod'
import { actorOf, asking } from '../../accounts/actor.ts'
import { isoTime, messageSchema, refusals, signedInSchema, validSchema } from '../../accounts/answers.ts'
import { clearSessionCookie } from '../../accounts/session-cookie.ts'
import { signIn as signInAs, typedName } from '../../accounts/sign-in.ts'
import { assertMayHaveCookie, sendSignedIn, whoSignedIn } from '../../accounts/signed-in.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'

const loginBody = z.strictObject({
  username: z.string(),
  password: z.string(),
  cookie: z.boolean().default(false).describe('for pages: the access token is set as a cookie too')
})

const login: Route = (app, context) => {
  app.post(
    '/api/login',
    {
      schema: {
        summary: 'Sign in',
        tags: ['account'],
        response: {
          200: signedInSchema,
          ...refusals('401 login-failed; 403 user-disabled; 429 login-attempts, too-many-sign-ins')
        }
      },
      config: {
        permission: { who: 'anyone' },
        history: {
          action: 'login',
          failures: { action: 'login-failed', codes: ['login-failed', 'login-attempts', 'user-disabled'] }
        },
        ...jsonBodyOf(loginBody)
      }
    },
    async (request, reply) => {
      const body = await readJson(context, request, loginBody)
      assertMayHaveCookie(context, reply, body)
      request.noted?.set({ actorName: typedName(body.username) })
      const signedIn = await signInAs(context, reply, body)
      request.noted?.set(whoSignedIn(signedIn))
      return sendSignedIn(context, reply, signedIn, {
        status: 200,
        message: 'You are signed in.',
        cookie: body.cookie
      })
    }
  )
}

const logout: Route = (app, context) => {
  app.post(
    '/api/logout',
    {
      schema: {
        summary: 'Sign out',
        description:
          'The session ends, and within a second everything that goes on with it, on every edge. A key is not signed out but revoked.',
        tags: ['account'],
        response: { 200: messageSchema, ...refusals('401; 403 permission-denied for a key') }
      },
      config: { permission: { who: 'user', sessionsOnly: true }, history: { action: 'logout' } }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      await context.controller.call('endSession', { actor: asking(actor), id: actor.session })
      context.sessions.changed()
      clearSessionCookie(context, reply)
      return { message: 'You are signed out.' }
    }
  )
}

const validate: Route = (app) => {
  app.get(
    '/api/validate',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Whether a token, key or cookie is good, and whose it is',
        tags: ['account'],
        response: { 200: validSchema, ...refusals('401 credentials-missing, credentials-invalid') }
      },
      config: { permission: { who: 'user' } }
    },
    async (request) => {
      const { user, name, role, kind, scopes, expiresAt } = actorOf(request)
      return {
        valid: true as const,
        user_id: user,
        username: name,
        role,
        kind,
        scopes: [...scopes],
        expires_at: expiresAt === null ? null : isoTime(expiresAt)
      }
    }
  )
}

export const signIn: Route = (app, context) => {
  for (const route of [login, logout, validate]) route(app, context)
}
