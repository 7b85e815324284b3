/** Users: names are decided by a unique key, the last administrator by one counter. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import type { CreateUser, StoredUser, UserRecords, UsersPage } from '../../account-store.ts'
import { PeerbinError } from '../../errors.ts'
import type { SessionRecord, UserId, UserRecord } from '../../types.ts'
import { decodePassword, encodePassword, hashBytes, userOf, uuidBytes } from '../columns.ts'
import { USERS_SCANNED_MAX } from '../limits.ts'
import type { Schema, UsersTable } from '../schema.ts'
import { noteAccount } from './event-notes.ts'
import { endOfUser, insertSession, readSession, sessionRecordOf } from './sessions.ts'

export async function createUser(
  db: Kysely<Schema>,
  request: CreateUser
): Promise<{ user: UserRecord; session: SessionRecord | undefined }> {
  const { user, by, session } = request
  if ((await readUser(db, user.id)) === undefined && (await insertUser(db, user))) {
    await claimRight(db, user, by)
    if (session !== undefined) {
      await insertSession(db, {
        ...session,
        user: user.id,
        kind: 'session',
        scopes: [],
        createdAt: user.createdAt,
        secretHash: null
      })
    }
  }
  const row = await readUser(db, user.id)
  if (row === undefined) throw new PeerbinError('internal', 'a user was not recorded')
  const known = session && (await readSession(db, session.id))
  return { user: userRecordOf(row), session: known && sessionRecordOf(known) }
}

/** False when the same request came in between. @throws `name-taken` */
async function insertUser(db: Kysely<Schema>, user: CreateUser['user']): Promise<boolean> {
  const inserted = await db
    .insertInto('users')
    .values({
      id: uuidBytes(user.id),
      name: user.name,
      name_key: user.nameKey,
      role: user.role,
      state: 'active',
      quota: user.quotaBytes,
      created_at: user.createdAt,
      password: encodePassword(user.password),
      keys: 0
    })
    .onConflict((oc) => oc.doNothing())
    .returning('id')
    .executeTakeFirst()
  if (inserted === undefined && (await readUser(db, user.id)) === undefined)
    throw new PeerbinError('name-taken')
  return inserted !== undefined
}

/** After the name, so that of two reasons to refuse the same one is told always. What was changed is undone with the operation. */
async function claimRight(
  db: Kysely<Schema>,
  { id, role, createdAt }: CreateUser['user'],
  by: CreateUser['by']
): Promise<void> {
  if (by === 'setup') return await firstAdmin(db)
  if (by !== 'right') {
    const used = await db
      .updateTable('invites')
      .set({ used_by: uuidBytes(id) })
      .where('hash', '=', hashBytes(by.invite))
      .where('used_by', 'is', null)
      .where('role', '=', role)
      .where('expires_at', '>', createdAt)
      // whoever is an administrator no more must not come back by it
      .where((eb) =>
        eb.or([
          eb('created_by', 'is', null),
          eb.exists(
            eb
              .selectFrom('users')
              .select('users.id')
              .whereRef('users.id', '=', 'invites.created_by')
              .where('users.role', '=', 'admin')
              .where('users.state', '=', 'active')
          )
        ])
      )
      .executeTakeFirst()
    if (used.numUpdatedRows === 0n) throw new PeerbinError('invite-invalid')
  }
  if (role === 'admin') await countAdmins(db, 1)
}

async function firstAdmin(db: Kysely<Schema>): Promise<void> {
  const first = await db
    .updateTable('meta')
    .set({ value: 1 })
    .where('key', '=', 'admins')
    .where('value', '=', 0)
    .executeTakeFirst()
  if (first.numUpdatedRows === 0n) throw new PeerbinError('setup-invalid')
}

/** @throws `last-admin` where none would be left */
async function countAdmins(db: Kysely<Schema>, by: 1 | -1): Promise<void> {
  const counted = await db
    .updateTable('meta')
    .set((eb) => ({ value: eb('value', '+', by) }))
    .where('key', '=', 'admins')
    .where('value', '>', by === 1 ? -1 : 1)
    .executeTakeFirst()
  if (counted.numUpdatedRows === 0n) throw new PeerbinError('last-admin')
}

export async function hasAdmin(db: Kysely<Schema>): Promise<boolean> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', 'admins').executeTakeFirst()
  return (row?.value ?? 0) > 0
}

export const readUser = (db: Kysely<Schema>, id: UserId): Promise<Selectable<UsersTable> | undefined> =>
  db.selectFrom('users').selectAll().where('id', '=', uuidBytes(id)).executeTakeFirst()

export const userRecordOf = (row: Selectable<UsersTable>): UserRecord => ({
  id: userOf(row.id),
  name: row.name,
  role: row.role,
  state: row.state,
  quotaBytes: row.quota,
  createdAt: row.created_at
})

