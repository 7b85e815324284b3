import { isDeepStrictEqual } from 'node:util'
import type { CreateUser, StoredUser, UserRecords, UsersPage } from '../../account-store.ts'
import { PeerbinError } from '../../errors.ts'
import type { SessionRecord, UserId, UserRecord } from '../../types.ts'
import { USERS_SCANNED_MAX } from '../limits.ts'
import { noteAccount } from './event-notes.ts'
import { addSession, endOfUser } from './sessions.ts'
import type { State, UserRow } from './state.ts'

type Request<Name extends keyof UserRecords> = Parameters<UserRecords[Name]>[0]

const recordOf = ({ record }: UserRow): UserRecord => ({ ...record })

export function createUser(
  state: State,
  request: CreateUser
): { user: UserRecord; session: SessionRecord | undefined } {
  const { user, by, session } = request
  if (!state.users.has(user.id)) {
    if (findRow(state, user.nameKey) !== undefined) throw new PeerbinError('name-taken')
    claimRight(state, user, by)
    const { nameKey, password, ...record } = user
    state.users.set(user.id, { record: { ...record, state: 'active' }, nameKey, password })
    if (session !== undefined)
      addSession(state, {
        ...session,
        user: user.id,
        kind: 'session',
        scopes: [],
        createdAt: user.createdAt,
        secretHash: null
      })
  }
  const row = rowOf(state, user.id)
  const known = session && state.sessions.get(session.id)
  return { user: recordOf(row), session: known && { ...known.record } }
}

function claimRight(state: State, { id, role, createdAt }: CreateUser['user'], by: CreateUser['by']): void {
  if (by === 'right') return
  if (by === 'setup') {
    if (hasAdmin(state)) throw new PeerbinError('setup-invalid')
    return
  }
  const invite = [...state.invites.values()].find(({ hash }) => hash === by.invite)?.record
  if (invite?.usedBy !== null || invite.role !== role || invite.expiresAt <= createdAt)
    throw new PeerbinError('invite-invalid')
  const maker = invite.createdBy === null ? undefined : state.users.get(invite.createdBy)?.record
  // whoever is an administrator no more must not come back by it
  if (invite.createdBy !== null && (maker?.role !== 'admin' || maker.state !== 'active'))
    throw new PeerbinError('invite-invalid')
  invite.usedBy = id
}

const findRow = (state: State, nameKey: string): UserRow | undefined =>
  [...state.users.values()].find((row) => row.nameKey === nameKey)

/** @throws `user-unknown` */
export function rowOf(state: State, id: UserId): UserRow {
  const row = state.users.get(id)
  if (row === undefined) throw new PeerbinError('user-unknown')
  return row
}

const storedOf = (row: UserRow | undefined): StoredUser | undefined =>
  row && { user: recordOf(row), password: { ...row.password } }

export const getUser = (state: State, id: UserId): StoredUser | undefined => storedOf(state.users.get(id))

export const findUser = (state: State, nameKey: string): StoredUser | undefined =>
  storedOf(findRow(state, nameKey))

/** In the order of UTF-8, as databases have it. */
const byNameKey = (a: UserRow, b: UserRow): number =>
  Buffer.compare(Buffer.from(a.nameKey), Buffer.from(b.nameKey))

export function listUsers(state: State, { after = '', search = '', limit }: Request<'listUsers'>): UsersPage {
  const from = Buffer.from(after)
  const rest = [...state.users.values()]
    .filter(({ nameKey }) => Buffer.compare(Buffer.from(nameKey), from) > 0)
    .toSorted(byNameKey)
  const looked = rest.slice(0, USERS_SCANNED_MAX)
  const found = looked.filter(({ nameKey }) => nameKey.includes(search))
  const page = found.slice(0, limit)
  const isCut = found.length > limit
  const last = isCut ? page.at(-1) : looked[USERS_SCANNED_MAX - 1]
  return { users: page.map(recordOf), next: last?.nameKey ?? null }
}

const isAdmin = ({ role, state }: Pick<UserRecord, 'role' | 'state'>): boolean =>
  role === 'admin' && state === 'active'

export const hasAdmin = (state: State): boolean =>
  [...state.users.values()].some(({ record }) => isAdmin(record))

export function changeUser(
  state: State,
  { id, name, role, state: next, quotaBytes, now, by }: Request<'changeUser'>
): UserRecord {
  const row = rowOf(state, id)
  const changed: UserRecord = {
    ...row.record,
    role: role ?? row.record.role,
    state: next ?? row.record.state,
    name: name?.name ?? row.record.name,
    quotaBytes: quotaBytes === undefined ? row.record.quotaBytes : quotaBytes
  }
  if (name !== undefined && ![undefined, row].includes(findRow(state, name.nameKey)))
    throw new PeerbinError('name-taken')
  const others = [...state.users.values()].filter((other) => other !== row && isAdmin(other.record))
  if (isAdmin(row.record) && !isAdmin(changed) && others.length === 0) throw new PeerbinError('last-admin')
  const before = row.record
  row.record = changed
  row.nameKey = name?.nameKey ?? row.nameKey
  noteAccount(state, before, changed, { at: now, by })
  if (changed.state === 'disabled') endOfUser(state, { user: id, keys: false, now, by }, 'disabled')
  return recordOf(row)
}

export function replacePassword(
  state: State,
  { user, from, to, keep, keys, now, by }: Request<'replacePassword'>
): boolean {
  const row = rowOf(state, user)
  if (isDeepStrictEqual(row.password, to)) return true
  if (from !== undefined && !isDeepStrictEqual(row.password, from)) return false
  row.password = { ...to }
  endOfUser(state, { user, except: keep, keys, now, by }, 'password')
  return true
}
