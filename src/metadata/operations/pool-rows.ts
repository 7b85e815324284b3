/** Rows of pools and members as they are read, and changed where nobody else must change them meanwhile. */

import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { Membership } from '../../metadata-pools.ts'
import type { PoolId } from '../../pools.ts'
import type { UserId } from '../../types.ts'
import { uuidBytes } from '../columns.ts'
import { memberOf, poolOf } from '../pool-columns.ts'
import type { PoolMembersTable, PoolsTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'

export const readPool = (db: Kysely<Schema>, id: PoolId): Promise<Selectable<PoolsTable> | undefined> =>
  db.selectFrom('pools').selectAll().where('id', '=', uuidBytes(id)).executeTakeFirst()

/** @throws `pool-unknown` for one that is not there, or is being deleted */
export async function knownPool(db: Kysely<Schema>, id: PoolId): Promise<Selectable<PoolsTable>> {
  const row = await readPool(db, id)
  if (row === undefined || row.state === 'deleting') throw new PeerbinError('pool-unknown')
  return row
}

/** With the names that the accounts have now. */
export const membersQuery = (db: Kysely<Schema>) =>
  db
    .selectFrom('pool_members')
    .leftJoin('users', 'users.id', 'pool_members.user_id')
    .selectAll('pool_members')
    .select('users.name')

export type NamedMember = Selectable<PoolMembersTable> & { name: string | null }

export const readMember = (
  db: Kysely<Schema>,
  pool: PoolId,
  user: UserId
): Promise<NamedMember | undefined> =>
  membersQuery(db)
    .where('pool', '=', uuidBytes(pool))
    .where('user_id', '=', uuidBytes(user))
    .executeTakeFirst()

export async function getMembership(
  db: Kysely<Schema>,
  pool: PoolId,
  user: UserId
): Promise<Membership | undefined> {
  const row = await readPool(db, pool)
  if (row === undefined || row.state === 'deleting') return undefined
  const member = await readMember(db, pool, user)
  return member && { pool: poolOf(row), member: memberOf(member) }
}

interface Count {
  members: 1 | 0 | -1
  owners: 1 | 0 | -1
}

/**
 * Members and owners of a pool are counted in its row, by the same step that changes them: that is what limits and the last owner rest on. False: there is no such pool (any more), or
 * what is asked for is not so.
 */
export async function countMembers(
  db: Kysely<Schema>,
  pool: PoolId,
  { members, owners }: Count,
  { membersMax, isActive = false }: { membersMax?: number; isActive?: boolean } = {}
): Promise<boolean> {
  const counted = await db
    .updateTable('pools')
    .set((eb) => ({ members: eb('members', '+', members), owners: eb('owners', '+', owners) }))
    .where('id', '=', uuidBytes(pool))
    .where('state', '<>', 'deleting')
    .$if(isActive, (query) => query.where('state', '=', 'active'))
    .$if(membersMax !== undefined, (query) => query.where('members', '<', membersMax ?? 0))
    .$if(owners < 0, (query) => query.where('owners', '>', 1))
    .executeTakeFirst()
  return counted.numUpdatedRows === 1n
}
