/** What users are signed in with: sessions, and the keys of programs. */

import { sql } from 'kysely'
import type { Expression, ExpressionBuilder, Kysely, Selectable, SqlBool } from 'kysely'
import type { SessionRecords } from '../../account-store.ts'
import { PeerbinError } from '../../errors.ts'
import { SCOPES } from '../../types.ts'
import type { ActiveSession, SecretHash, SessionId, SessionRecord, UserId } from '../../types.ts'
import { hashBytes, hashOf, sessionOf, userOf, uuidBytes } from '../columns.ts'
import type { SessionEnd } from '../event-facts.ts'
import type { Schema, SessionsTable } from '../schema.ts'
import { noteSession } from './event-notes.ts'

/** Words in the statement, so that partial indexes serve. */
export const SESSION = sql<'session'>`'session'`
const RUNNING = sql<number>`0`

const scopesOf = (text: string): SessionRecord['scopes'] => {
  const named = new Set(text.split(' '))
  return SCOPES.filter((scope) => named.has(scope))
}

export const sessionRecordOf = (row: Selectable<SessionsTable>): SessionRecord => ({
  id: sessionOf(row.id),
  user: userOf(row.user_id),
  kind: row.kind,
  name: row.name,
  scopes: scopesOf(row.scopes),
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at
})

export const readSession = (
  db: Kysely<Schema>,
  id: SessionId
): Promise<Selectable<SessionsTable> | undefined> =>
  db.selectFrom('sessions').selectAll().where('id', '=', uuidBytes(id)).executeTakeFirst()

/** Not at its end, by neither time nor hand. */
export const running =
  (now: number) =>
  (eb: ExpressionBuilder<Schema, 'sessions'>): Expression<SqlBool> =>
    eb.and([
      eb('sessions.ended', '=', RUNNING),
      eb.or([eb('sessions.expires_at', 'is', null), eb('sessions.expires_at', '>', now)])
    ])

type NewSession = Omit<SessionRecord, 'lastUsedAt'> & { secretHash: SecretHash | null }

/** False when there is one with that id or text; otherwise it has begun, and an event says so. */
export async function insertSession(db: Kysely<Schema>, session: NewSession): Promise<boolean> {
  const inserted = await db
    .insertInto('sessions')
    .values({
      id: uuidBytes(session.id),
      user_id: uuidBytes(session.user),
      kind: session.kind,
      name: session.name,
      scopes: session.scopes.join(' '),
      created_at: session.createdAt,
      expires_at: session.expiresAt,
      last_used_at: session.createdAt,
      ended: 0,
      over_at: session.expiresAt,
      secret: session.secretHash === null ? null : hashBytes(session.secretHash)
    })
    .onConflict((oc) => oc.doNothing())
    .returning('id')
    .executeTakeFirst()
  if (inserted === undefined) return false
  const row = await readSession(db, session.id)
  if (row !== undefined) await noteSession(db, row, { at: row.created_at, by: session.user })
  return true
}

/** So many of a user's keys have ended. */
export async function countKeys(db: Kysely<Schema>, user: Uint8Array, ended: number): Promise<void> {
  if (ended === 0) return
  await db
    .updateTable('users')
    .set((eb) => ({ keys: eb('keys', '-', ended) }))
    .where('id', '=', user)
    .execute()
}

export async function findSessions(
  db: Kysely<Schema>,
  { ids, keys, now }: Parameters<SessionRecords['findSessions']>[0]
): Promise<Array<ActiveSession & { lastUsedAt: number }>> {
  const found = new Map<SessionId, ActiveSession & { lastUsedAt: number }>()
  const wanted = [
    { column: 'sessions.id', values: ids.map(uuidBytes) },
    { column: 'sessions.secret', values: keys.map(hashBytes) }
  ] as const
  for (const { column, values } of wanted) {
    if (values.length === 0) continue
    const rows = await db
      .selectFrom('sessions')
      .innerJoin('users', 'users.id', 'sessions.user_id')
      .selectAll('sessions')
      .select(['users.name as user_name', 'users.role'])
      .where(column, 'in', values)
      .where('users.state', '=', 'active')
      .where(running(now))
      .execute()
    for (const row of rows) {
      const { createdAt: _createdAt, ...session } = sessionRecordOf(row)
      const key = row.secret === null ? null : hashOf(row.secret)
      found.set(session.id, { ...session, name: row.user_name, role: row.role, key })
    }
  }
  return [...found.values()]
}

