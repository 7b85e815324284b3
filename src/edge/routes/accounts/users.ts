/** `/api/users`: everybody's accounts, for administrators. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { actorOf, asking } from '../../accounts/actor.ts'
import { idOf, messageSchema, refusals, userSchema } from '../../accounts/answers.ts'
import { setPassword } from '../../accounts/change-password.ts'
import { newPassword } from '../../accounts/passwords.ts'
import { withSpace } from '../../accounts/space.ts'
import type { EdgeContext, Route } from '../../context.ts'
import type { HistoryAction } from '../../../history.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { clientHash } from '../../limits/client-address.ts'
import { USERS_PER_PAGE_MAX, USER_NAME_KEY_LENGTH_MAX } from '../../../protocol/limits.ts'
import { cleanUserName, userNameKey } from '../../../protocol/user-names.ts'
import { randomUuid } from '../../../runtime/random.ts'
import { ACCOUNT_ROLES } from '../../../types.ts'
import type { UserId, UserRecord } from '../../../types.ts'

const ADMIN = { who: 'admin', scope: 'admin' } as const
const OF_USER = { ...ADMIN, of: 'user' } as const

const quota = z.int().min(0).nullable().describe('bytes of all files; null: what the role has')
const role = z.enum(ACCOUNT_ROLES)
const params = z.object({ id: z.string().describe('user_id') })
const listQuery = z.strictObject({
  search: z.string().max(USER_NAME_KEY_LENGTH_MAX).optional().describe('in names, whatever their case'),
  after: z.string().max(USER_NAME_KEY_LENGTH_MAX).optional().describe('`next` of the page before'),
  limit: z.coerce.number().int().min(1).max(USERS_PER_PAGE_MAX).default(100)
})
const createBody = z.strictObject({
  username: z.string(),
  password: z.string().describe('8 to 1024 bytes of UTF-8'),
  role: role.default('user'),
  quota_bytes: quota.optional()
})
const patchBody = z.strictObject({
  username: z.string().optional(),
  role: role.optional(),
  state: z.enum(['active', 'disabled']).optional().describe('who is disabled is signed out everywhere'),
  quota_bytes: quota.optional()
})
const passwordBody = z.strictObject({ new_password: z.string().describe('8 to 1024 bytes of UTF-8') })

type UserAnswer = z.output<typeof userSchema>

const answerOf = async (
  context: EdgeContext,
  request: FastifyRequest,
  user: UserRecord
): Promise<UserAnswer> => await withSpace(context, actorOf(request), user)

async function list(
  context: EdgeContext,
  request: FastifyRequest,
  { search, after, limit }: z.output<typeof listQuery>
): Promise<{ users: UserAnswer[]; next: string | null }> {
  const { users, next } = await context.controller.call('listUsers', {
    actor: asking(actorOf(request)),
    limit,
    ...(after !== undefined && { after }),
    // names are compared without case and in one Unicode form
    ...(search !== undefined &&
      search !== '' && { search: userNameKey(search).slice(0, USER_NAME_KEY_LENGTH_MAX) })
  })
  return { users: await Promise.all(users.map(async (user) => answerOf(context, request, user))), next }
}

const tags = ['admin']

const listUsers: Route = (app, context) => {
  app.get(
    '/api/users',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'All users, by name',
        description:
          'A page can be short or empty where a search finds little; there is more while `next` is not null.',
        tags,
        querystring: listQuery,
        response: {
          200: z.object({ users: z.array(userSchema), next: z.string().nullable() }),
          ...refusals('401; 403')
        }
      },
      config: { permission: ADMIN }
    },
    async (request) => list(context, request, request.query)
  )
}

const createUser: Route = (app, context) => {
  const { controller } = context
  app.post(
    '/api/users',
    {
      schema: {
        summary: 'Make an account for somebody',
        description: 'In whatever mode registration is.',
        tags,
        response: {
          201: userSchema.extend({ message: z.string() }),
          ...refusals('401; 403; 409 name-taken; 422 invalid-field')
        }
      },
      config: { permission: ADMIN, history: { action: 'register' }, ...jsonBodyOf(createBody) }
    },
    async (request, reply) => {
      const body = await readJson(context, request, createBody)
      const name = cleanUserName(body.username)
      const password = newPassword(body.password, 'password')
      using transfer = context.transfers.begin(reply.raw)
      const { cost } = await controller.call('accountState', {}, { signal: transfer.signal })
      const { user } = await controller.call('createUser', {
        actor: asking(actorOf(request)),
        id: randomUuid(context.random) as UserId,
        name,
        password: await context.passwords.record(password, transfer.signal, clientHash(request), cost),
        role: body.role,
        ...(body.quota_bytes !== undefined && { quotaBytes: body.quota_bytes })
      })
      request.noted?.set({ owner: user.id, detail: user.role })
      const message = `The account of ${user.name} is ready.`
      return await reply.code(201).send({ message, ...(await answerOf(context, request, user)) })
    }
  )
}

const getUser: Route = (app, context) => {
  const { controller } = context
  app.get(
    '/api/users/:id',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'One user',
        tags,
        params,
        response: { 200: userSchema, ...refusals('401; 403; 404 user-unknown') }
      },
      config: { permission: OF_USER }
    },
    async (request) => {
      const id = idOf<UserId>(request.params.id, 'user-unknown')
      const { user } = await controller.call('getUser', { actor: asking(actorOf(request)), user: id })
      return await answerOf(context, request, user)
    }
  )
}

const patchUser: Route = (app, context) => {
  const { controller } = context
  app.patch(
    '/api/users/:id',
    {
      schema: {
        summary: 'Change a user: name, role, state, quota',
        description:
          'Whoever is disabled, or no administrator any more, loses what they had within a second.',
        tags,
        params,
        response: {
          200: userSchema,
          ...refusals('401; 403; 404 user-unknown; 409 last-admin, name-taken; 422 invalid-field')
        }
      },
      config: { permission: OF_USER, ...jsonBodyOf(patchBody) }
    },
    async (request) => {
      const id = idOf<UserId>(request.params.id, 'user-unknown')
      const body = await readJson(context, request, patchBody)
      const change = controller.call('changeUser', {
        actor: asking(actorOf(request)),
        user: id,
        ...(body.username !== undefined && { name: cleanUserName(body.username) }),
        ...(body.role !== undefined && { role: body.role }),
        ...(body.state !== undefined && { state: body.state }),
        ...(body.quota_bytes !== undefined && { quotaBytes: body.quota_bytes })
      })
      const { user } = await noteChanges(context, request, id, body, change)
      context.sessions.changed()
      return await answerOf(context, request, user)
    }
  )
}

/** One record for each thing that is changed together. */
async function noteChanges<T>(
  { history }: EdgeContext,
  request: FastifyRequest,
  owner: UserId,
  { role: to, state, quota_bytes: quotaBytes }: z.output<typeof patchBody>,
  change: Promise<T>
): Promise<T> {
  const note = (error?: unknown): void => {
    const record = (action: HistoryAction, detail: string | null): void =>
      history.record({ request, action, owner, detail, error })
    if (to !== undefined) record('user.role', to)
    if (state !== undefined) record(state === 'active' ? 'user.enabled' : 'user.disabled', null)
    if (quotaBytes !== undefined) record('user.quota', quotaBytes === null ? null : String(quotaBytes))
  }
  try {
    const changed = await change
    note()
    return changed
  } catch (error) {
    note(error)
    throw error
  }
}

const postPassword: Route = (app, context) => {
  app.post(
    '/api/users/:id/password',
    {
      schema: {
        summary: 'Give a user a new password',
        description: 'Their sessions and keys end.',
        tags,
        params,
        response: { 200: messageSchema, ...refusals('401; 403; 404 user-unknown; 422 invalid-field') }
      },
      config: { permission: OF_USER, history: { action: 'password' }, ...jsonBodyOf(passwordBody) }
    },
    async (request, reply) => {
      const user = idOf<UserId>(request.params.id, 'user-unknown')
      const { new_password: next } = await readJson(context, request, passwordBody)
      await setPassword(context, reply, actorOf(request), { user, next })
      context.sessions.changed()
      return { message: 'The password is changed, and all sessions and keys of the user have ended.' }
    }
  )
}

export const users: Route = (app, context) => {
  for (const route of [listUsers, createUser, getUser, patchUser, postPassword]) route(app, context)
}
