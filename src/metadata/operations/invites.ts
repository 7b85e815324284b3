/** Invitations, and forgetting what has ended of accounts. */

import type { Kysely, Selectable } from 'kysely'
import type { InviteRecords } from '../../account-store.ts'
import { PeerbinError } from '../../errors.ts'
import type { InviteId, InviteRecord, SecretHash } from '../../types.ts'
import { hashBytes, inviteOf, userOf, uuidBytes } from '../columns.ts'
import type { InvitesTable, Schema } from '../schema.ts'
import { countKeys } from './sessions.ts'

const inviteRecordOf = (row: Selectable<InvitesTable>): InviteRecord => ({
  id: inviteOf(row.id),
  role: row.role,
  createdBy: row.created_by === null ? null : userOf(row.created_by),
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  usedBy: row.used_by === null ? null : userOf(row.used_by)
})

export async function createInvite(
  db: Kysely<Schema>,
  { id, hash, role, createdBy, createdAt, expiresAt }: Parameters<InviteRecords['createInvite']>[0]
): Promise<InviteRecord> {
  await db
    .insertInto('invites')
    .values({
      id: uuidBytes(id),
      hash: hashBytes(hash),
      role,
      created_by: createdBy === null ? null : uuidBytes(createdBy),
      created_at: createdAt,
      expires_at: expiresAt,
      used_by: null
    })
    .onConflict((oc) => oc.doNothing())
    .execute()
  const row = await readInvite(db, id)
  if (row === undefined) throw new PeerbinError('invalid-field', 'There is an invitation with this secret.')
  return inviteRecordOf(row)
}

const readInvite = (db: Kysely<Schema>, id: InviteId): Promise<Selectable<InvitesTable> | undefined> =>
  db.selectFrom('invites').selectAll().where('id', '=', uuidBytes(id)).executeTakeFirst()

export async function findInvite(db: Kysely<Schema>, hash: SecretHash): Promise<InviteRecord | undefined> {
  const row = await db
    .selectFrom('invites')
    .selectAll()
    .where('hash', '=', hashBytes(hash))
    .executeTakeFirst()
  return row && inviteRecordOf(row)
}

export async function listInvites(
  db: Kysely<Schema>,
  after: InviteId | undefined,
  limit: number
): Promise<InviteRecord[]> {
  const last = after === undefined ? undefined : await readInvite(db, after)
  if (after !== undefined && last === undefined) return []
  const rows = await db
    .selectFrom('invites')
    .selectAll()
    .$if(last !== undefined, (query) =>
      query.where((eb) =>
        eb(
          eb.refTuple('created_at', 'id'),
          '<',
          eb.tuple(last?.created_at ?? 0, last?.id ?? new Uint8Array(0))
        )
      )
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(inviteRecordOf)
}

export async function deleteInvite(db: Kysely<Schema>, id: InviteId): Promise<boolean> {
  const deleted = await db.deleteFrom('invites').where('id', '=', uuidBytes(id)).executeTakeFirst()
  return deleted.numDeletedRows === 1n
}

/** Sessions and keys, then invitations, those that ended first first. */
export async function purgeAccounts(db: Kysely<Schema>, before: number, limit: number): Promise<number> {
  const sessions = await db
    .deleteFrom('sessions')
    .where('id', 'in', (query) =>
      query
        .selectFrom('sessions')
        .select('id')
        .where('over_at', 'is not', null)
        .where('over_at', '<', before)
        .orderBy('over_at')
        .orderBy('id')
        .limit(limit)
    )
    .returning(['user_id', 'kind', 'ended'])
    .execute()
  // one that ended by its time is counted until now
  for (const { user_id, kind, ended } of sessions)
    if (kind === 'key' && ended === 0) await countKeys(db, user_id, 1)
  const left = limit - sessions.length
  if (left === 0) return limit
  const invites = await db
    .deleteFrom('invites')
    .where('id', 'in', (query) =>
      query
        .selectFrom('invites')
        .select('id')
        .where('expires_at', '<', before)
        .orderBy('expires_at')
        .orderBy('id')
        .limit(left)
    )
    .executeTakeFirst()
  return sessions.length + Number(invites.numDeletedRows)
}
