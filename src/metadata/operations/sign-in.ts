/** Sessions and keys that begin. Whether they may is decided on the user's row, by the same step. */

import type { Kysely } from 'kysely'
import type { CreateKey, CreateSession } from '../../account-store.ts'
import { PeerbinError } from '../../errors.ts'
import type { PasswordRecord, SessionId, SessionRecord, UserId } from '../../types.ts'
import { encodePassword, uuidBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { noteSession } from './event-notes.ts'
import { SESSION, countKeys, insertSession, readSession, running, sessionRecordOf } from './sessions.ts'
import { readUser } from './users.ts'

async function inserted(db: Kysely<Schema>, id: SessionId): Promise<SessionRecord> {
  const row = await readSession(db, id)
  if (row === undefined) throw new PeerbinError('internal', 'a session was not recorded')
  return sessionRecordOf(row)
}

export async function createSession(db: Kysely<Schema>, request: CreateSession): Promise<SessionRecord> {
  const known = await readSession(db, request.id)
  if (known !== undefined) return sessionRecordOf(known)
  const { user, password, rehash, sessionsMax, ...session } = request
  await beActive(db, user, password, rehash)
  await insertSession(db, { ...session, user, kind: 'session', scopes: [], secretHash: null })
  await endOldest(db, user, sessionsMax, session.createdAt)
  return await inserted(db, session.id)
}

/**
 * By one conditional update, also where nothing changes: whoever replaces the password, or disables the user, waits for it or comes first, and then ends the session or prevents it.
 * @throws `login-failed`, `user-disabled`, `user-unknown`
 */
async function beActive(
  db: Kysely<Schema>,
  user: UserId,
  shown: PasswordRecord,
  next: PasswordRecord = shown
): Promise<void> {
  const taken = await db
    .updateTable('users')
    .set({ password: encodePassword(next) })
    .where('id', '=', uuidBytes(user))
    .where('state', '=', 'active')
    .where('password', '=', encodePassword(shown))
    .executeTakeFirst()
  if (taken.numUpdatedRows === 1n) return
  const row = await readUser(db, user)
  if (row === undefined) throw new PeerbinError('user-unknown')
  throw new PeerbinError(row.password === encodePassword(shown) ? 'user-disabled' : 'login-failed')
}

async function endOldest(db: Kysely<Schema>, user: UserId, keep: number, now: number): Promise<void> {
  const old = await db
    .selectFrom('sessions')
    .select(['id', 'user_id', 'kind', 'name'])
    .where('user_id', '=', uuidBytes(user))
    .where('kind', '=', SESSION)
    .where(running(now))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(keep)
    .limit(keep)
    .execute()
  for (const row of old) {
    await db.updateTable('sessions').set({ ended: 1, over_at: now }).where('id', '=', row.id).execute()
    await noteSession(db, row, { at: now, by: user, reason: 'too-many' })
  }
}

export async function createKey(db: Kysely<Schema>, request: CreateKey): Promise<SessionRecord> {
  const { keysMax, ...key } = request
  const known = await readSession(db, key.id)
  if (known !== undefined) return sessionRecordOf(known)
  const user = uuidBytes(key.user)
  await countKeys(db, user, await endExpiredKeys(db, user, key.createdAt))
  const counted = await db
    .updateTable('users')
    .set((eb) => ({ keys: eb('keys', '+', 1) }))
    .where('id', '=', user)
    .where('state', '=', 'active')
    .where('keys', '<', keysMax)
    .executeTakeFirst()
  const isCounted = counted.numUpdatedRows === 1n
  if (isCounted && (await insertSession(db, { ...key, kind: 'key' }))) {
    return await inserted(db, key.id)
  }
  const made = await readSession(db, key.id)
  if (made === undefined)
    throw isCounted
      ? new PeerbinError('invalid-field', 'There is a key with this text.')
      : await refusalOf(db, key.user)
  // the same request, twice at once: the other one has counted it
  if (isCounted) await countKeys(db, user, 1)
  return sessionRecordOf(made)
}

async function refusalOf(db: Kysely<Schema>, user: UserId): Promise<PeerbinError> {
  const row = await readUser(db, user)
  if (row === undefined) return new PeerbinError('user-unknown')
  return new PeerbinError(row.state === 'active' ? 'keys-full' : 'user-disabled')
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
