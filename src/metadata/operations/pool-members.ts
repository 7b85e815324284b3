/** Who is in a pool, and as what. */

import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { PoolRecords } from '../../metadata-pools.ts'
import { poolStream } from '../../pools.ts'
import type { PoolMember } from '../../pools.ts'
import type { UserId } from '../../types.ts'
import type { WebhookId } from '../../webhooks.ts'
import { uuidBytes, uuidOf } from '../columns.ts'
import { memberOf, poolIdOf, poolOf } from '../pool-columns.ts'
import { memberEvent } from '../pool-events.ts'
import { lateAt, mayWork } from '../pool-rules.ts'
import type { PoolsTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'
import { eventActor, writeEvent } from './events.ts'
import { countMembers, knownPool, membersQuery, readMember, readPool } from './pool-rows.ts'
import { voidLeases } from './pool-leases.ts'
import { endOfUser } from './sessions.ts'
import { deleteWebhook } from './webhooks.ts'

type Request<Name extends keyof PoolRecords> = Parameters<PoolRecords[Name]>[0]

export async function listMembers(
  db: Kysely<Schema>,
  { pool, role, silent = false, after, limit }: Request<'listMembers'>
): Promise<PoolMember[]> {
  const rows = await membersQuery(db)
    .where('pool', '=', uuidBytes(pool))
    .$if(role !== undefined, (query) => query.where('pool_members.role', '=', role ?? 'owner'))
    .$if(silent, (query) => query.where('silent_since', 'is not', null))
    .$if(after !== undefined, (query) =>
      query.where('user_id', '>', after === undefined ? new Uint8Array(0) : uuidBytes(after))
    )
    .orderBy('user_id')
    .limit(limit)
    .execute()
  return rows.map(memberOf)
}

export async function changeMember(
  db: Kysely<Schema>,
  { pool: id, user, role, now, by }: Request<'changeMember'>
): Promise<PoolMember> {
  const pool = poolOf(await knownPool(db, id))
  const row = await readMember(db, id, user)
  if (row === undefined) throw new PeerbinError('member-unknown')
  if (row.role === role) return memberOf(row)
  const owners = row.role === 'owner' ? -1 : role === 'owner' ? 1 : 0
  if (!(await countMembers(db, id, { members: 0, owners }))) throw new PeerbinError('last-owner')
  const changed = await db
    .updateTable('pool_members')
    .set({ role, silent_since: null, late_at: lateAt(role, pool, now) })
    .where('pool', '=', row.pool)
    .where('user_id', '=', row.user_id)
    .where('role', '=', row.role)
    .returningAll()
    .executeTakeFirst()
  if (changed === undefined) throw new PeerbinError('busy', 'a member was changed by somebody else')
  const member = memberOf({ ...changed, name: row.name })
  if (mayWork(row.role) && !mayWork(role)) await voidLeases(db, { pool, server: user, now })
  const actor = await eventActor(db, by)
  await writeEvent(db, memberEvent('member.changed', member, { at: now, actor }))
  return member
}

export async function removeMember(
  db: Kysely<Schema>,
  { pool: id, user, now, by }: Request<'removeMember'>
): Promise<boolean> {
  const pool = await readPool(db, id)
  const row = pool === undefined || pool.state === 'deleting' ? undefined : await readMember(db, id, user)
  if (pool === undefined || row === undefined) return false
  const owners = row.role === 'owner' ? -1 : 0
  if (!(await countMembers(db, id, { members: -1, owners }))) throw new PeerbinError('last-owner')
  const removed = await db
    .deleteFrom('pool_members')
    .where('pool', '=', row.pool)
    .where('user_id', '=', row.user_id)
    .where('role', '=', row.role)
    .executeTakeFirst()
  if (removed.numDeletedRows !== 1n) throw new PeerbinError('busy', 'a member was changed by somebody else')
  await letGo(db, pool, user, now)
  const actor = await eventActor(db, by)
  if (row.is_program === 1) await endProgram(db, { user, now, by })
  await writeEvent(db, memberEvent('member.removed', memberOf(row), { at: now, actor }))
  return true
}

/** What a member had under way. */
async function letGo(
  db: Kysely<Schema>,
  pool: Selectable<PoolsTable>,
  user: UserId,
  now: number
): Promise<void> {
  const member = uuidBytes(user)
  await db
    .updateTable('pool_batches')
    .set({ state: 'abandoned', slot: null, due_at: now })
    .where('pool', '=', pool.id)
    .where('member', '=', member)
    .where('slot', 'is not', null)
    .execute()
  await voidLeases(db, { pool: poolOf(pool), server: user, now })
  const hooks = await db
    .selectFrom('webhooks')
    .select('id')
    .where('owner', '=', member)
    .where('stream', '=', poolStream(poolIdOf(pool.id)))
    .execute()
  for (const { id } of hooks) await deleteWebhook(db, uuidOf(id) as WebhookId)
}

/** Of an account that was there for the pool alone. */
async function endProgram(
  db: Kysely<Schema>,
  { user, now, by }: { user: UserId; now: number; by: UserId | undefined }
): Promise<void> {
  await db.updateTable('users').set({ state: 'disabled' }).where('id', '=', uuidBytes(user)).execute()
  await endOfUser(db, { user, keys: true, now, by }, 'disabled')
}