const storedOf = (row: Selectable<UsersTable> | undefined): StoredUser | undefined =>
  row && { user: userRecordOf(row), password: decodePassword(row.password) }

export const getUser = async (db: Kysely<Schema>, id: UserId): Promise<StoredUser | undefined> =>
  storedOf(await readUser(db, id))

export const findUser = async (db: Kysely<Schema>, nameKey: string): Promise<StoredUser | undefined> =>
  storedOf(await db.selectFrom('users').selectAll().where('name_key', '=', nameKey).executeTakeFirst())

/** `%`, `_` and the escape itself stand for themselves. */
const containing = (text: string): string => `%${text.replaceAll(/[\\%_]/g, (each) => `\\${each}`)}%`

export async function listUsers(
  db: Kysely<Schema>,
  { after = '', search = '', limit }: Parameters<UserRecords['listUsers']>[0]
): Promise<UsersPage> {
  const looked = db
    .selectFrom('users')
    .selectAll()
    .where('name_key', '>', after)
    .orderBy('name_key')
    .limit(USERS_SCANNED_MAX)
  const rows = await db
    .selectFrom(looked.as('looked'))
    .selectAll()
    .$if(search !== '', (query) =>
      query.where(sql<boolean>`name_key like ${containing(search)} escape ${'\\'}`)
    )
    .orderBy('name_key')
    .limit(limit + 1)
    .execute()
  const users = rows.slice(0, limit).map(userRecordOf)
  if (rows.length > limit) return { users, next: rows[limit - 1]?.name_key ?? null }
  const last = await db
    .selectFrom('users')
    .select('name_key')
    .where('name_key', '>', after)
    .orderBy('name_key')
    .offset(USERS_SCANNED_MAX - 1)
    .limit(1)
    .executeTakeFirst()
  return { users, next: last?.name_key ?? null }
}

export async function changeUser(
  db: Kysely<Schema>,
  { id, name, role, state, quotaBytes, now, by }: Parameters<UserRecords['changeUser']>[0]
): Promise<UserRecord> {
  const row = await readUser(db, id)
  if (row === undefined) throw new PeerbinError('user-unknown')
  const next = { role: role ?? row.role, state: state ?? row.state }
  if (name !== undefined) await rename(db, id, name)
  const changed = await db
    .updateTable('users')
    .set({ ...next, ...(quotaBytes !== undefined && { quota: quotaBytes }) })
    .where('id', '=', row.id)
    // what the counter below rests on
    .where('role', '=', row.role)
    .where('state', '=', row.state)
    .returningAll()
    .executeTakeFirst()
  if (changed === undefined) throw new PeerbinError('busy', 'a user was changed by somebody else')
  const difference = Number(isAdmin(next)) - Number(isAdmin(row))
  if (difference !== 0) await countAdmins(db, difference > 0 ? 1 : -1)
  const after = userRecordOf(changed)
  await noteAccount(db, userRecordOf(row), after, { at: now, by })
  if (next.state === 'disabled') await endOfUser(db, { user: id, keys: false, now, by }, 'disabled')
  return after
}

const isAdmin = ({ role, state }: Pick<UserRecord, 'role' | 'state'>): boolean =>
  role === 'admin' && state === 'active'

/** One conditional update; the unique key stands behind it. */
async function rename(
  db: Kysely<Schema>,
  id: UserId,
  { name, nameKey }: { name: string; nameKey: string }
): Promise<void> {
  const renamed = await db
    .updateTable('users')
    .set({ name, name_key: nameKey })
    .where('id', '=', uuidBytes(id))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('users as other')
            .select('other.id')
            .where('other.name_key', '=', nameKey)
            .where('other.id', '<>', uuidBytes(id))
        )
      )
    )
    .executeTakeFirst()
  if (renamed.numUpdatedRows === 0n) throw new PeerbinError('name-taken')
}

export async function replacePassword(
  db: Kysely<Schema>,
  { user, from, to, keep, keys, now, by }: Parameters<UserRecords['replacePassword']>[0]
): Promise<boolean> {
  const row = await readUser(db, user)
  if (row === undefined) throw new PeerbinError('user-unknown')
  if (row.password === encodePassword(to)) return true
  const replaced = await db
    .updateTable('users')
    .set({ password: encodePassword(to) })
    .where('id', '=', row.id)
    .$if(from !== undefined, (query) =>
      query.where('password', '=', from === undefined ? '' : encodePassword(from))
    )
    .executeTakeFirst()
  if (replaced.numUpdatedRows === 0n) return false
  await endOfUser(db, { user, except: keep, keys, now, by }, 'password')
  return true
}
