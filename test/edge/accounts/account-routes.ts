/** Rows of accounts for the table of authorization.test.ts. */

import type { Table, World } from './authorization-world.ts'
import { PASSWORD, api, register, textOf } from './accounts-kit.ts'

const credentials = (world: World): object => ({ username: world.freshName(), password: PASSWORD })

/** A further session of the owner, by its id. */
async function newSession({ url, owner }: World): Promise<string> {
  const body = { username: owner.name, password: PASSWORD }
  const token = textOf(await api(url, 'POST /api/login', { body }), 'access_token')
  const { json } = await api(url, 'GET /api/me/sessions', { token })
  const sessions = json['sessions'] as Array<{ session_id: string; current: boolean }>
  return sessions.find(({ current }) => current)?.session_id ?? ''
}

const newKeyId = async ({ url, owner }: World): Promise<string> =>
  textOf(
    await api(url, 'POST /api/me/keys', {
      token: owner.token,
      body: { name: 'one', scopes: ['files:read'] }
    }),
    'key_id'
  )

const newInvite = async ({ url, admin }: World): Promise<string> =>
  textOf(await api(url, 'POST /api/invites', { token: admin.token, body: {} }), 'invite_id')

const ownerPath = async ({ owner }: World): Promise<string> => `/api/users/${owner.id}`

//                                            anonymous, other, owner, admin, revoked, key without the scope
export const ACCOUNT_ROUTES: Table = {
  'POST /api/register': { answers: [201, 201, 201, 201, 201, 201], body: credentials },
  'GET /api/registration': { answers: [200, 200, 200, 200, 200, 200] },
  'GET /api/setup': { answers: [200, 200, 200, 200, 200, 200] },
  'POST /api/setup': {
    answers: [403, 403, 403, 403, 403, 403],
    body: (world) => ({ secret: 'there is an administrator', ...credentials(world) })
  },
  'POST /api/login': {
    answers: [200, 200, 200, 200, 200, 200],
    body: ({ owner }) => ({ username: owner.name, password: PASSWORD })
  },
  'POST /api/logout': { answers: [401, 200, 200, 200, 401, 403], spends: true },
  'GET /api/validate': { answers: [401, 200, 200, 200, 401, 200] },
  'GET /api/me': { answers: [401, 200, 200, 200, 401, 200] },
  'PATCH /api/me': { answers: [401, 200, 200, 200, 401, 403], body: () => ({}) },
  'POST /api/me/password': {
    answers: [401, 200, 200, 200, 401, 403],
    // the same again, so that those who come after can sign in; it ends every other session
    body: () => ({ old_password: PASSWORD, new_password: PASSWORD }),
    spends: true
  },
  'GET /api/me/sessions': { answers: [401, 200, 200, 200, 401, 403] },
  'DELETE /api/me/sessions': { answers: [401, 200, 200, 200, 401, 403], spends: true },
  'DELETE /api/me/sessions/:id': {
    answers: [401, 403, 200, 200, 401, 403],
    path: async (world) => `/api/me/sessions/${await newSession(world)}`
  },
  'GET /api/me/keys': { answers: [401, 200, 200, 200, 401, 403] },
  'POST /api/me/keys': {
    answers: [401, 201, 201, 201, 401, 403],
    body: () => ({ name: 'a program', scopes: ['files:read'] })
  },
  'DELETE /api/me/keys/:id': {
    answers: [401, 403, 200, 200, 401, 403],
    path: async (world) => `/api/me/keys/${await newKeyId(world)}`
  },
  'GET /api/users': { answers: [401, 403, 403, 200, 401, 403] },
  'POST /api/users': { answers: [401, 403, 403, 201, 401, 403], body: credentials },
  'GET /api/users/:id': { answers: [401, 403, 403, 200, 401, 403], path: ownerPath },
  'PATCH /api/users/:id': {
    answers: [401, 403, 403, 200, 401, 403],
    path: ownerPath,
    body: () => ({ quota_bytes: 1_000_000 })
  },
  'POST /api/users/:id/password': {
    answers: [401, 403, 403, 200, 401, 403],
    path: async (world) => `/api/users/${(await register(world.url, world.freshName())).id}/password`,
    body: () => ({ new_password: PASSWORD })
  },
  'GET /api/space': { answers: [401, 403, 403, 200, 401, 403] },
  'GET /api/invites': { answers: [401, 403, 403, 200, 401, 403] },
  'POST /api/invites': { answers: [401, 403, 403, 201, 401, 403], body: () => ({}) },
  'DELETE /api/invites/:id': {
    answers: [401, 403, 403, 200, 401, 403],
    path: async (world) => `/api/invites/${await newInvite(world)}`
  }
}
