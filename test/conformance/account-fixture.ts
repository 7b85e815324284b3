/** Users and what they are signed in with, for tests of metadata. */

import { createHash } from 'node:crypto'
import type { CreateUser, MetadataStore } from '../../src/metadata-store.ts'
import { userNameKey } from '../../src/protocol/user-names.ts'
import type { InviteId, SecretHash, SessionId, SessionRecord, UserId, UserRecord } from '../../src/types.ts'
import { START, hash, passwordOf } from './metadata-fixture.ts'

const uuid = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
export const userId = (name: string): UserId => uuid(`user ${name}`) as UserId
export const sessionId = (name: string): SessionId => uuid(`session ${name}`) as SessionId
export const inviteId = (name: string): InviteId => uuid(`invite ${name}`) as InviteId
export const keyHash = (name: string): SecretHash => hash(`key ${name}`)

/** When sessions of the fixture end by themselves. */
export const SESSION_END = START + 10_000

export const newUser = (name: string, fields: Partial<CreateUser['user']> = {}): CreateUser['user'] => ({
  id: userId(name),
  name,
  nameKey: userNameKey(name),
  role: 'user',
  quotaBytes: null,
  createdAt: START,
  password: passwordOf(name),
  ...fields
})

export async function addUser(
  store: MetadataStore,
  name: string,
  fields: Partial<CreateUser['user']> = {}
): Promise<UserRecord> {
  const { user } = await store.createUser({ user: newUser(name, fields), by: 'right' })
  return user
}

/** Signs the user in; the session is called as the user unless `session` says otherwise. */
export const signIn = (
  store: MetadataStore,
  name: string,
  session = name,
  fields: Partial<Parameters<MetadataStore['createSession']>[0]> = {}
): Promise<SessionRecord> =>
  store.createSession({
    id: sessionId(session),
    user: userId(name),
    name: 'curl/8',
    createdAt: START,
    expiresAt: SESSION_END,
    password: passwordOf(name),
    sessionsMax: 3,
    ...fields
  })

export const addKey = (
  store: MetadataStore,
  user: string,
  key: string,
  fields: Partial<Parameters<MetadataStore['createKey']>[0]> = {}
): Promise<SessionRecord> =>
  store.createKey({
    id: sessionId(key),
    user: userId(user),
    name: key,
    scopes: ['files:read', 'account'],
    createdAt: START,
    expiresAt: null,
    secretHash: keyHash(key),
    keysMax: 2,
    ...fields
  })

/** Names of those sessions and keys that hold. */
export async function holding(
  store: MetadataStore,
  names: readonly string[],
  now = START
): Promise<string[]> {
  const found = await store.findSessions({ ids: names.map(sessionId), keys: [], now })
  const ids = new Set(found.map(({ id }) => id))
  return names.filter((name) => ids.has(sessionId(name)))
}

export const invite = (name: string, role: 'user' | 'admin' = 'user') => ({
  id: inviteId(name),
  hash: hash(`invite ${name}`),
  role,
  createdBy: null,
  createdAt: START,
  expiresAt: SESSION_END
})
