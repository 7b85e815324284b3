/** Sessions and keys that begin. Whether they may is decided on the user's row, by the same step. */

import type { Kysely } from 'kysely'
import type { CreateKey, CreateSession } from '../../account-store.ts'
import { PeerbinError } from '../../errors.ts'
import type { SessionId, SessionRecord, UserId } from '../../types.ts'
import { encodePassword, uuidBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { SESSION, countKeys, insertSession, readSession, running, sessionRecordOf } from './sessions.ts'
import { readUser, setPassword } from './users.ts'

async function inserted(db: Kysely<Schema>, id: SessionId): Promise<SessionRecord> {
  const row = await readSession(db, id)
  if (row === undefined) throw new PeerbinError('internal', 'a session was not recorded')
  return sessionRecordOf(row)
}

export async function createSession(db: Kysely<Schema>, request: CreateSession): Promise<SessionRecord> {
  const known = await readSession(db, request.id)
  if (known !== undefined) return sessionRecordOf(known)
  const { user, password, rehash, sessionsMax, ...session } = request
  const row = await readUser(db, user)
  if (row === undefined) throw new PeerbinError('user-unknown')
  if (row.password !== encodePassword(password)) throw new PeerbinError('login-failed')
  if (row.state !== 'active') throw new PeerbinError('user-disabled')
  if (rehash !== undefined && !(await setPassword(db, user, password, rehash)))
    throw new PeerbinError('login-failed')
  await insertSession(db, { ...session, user, kind: 'session', scopes: [], secretHash: null })
  await endOldest(db, user, sessionsMax, session.createdAt)
  return await inserted(db, session.id)
}

async function endOldest(db: Kysely<Schema>, user: UserId, keep: number, now: number): Promise<void> {
  const old = await db
    .selectFrom('sessions')
    .select('id')
    .where('user_id', '=', uuidBytes(user))
    .where('kind', '=', SESSION)
    .where(running(now))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(keep)
    .limit(keep)
    .execute()
  for (const { id } of old)
    await db.updateTable('sessions').set({ ended: 1, over_at: now }).where('id', '=', id).execute()
}

export async function createKey(db: Kysely<Schema>, request: CreateKey): Promise<SessionRecord> {
  const { keysMax, ...key } = request
  const known = await readSession(db, key.id)
  if (known !== undefined) return sessionRecordOf(known)
  const row = await readUser(db, key.user)
  if (row === undefined) throw new PeerbinError('user-unknown')
  if (row.state !== 'active') throw new PeerbinError('user-disabled')
  await countKeys(db, row.id, await endExpiredKeys(db, row.id, key.createdAt))
  const counted = await db
    .updateTable('users')
    .set((eb) => ({ keys: eb('keys', '+', 1) }))
    .where('id', '=', row.id)
    .where('keys', '<', keysMax)
    .executeTakeFirst()
  if (counted.numUpdatedRows === 0n) throw new PeerbinError('keys-full')
  if (!(await insertSession(db, { ...key, kind: 'key' })))
    throw new PeerbinError('invalid-field', 'There is a key with this text.')
  return await inserted(db, key.id)
}

async function endExpiredKeys(db: Kysely<Schema>, user: Uint8Array, now: number): Promise<number> {
  const ended = await db
    .updateTable('sessions')
    .set({ ended: 1 })
    .where('user_id', '=', user)
    .where('kind', '=', 'key')
    .where('ended', '=', 0)
    .where('expires_at', '<=', now)
    .executeTakeFirst()
  return Number(ended.numUpdatedRows)
}