export async function noteUses(db: Kysely<Schema>, ids: readonly SessionId[], now: number): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('sessions')
    .set({ last_used_at: now })
    .where('id', 'in', ids.map(uuidBytes))
    .where('last_used_at', '<', now)
    .execute()
}

export async function listSessions(
  db: Kysely<Schema>,
  user: UserId,
  now: number,
  limit: number
): Promise<SessionRecord[]> {
  const rows = await db
    .selectFrom('sessions')
    .selectAll()
    .where('user_id', '=', uuidBytes(user))
    .where(running(now))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(sessionRecordOf)
}

export async function endSession(
  db: Kysely<Schema>,
  { id, user, now, by }: Parameters<SessionRecords['endSession']>[0]
): Promise<boolean> {
  const row = await readSession(db, id)
  if (row === undefined) throw new PeerbinError('session-unknown')
  if (user !== undefined && user !== userOf(row.user_id)) throw new PeerbinError('permission-denied')
  const ended = await db
    .updateTable('sessions')
    .set({ ended: 1, over_at: now })
    .where('id', '=', row.id)
    .where(running(now))
    .executeTakeFirst()
  if (ended.numUpdatedRows === 0n) return false
  if (row.kind === 'key') await countKeys(db, row.user_id, 1)
  await noteSession(db, row, { at: now, by, reason: 'ended' })
  return true
}

export const endSessions = (
  db: Kysely<Schema>,
  request: Parameters<SessionRecords['endSessions']>[0]
): Promise<number> => endOfUser(db, request, 'ended')

/** Ends what runs of a user's, and answers how many. */
export async function endOfUser(
  db: Kysely<Schema>,
  { user, except, keys, now, by }: Parameters<SessionRecords['endSessions']>[0],
  reason: SessionEnd
): Promise<number> {
  const ended = await db
    .updateTable('sessions')
    .set({ ended: 1, over_at: now })
    .where('user_id', '=', uuidBytes(user))
    .where(running(now))
    .$if(!keys, (query) => query.where('kind', '=', SESSION))
    .$if(except !== undefined, (query) =>
      query.where('id', '<>', except === undefined ? new Uint8Array(0) : uuidBytes(except))
    )
    .returning(['id', 'user_id', 'kind', 'name', 'created_at'])
    .execute()
  await countKeys(db, uuidBytes(user), ended.filter(({ kind }) => kind === 'key').length)
  const newestFirst = ended.toSorted((a, b) => b.created_at - a.created_at || Buffer.compare(b.id, a.id))
  for (const row of newestFirst) await noteSession(db, row, { at: now, by, reason })
  return ended.length
}

export async function endAllSessions(db: Kysely<Schema>, now: number, limit: number): Promise<number> {
  const ended = await db
    .updateTable('sessions')
    .set({ ended: 1, over_at: now })
    .where('id', 'in', (query) =>
      query
        .selectFrom('sessions')
        .select('id')
        .where('ended', '=', RUNNING)
        .where('kind', '=', SESSION)
        .orderBy('id')
        .limit(limit)
    )
    .returning(['id', 'user_id', 'kind', 'name'])
    .execute()
  for (const row of ended.toSorted((a, b) => Buffer.compare(a.id, b.id)))
    await noteSession(db, row, { at: now, reason: 'recovery' })
  return ended.length
}
