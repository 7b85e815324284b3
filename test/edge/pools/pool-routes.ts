/** Rows of pools for the table of authorization.test.ts: what somebody's role in a pool allows is in roles.test.ts. */

import { api, textOf } from '../accounts/accounts-kit.ts'
import type { Table, World } from '../accounts/authorization-world.ts'
import { formOf, manifestOf } from './pools-kit.ts'

const UNKNOWN = '00000000-0000-4000-8000-000000000001'
const fileOf = (name: string) => ({ name, bytes: Buffer.from(name), at: Date.now() })

/** A pool of the owner, for one column. */
async function newPool(world: World): Promise<string> {
  const { token } = world.owner
  const made = await api(world.url, 'POST /api/pools', { token, body: { name: world.freshName() } })
  return `/api/pools/${textOf(made, 'pool')}`
}

async function newKey(world: World, pool: string, role: string): Promise<{ id: string; key: string }> {
  const asked = { token: world.owner.token, body: { role } }
  const made = await api(world.url, `POST ${pool}/join-keys`, asked)
  return { id: textOf(made, 'id'), key: textOf(made, 'key') }
}

/** A pool with a producer, for one column. */
async function newProducer(world: World): Promise<{ pool: string; token: string }> {
  const pool = await newPool(world)
  const { key } = await newKey(world, pool, 'producer')
  const joined = await api(world.url, 'POST /api/pools/join', { body: { key } })
  return { pool, token: textOf(joined, 'token') }
}

/** A batch that was announced. */
async function newBatch(world: World): Promise<string> {
  const { pool, token } = await newProducer(world)
  const body = manifestOf([fileOf('a')])
  await api(world.url, `POST ${pool}/batches`, { token, body })
  return `${pool}/batches/${body.batch}`
}

/** A group with a file in it. */
async function newGroup(world: World): Promise<string> {
  const { pool, token } = await newProducer(world)
  await api(world.url, `POST ${pool}/batches`, { token, body: formOf([fileOf('a')]) })
  const { json } = await api(world.url, `GET ${pool}/groups`, { token })
  const [group] = json['groups'] as Array<{ group: string }>
  return `${pool}/groups/${group?.group}`
}

async function newGroupFile(world: World): Promise<string> {
  const group = await newGroup(world)
  const manifest = await fetch(`${world.url}${group}/manifest`, {
    headers: { authorization: `Bearer ${world.owner.token}` }
  })
  return `${group}/files/${(JSON.parse(await manifest.text()) as { file: string }).file}`
}

/** A pool whose members include the administrator. */
async function withMember(world: World): Promise<string> {
  const pool = await newPool(world)
  const body = { name: world.admin.name, role: 'listener' }
  await api(world.url, `POST ${pool}/members`, { token: world.owner.token, body })
  return `${pool}/members/${world.admin.id}`
}

/** For rows that change nothing: one for all columns. */
function once(make: (world: World) => Promise<string>): (world: World) => Promise<string> {
  const made = new WeakMap<World, Promise<string>>()
  return async (world) => {
    const known = made.get(world) ?? make(world)
    made.set(world, known)
    return await known
  }
}
const aPool = once(newPool)
const aBatch = once(newBatch)
const aGroup = once(newGroup)

const inPool =
  (rest = '', make: (world: World) => Promise<string> = newPool) =>
  async (world: World): Promise<string> =>
    `${await make(world)}${rest}`

/** Owners and administrators; nobody else knows that there is such a pool. */
const OWNERS = [401, 404, 200, 200, 401, 403] as const
const OWNERS_CREATE = [401, 404, 201, 201, 401, 403] as const
/** What owners do not do themselves. */
const MEMBERS = [401, 404, 403, 403, 401, 403] as const

