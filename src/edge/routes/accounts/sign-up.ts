/** `POST /api/register`, `POST /api/setup`: an account for oneself; `GET` of both questions: whether one can be made. */

import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { Admission, Credentials } from '../../accounts/sign-in.ts'
import { register } from '../../accounts/sign-in.ts'
import { modeSchema, refusals, signedInSchema } from '../../accounts/answers.ts'
import { assertMayHaveCookie, sendSignedIn, whoSignedIn } from '../../accounts/signed-in.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'

const ANYONE = { permission: { who: 'anyone' } } as const
const NOTED = {
  ...ANYONE,
  history: { action: 'register', failures: { action: 'register', codes: [] } }
} as const

const credentials = {
  username: z.string().describe('1 to 64 letters, digits, blanks and . _ - @ +'),
  password: z.string().describe('8 to 1024 bytes of UTF-8'),
  cookie: z.boolean().default(false).describe('for pages: the access token is set as a cookie too')
}
const registerBody = z.strictObject({
  ...credentials,
  invite: z.string().optional().describe('the secret of an invitation')
})
const setupBody = z.strictObject({
  secret: z.string().describe('what the controller told its terminal'),
  ...credentials
})

const created = (codes: string) => ({
  201: signedInSchema.describe('Made, and signed in'),
  ...refusals(codes)
})

async function answer(
  context: EdgeContext,
  reply: FastifyReply,
  body: Credentials & { readonly cookie: boolean },
  by: Admission
): Promise<FastifyReply> {
  assertMayHaveCookie(context, reply, body)
  const signedIn = await register(context, reply, body, by)
  reply.request.noted?.set({ ...whoSignedIn(signedIn), detail: signedIn.user.role })
  return sendSignedIn(context, reply, signedIn, {
    status: 201,
    message: 'Your account is ready, and you are signed in.',
    cookie: body.cookie
  })
}

export const signUp: Route = (app, context) => {
  app.post(
    '/api/register',
    {
      schema: {
        summary: 'Make an account',
        tags: ['account'],
        response: created(
          '409 name-taken; 422 invalid-field; 403 registration-closed, invite-needed, invite-invalid; 429 too-many-sign-ins'
        )
      },
      config: { ...NOTED, ...jsonBodyOf(registerBody) }
    },
    async (request, reply) => {
      const body = await readJson(context, request, registerBody)
      return await answer(context, reply, body, { invite: body.invite })
    }
  )
  app.get(
    '/api/registration',
    {
      exposeHeadRoute: true,
      schema: { summary: 'Who may register', tags: ['account'], response: { 200: modeSchema } },
      config: ANYONE
    },
    async () => {
      const { registration } = await context.controller.call('accountState', {})
      return { mode: registration }
    }
  )
  app.post(
    '/api/setup',
    {
      schema: {
        summary: 'Make the first administrator',
        tags: ['account'],
        response: created('403 setup-invalid; 409 name-taken; 422 invalid-field; 429 too-many-sign-ins')
      },
      config: { ...NOTED, ...jsonBodyOf(setupBody) }
    },
    async (request, reply) => {
      const body = await readJson(context, request, setupBody)
      return await answer(context, reply, body, { setup: body.secret })
    }
  )
  app.get(
    '/api/setup',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Whether there is no administrator yet',
        tags: ['account'],
        response: { 200: z.object({ needed: z.boolean() }) }
      },
      config: ANYONE
    },
    async () => {
      const { setupNeeded } = await context.controller.call('accountState', {})
      return { needed: setupNeeded }
    }
  )
}
