/** How members come into a pool: by an owner, or by a key. */

import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { Joining, Membership, PoolRecords } from '../../metadata-pools.ts'
import type { JoinKeyId, JoinKeyRecord, PoolId, PoolRole } from '../../pools.ts'
import type { SecretHash, UserId } from '../../types.ts'
import { hashBytes, uuidBytes } from '../columns.ts'
import { joinKeyOf, memberOf, poolIdOf, poolOf } from '../pool-columns.ts'
import { memberEvent } from '../pool-events.ts'
import { lateAt } from '../pool-rules.ts'
import type { PoolJoinKeysTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'
import { eventActor, writeEvent } from './events.ts'
import { countMembers, getMembership, knownPool, readMember } from './pool-rows.ts'
import { createKey } from './sign-in.ts'
import { createUser, readUser } from './users.ts'

type Request<Name extends keyof PoolRecords> = Parameters<PoolRecords[Name]>[0]

/** Where to, as what, and by whose right. */
interface Entrance {
  pool: PoolId
  role: PoolRole
  key: Selectable<PoolJoinKeysTable> | undefined
  by: UserId
}

export async function joinPool(db: Kysely<Schema>, request: Request<'joinPool'>): Promise<Membership> {
  const { by, joining, membersMax, now } = request
  const user = 'user' in joining ? joining.user : joining.program.id
  const entrance = await entranceOf(db, by, user)
  const { pool, role, key } = entrance
  const known = await getMembership(db, pool, user)
  if (known !== undefined) return known
  if (key !== undefined) await useKey(db, key, now)
  const owners = role === 'owner' ? 1 : 0
  const limits = { membersMax, isActive: key !== undefined }
  if (!(await countMembers(db, pool, { members: 1, owners }, limits))) throw await refusalOf(db, entrance)
  await beUser(db, joining, now)
  const row = await knownPool(db, pool)
  const inserted = await db
    .insertInto('pool_members')
    .values({
      pool: row.id,
      user_id: uuidBytes(user),
      role,
      is_program: 'program' in joining ? 1 : 0,
      joined_at: now,
      last_sent_at: null,
      silent_since: null,
      late_at: lateAt(role, poolOf(row), now)
    })
    .onConflict((oc) => oc.columns(['pool', 'user_id']).doNothing())
    .returning('user_id')
    .executeTakeFirst()
  const member = await readMember(db, pool, user)
  if (inserted === undefined || member === undefined)
    throw new PeerbinError('busy', 'a member was added at the same moment')
  const joined = { pool: poolOf(row), member: memberOf(member) }
  const actor = await eventActor(db, entrance.by)
  await writeEvent(db, memberEvent('member.joined', joined.member, { at: now, actor }))
  return joined
}

/** @throws `join-key-invalid` for a key that nobody has */
async function entranceOf(
  db: Kysely<Schema>,
  by: Request<'joinPool'>['by'],
  user: UserId
): Promise<Entrance> {
  if (!('key' in by)) return { pool: by.pool, role: by.role, key: undefined, by: by.owner }
  const key = await readKey(db, by.key)
  if (key === undefined) throw new PeerbinError('join-key-invalid')
  return { pool: poolIdOf(key.pool), role: key.role, key, by: user }
}

/** One more use, as long as there is one. */
async function useKey(
  db: Kysely<Schema>,
  { id }: Pick<Selectable<PoolJoinKeysTable>, 'id'>,
  now: number
): Promise<void> {
  const used = await db
    .updateTable('pool_join_keys')
    .set((eb) => ({ uses: eb('uses', '+', 1) }))
    .where('id', '=', id)
    .where('expires_at', '>', now)
    .where((eb) => eb.or([eb('uses_max', 'is', null), eb('uses', '<', eb.ref('uses_max'))]))
    .executeTakeFirst()
  if (used.numUpdatedRows !== 1n) throw new PeerbinError('join-key-invalid')
}

async function refusalOf(db: Kysely<Schema>, { pool, key }: Entrance): Promise<PeerbinError> {
  const { state } = await knownPool(db, pool)
  return new PeerbinError(key !== undefined && state !== 'active' ? 'join-key-invalid' : 'pool-full')
}

/** @throws `user-unknown`; `name-taken` by another account */
async function beUser(db: Kysely<Schema>, joining: Joining, now: number): Promise<void> {
  if ('user' in joining) {
    if ((await readUser(db, joining.user)) === undefined) throw new PeerbinError('user-unknown')
    return
  }
  const { program, key } = joining
  const { user } = await createUser(db, { user: program, by: 'right' })
  if (user.state !== 'active') throw new PeerbinError('user-disabled') // it was a member once
  await createKey(db, { ...key, user: program.id, scopes: ['pools'], createdAt: now, keysMax: 1 })
}

// ---------------------------------------------------------------- keys

const readKey = (db: Kysely<Schema>, hash: SecretHash): Promise<Selectable<PoolJoinKeysTable> | undefined> =>
  db.selectFrom('pool_join_keys').selectAll().where('hash', '=', hashBytes(hash)).executeTakeFirst()

export async function createJoinKey(
  db: Kysely<Schema>,
  request: Request<'createJoinKey'>
): Promise<JoinKeyRecord> {
  const { id, pool, hash, role, createdBy, createdAt, expiresAt, usesMax, keysMax } = request
  const known = await db
    .selectFrom('pool_join_keys')
    .selectAll()
    .where('id', '=', uuidBytes(id))
    .executeTakeFirst()
  if (known !== undefined) return joinKeyOf(known)
  const row = await knownPool(db, pool)
  const inserted = await db
    .insertInto('pool_join_keys')
    .values({
      id: uuidBytes(id),
      pool: row.id,
      slot: await freeSlot(db, row.id, keysMax, createdAt),
      hash: hashBytes(hash),
      role,
      created_by: uuidBytes(createdBy),
      created_at: createdAt,
      expires_at: expiresAt,
      uses_max: usesMax,
      uses: 0
    })
    .onConflict((oc) => oc.doNothing())
    .returningAll()
    .executeTakeFirst()
  if (inserted === undefined) throw new PeerbinError('busy', 'a join key was made at the same moment')
  return joinKeyOf(inserted)
}

/** Those that have ended make room, and the oldest of them are forgotten. @throws `join-keys-full` */
async function freeSlot(db: Kysely<Schema>, pool: Uint8Array, keysMax: number, now: number): Promise<number> {
  await db
    .updateTable('pool_join_keys')
    .set({ slot: null })
    .where('pool', '=', pool)
    .where('slot', 'is not', null)
    .where((eb) =>
      eb.or([
        eb('expires_at', '<=', now),
        eb.and([eb('uses_max', 'is not', null), eb('uses', '>=', eb.ref('uses_max'))])
      ])
    )
    .execute()
  const ended = await db
    .selectFrom('pool_join_keys')
    .select('id')
    .where('pool', '=', pool)
    .where('slot', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(keysMax)
    .limit(keysMax)
    .execute()
  for (const { id } of ended) await db.deleteFrom('pool_join_keys').where('id', '=', id).execute()
  const rows = await db
    .selectFrom('pool_join_keys')
    .select('slot')
    .where('pool', '=', pool)
    .where('slot', 'is not', null)
    .execute()
  const taken = new Set(rows.map(({ slot }) => slot))
  const slot = Array.from({ length: keysMax }, (_, at) => at).find((at) => !taken.has(at))
  if (slot === undefined) throw new PeerbinError('join-keys-full')
  return slot
}

export async function findJoinKey(db: Kysely<Schema>, hash: SecretHash): Promise<JoinKeyRecord | undefined> {
  const row = await readKey(db, hash)
  return row && joinKeyOf(row)
}

export async function listJoinKeys(
  db: Kysely<Schema>,
  pool: PoolId,
  limit: number
): Promise<JoinKeyRecord[]> {
  const rows = await db
    .selectFrom('pool_join_keys')
    .selectAll()
    .where('pool', '=', uuidBytes(pool))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(joinKeyOf)
}

export async function deleteJoinKey(db: Kysely<Schema>, pool: PoolId, id: JoinKeyId): Promise<boolean> {
  const deleted = await db
    .deleteFrom('pool_join_keys')
    .where('id', '=', uuidBytes(id))
    .where('pool', '=', uuidBytes(pool))
    .executeTakeFirst()
  return deleted.numDeletedRows === 1n
}