//                                       anonymous, other, owner, admin, revoked, key without the scope
export const POOL_ROUTES: Table = {
  'POST /api/pools': {
    answers: [401, 201, 201, 201, 401, 403],
    body: (world) => ({ name: world.freshName() })
  },
  'GET /api/pools': { answers: [401, 200, 200, 200, 401, 403] },
  'GET /api/pools/:pool': { answers: OWNERS, path: inPool('', aPool) },
  'PATCH /api/pools/:pool': { answers: OWNERS, path: inPool(), body: () => ({ name: 'b' }) },
  'DELETE /api/pools/:pool': { answers: OWNERS, path: inPool() },
  'GET /api/pools/:pool/members': { answers: OWNERS, path: inPool('/members', aPool) },
  'POST /api/pools/:pool/members': {
    answers: OWNERS_CREATE,
    path: inPool('/members'),
    body: (world) => ({ name: world.admin.name, role: 'listener' })
  },
  'PATCH /api/pools/:pool/members/:user': {
    answers: OWNERS,
    path: withMember,
    body: () => ({ role: 'producer' })
  },
  'DELETE /api/pools/:pool/members/:user': { answers: OWNERS, path: withMember },
  'GET /api/pools/:pool/join-keys': { answers: OWNERS, path: inPool('/join-keys', aPool) },
  'POST /api/pools/:pool/join-keys': {
    answers: OWNERS_CREATE,
    path: inPool('/join-keys'),
    body: () => ({ role: 'listener' })
  },
  'DELETE /api/pools/:pool/join-keys/:key': {
    answers: OWNERS,
    path: async (world) => {
      const pool = await newPool(world)
      return `${pool}/join-keys/${(await newKey(world, pool, 'listener')).id}`
    }
  },
  'POST /api/pools/join': {
    answers: [201, 201, 201, 201, 401, 403],
    body: async (world) => ({ key: (await newKey(world, await newPool(world), 'listener')).key })
  },
  'POST /api/pools/join/look': {
    answers: [200, 200, 200, 200, 200, 200],
    body: async (world) => ({ key: (await newKey(world, await newPool(world), 'listener')).key })
  },
  'POST /api/pools/:pool/batches': {
    answers: MEMBERS,
    path: inPool('/batches', aPool),
    body: () => manifestOf([fileOf('a')])
  },
  'GET /api/pools/:pool/batches/:batch': { answers: OWNERS, path: aBatch },
  'DELETE /api/pools/:pool/batches/:batch': { answers: OWNERS, path: inPool('', newBatch) },
  'POST /api/pools/:pool/batches/:batch/commit': { answers: MEMBERS, path: inPool('/commit', aBatch) },
  'PUT /api/pools/:pool/batches/:batch/files/:index': {
    answers: MEMBERS,
    path: inPool('/files/0', aBatch)
  },
  'GET /api/pools/:pool/events': { answers: OWNERS, path: inPool('/events?format=json', aPool) },
  'GET /api/pools/:pool/groups': { answers: OWNERS, path: inPool('/groups', aPool) },
  'GET /api/pools/:pool/results': { answers: OWNERS, path: inPool('/results', aPool) },
  'GET /api/pools/:pool/groups/:group': { answers: OWNERS, path: aGroup },
  'GET /api/pools/:pool/groups/:group/producers': { answers: OWNERS, path: inPool('/producers', aGroup) },
  'GET /api/pools/:pool/groups/:group/manifest': { answers: OWNERS, path: inPool('/manifest', aGroup) },
  'GET /api/pools/:pool/groups/:group/files/:file': { answers: OWNERS, path: once(newGroupFile) },
  'GET /api/pools/:pool/groups/:group/archive.tar': {
    answers: OWNERS,
    path: inPool('/archive.tar', aGroup)
  },
  'GET /api/pools/:pool/groups/:group/archive.zip': {
    answers: OWNERS,
    path: inPool('/archive.zip', aGroup)
  },
  // there is none yet: whoever may ask gets that far
  'GET /api/pools/:pool/groups/:group/result': {
    answers: [401, 404, 404, 404, 401, 403],
    path: inPool('/result', aGroup)
  },
  'POST /api/pools/:pool/groups/:group/close': { answers: OWNERS, path: inPool('/close', newGroup) },
  // it has not failed
  'POST /api/pools/:pool/groups/:group/retry': {
    answers: [401, 404, 409, 409, 401, 403],
    path: inPool('/retry', aGroup)
  },
  'POST /api/pools/:pool/work': { answers: MEMBERS, path: inPool('/work', aPool) },
  'POST /api/pools/:pool/groups/:group/renew': {
    answers: MEMBERS,
    path: inPool(`/groups/${UNKNOWN}/renew`, aPool),
    body: () => ({ fence: 1 })
  },
  'POST /api/pools/:pool/groups/:group/failure': {
    answers: MEMBERS,
    path: inPool(`/groups/${UNKNOWN}/failure`, aPool),
    body: () => ({ fence: 1, reason: 'x' })
  },
  'PUT /api/pools/:pool/groups/:group/result': {
    answers: MEMBERS,
    path: inPool(`/groups/${UNKNOWN}/result?fence=1`, aPool)
  }
}
