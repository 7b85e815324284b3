import { isDeepStrictEqual } from 'node:util'
import type { CreateKey, CreateSession, SessionRecords } from '../../account-store.ts'
import { PeerbinError } from '../../errors.ts'
import type { ActiveSession, SecretHash, SessionId, SessionRecord, UserId } from '../../types.ts'
import type { SessionEnd } from '../event-facts.ts'
import { noteSession } from './event-notes.ts'
import { byText } from './state.ts'
import type { SessionRow, State, UserRow } from './state.ts'

type Request<Name extends keyof SessionRecords> = Parameters<SessionRecords[Name]>[0]

const recordOf = ({ record }: SessionRow): SessionRecord => ({ ...record, scopes: [...record.scopes] })

/** Not at its end, by neither time nor hand. */
const runs = ({ ended, record: { expiresAt } }: SessionRow, now: number): boolean =>
  !ended && (expiresAt === null || expiresAt > now)

const newestFirst = (a: SessionRow, b: SessionRow): number =>
  b.record.createdAt - a.record.createdAt || byText(b.record.id, a.record.id)

const of = (state: State, user: UserId): SessionRow[] =>
  [...state.sessions.values()].filter(({ record }) => record.user === user).toSorted(newestFirst)

interface End {
  now: number
  by?: UserId | undefined
  reason: SessionEnd
}

function end(state: State, row: SessionRow, { now, by, reason }: End): void {
  row.ended = true
  row.overAt = now
  noteSession(state, row, { at: now, by, reason })
}

/** False when there is one with that id or text. */
export function addSession(
  state: State,
  { secretHash, ...session }: Omit<SessionRecord, 'lastUsedAt'> & { secretHash: SecretHash | null }
): boolean {
  const texts = [...state.sessions.values()].map((row) => row.secretHash)
  if (state.sessions.has(session.id) || (secretHash !== null && texts.includes(secretHash))) return false
  const record = { ...session, scopes: [...session.scopes], lastUsedAt: session.createdAt }
  const row = { record, ended: false, overAt: session.expiresAt, secretHash }
  state.sessions.set(session.id, row)
  noteSession(state, row, { at: session.createdAt, by: session.user })
  return true
}

/** @throws `user-unknown`, `user-disabled`, and what `check` throws between them */
function activeUser(state: State, id: UserId, check: (row: UserRow) => void = () => {}): UserRow {
  const row = state.users.get(id)
  if (row === undefined) throw new PeerbinError('user-unknown')
  check(row)
  if (row.record.state !== 'active') throw new PeerbinError('user-disabled')
  return row
}

export function createSession(state: State, request: CreateSession): SessionRecord {
  const { user, password, rehash, sessionsMax, ...session } = request
  const known = state.sessions.get(session.id)
  if (known !== undefined) return recordOf(known)
  const row = activeUser(state, user, (found) => {
    if (!isDeepStrictEqual(found.password, password)) throw new PeerbinError('login-failed')
  })
  if (rehash !== undefined) row.password = { ...rehash }
  addSession(state, { ...session, user, kind: 'session', scopes: [], secretHash: null })
  const running = of(state, user).filter(
    (each) => each.record.kind === 'session' && runs(each, session.createdAt)
  )
  for (const old of running.slice(sessionsMax, 2 * sessionsMax))
    end(state, old, { now: session.createdAt, by: user, reason: 'too-many' })
  return inserted(state, session.id)
}

export function createKey(state: State, { keysMax, ...key }: CreateKey): SessionRecord {
  const known = state.sessions.get(key.id)
  if (known !== undefined) return recordOf(known)
  activeUser(state, key.user)
  const keys = of(state, key.user).filter((each) => each.record.kind === 'key' && runs(each, key.createdAt))
  if (keys.length >= keysMax) throw new PeerbinError('keys-full')
  if (!addSession(state, { ...key, kind: 'key' }))
    throw new PeerbinError('invalid-field', 'There is a key with this text.')
  return inserted(state, key.id)
}

function inserted(state: State, id: SessionId): SessionRecord {
  const row = state.sessions.get(id)
  if (row === undefined) throw new PeerbinError('internal', 'a session was not recorded')
  return recordOf(row)
}

export function findSessions(
  state: State,
  { ids, keys, now }: Request<'findSessions'>
): Array<ActiveSession & { lastUsedAt: number }> {
  const [wanted, texts] = [new Set(ids), new Set(keys)]
  return [...state.sessions.values()].flatMap((row) => {
    const { record, secretHash } = row
    const user = state.users.get(record.user)?.record
    const isWanted = wanted.has(record.id) || (secretHash !== null && texts.has(secretHash))
    if (!isWanted || !runs(row, now) || user?.state !== 'active') return []
    const { createdAt: _createdAt, ...session } = recordOf(row)
    return [{ ...session, name: user.name, role: user.role, key: secretHash }]
  })
}

export function noteUses(state: State, ids: readonly SessionId[], now: number): void {
  for (const { record } of ids.flatMap((id) => state.sessions.get(id) ?? []))
    record.lastUsedAt = Math.max(record.lastUsedAt, now)
}

export const listSessions = (state: State, user: UserId, now: number, limit: number): SessionRecord[] =>
  of(state, user)
    .filter((row) => runs(row, now))
    .slice(0, limit)
    .map(recordOf)

export function endSession(state: State, { id, user, now, by }: Request<'endSession'>): boolean {
  const row = state.sessions.get(id)
  if (row === undefined) throw new PeerbinError('session-unknown')
  if (user !== undefined && user !== row.record.user) throw new PeerbinError('permission-denied')
  if (!runs(row, now)) return false
  end(state, row, { now, by, reason: 'ended' })
  return true
}

export const endSessions = (state: State, request: Request<'endSessions'>): number =>
  endOfUser(state, request, 'ended')

export function endOfUser(
  state: State,
  { user, except, keys, now, by }: Request<'endSessions'>,
  reason: SessionEnd
): number {
  const ending = of(state, user).filter(
    (row) => runs(row, now) && (keys || row.record.kind === 'session') && row.record.id !== except
  )
  for (const row of ending) end(state, row, { now, by, reason })
  return ending.length
}

export function endAllSessions(state: State, now: number, limit: number): number {
  const ending = [...state.sessions.values()]
    .filter(({ ended, record }) => !ended && record.kind === 'session')
    .toSorted((a, b) => byText(a.record.id, b.record.id))
    .slice(0, limit)
  for (const row of ending) end(state, row, { now, reason: 'recovery' })
  return ending.length
}
