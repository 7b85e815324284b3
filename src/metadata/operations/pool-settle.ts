/** What time brings to pools, in bounded steps. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { PoolRecords } from '../../metadata-pools.ts'
import type { PoolId, PoolSettings } from '../../pools.ts'
import { decodePoolSettings, groupOf, poolIdOf } from '../pool-columns.ts'
import { groupEvent, silentEvent } from '../pool-events.ts'
import { actorData } from '../event-facts.ts'
import { closedGroup } from '../pool-rules.ts'
import type { Schema } from '../schema.ts'
import { writeEvent } from './events.ts'
import { writeGroup } from './pool-groups.ts'
import { endOverdue } from './pool-leases.ts'
import { deletePools } from './pool-deletion.ts'
import { emptyGroups, endBatches, forgetGroups } from './pool-removal.ts'
import type { Times } from './pool-removal.ts'

// words in the statements, so that the partial indexes serve
const OPEN = sql<'open'>`'open'`
const PROCESSING = sql<'processing'>`'processing'`
const DELETING = sql<'deleting'>`'deleting'`

export async function nextPoolsAt(db: Kysely<Schema>): Promise<number | null> {
  const firsts = [
    db
      .selectFrom('pool_groups')
      .select('closes_at as at')
      .where('state', '=', OPEN)
      .orderBy('closes_at')
      .limit(1),
    db
      .selectFrom('pool_groups')
      .select('leased_until as at')
      .where('state', '=', PROCESSING)
      .orderBy('leased_until')
      .limit(1),
    db
      .selectFrom('pool_groups')
      .select('empty_at as at')
      .where('empty_at', 'is not', null)
      .orderBy('empty_at')
      .limit(1),
    db
      .selectFrom('pool_groups')
      .select('forget_at as at')
      .where('forget_at', 'is not', null)
      .orderBy('forget_at')
      .limit(1),
    db
      .selectFrom('pool_members')
      .select('late_at as at')
      .where('late_at', 'is not', null)
      .orderBy('late_at')
      .limit(1),
    db
      .selectFrom('pool_batches')
      .select('due_at as at')
      .where('due_at', 'is not', null)
      .orderBy('due_at')
      .limit(1),
    db
      .selectFrom('pools')
      .select('changed_at as at')
      .where('state', '=', DELETING)
      .orderBy('changed_at')
      .limit(1)
  ]
  let next: number | null = null
  for (const first of firsts) {
    const at = (await first.executeTakeFirst())?.at ?? null
    if (at !== null) next = Math.min(next ?? at, at)
  }
  return next
}

/** In this order; each takes what the ones before left of the limit. */
const STEPS = [
  closeGroups,
  endLeases,
  markSilent,
  endBatches,
  emptyGroups,
  forgetGroups,
  deletePools
] as const

export async function settlePools(
  db: Kysely<Schema>,
  { limit, ...times }: Parameters<PoolRecords['settlePools']>[0]
): Promise<number> {
  let changed = 0
  for (const step of STEPS) if (changed < limit) changed += await step(db, times, limit - changed)
  return changed
}

async function closeGroups(db: Kysely<Schema>, { now }: Times, limit: number): Promise<number> {
  const due = await db
    .selectFrom('pool_groups')
    .selectAll()
    .where('state', '=', OPEN)
    .where('closes_at', '<=', now)
    .orderBy('closes_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const row of due) {
    const group = groupOf(row)
    const closed = closedGroup(group, now)
    if (await writeGroup(db, group, closed))
      await writeEvent(db, groupEvent('group.closed', closed, now, actorData(null)))
  }
  return due.length
}

async function endLeases(db: Kysely<Schema>, { now }: Times, limit: number): Promise<number> {
  const over = await db
    .selectFrom('pool_groups')
    .selectAll()
    .where('state', '=', PROCESSING)
    .where('leased_until', '<=', now)
    .orderBy('leased_until')
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const row of over) {
    const settings = await settingsOf(db, row.pool)
    if (settings !== undefined) await endOverdue(db, groupOf(row), { settings }, now)
  }
  return over.length
}

async function settingsOf(db: Kysely<Schema>, pool: Uint8Array): Promise<PoolSettings | undefined> {
  const row = await db.selectFrom('pools').select('settings').where('id', '=', pool).executeTakeFirst()
  return row && decodePoolSettings(row.settings)
}

async function markSilent(db: Kysely<Schema>, { now }: Times, limit: number): Promise<number> {
  const late = await db
    .selectFrom('pool_members as members')
    .leftJoin('users', 'users.id', 'members.user_id')
    .select(['members.pool', 'members.user_id', 'members.late_at', 'users.name'])
    .where('members.late_at', 'is not', null)
    .where('members.late_at', '<=', now)
    .orderBy('members.late_at')
    .orderBy('members.pool')
    .orderBy('members.user_id')
    .limit(limit)
    .execute()
  const named = new Map<PoolId, string[]>()
  for (const { pool, user_id, late_at, name } of late) {
    const marked = await db
      .updateTable('pool_members')
      .set({ silent_since: late_at, late_at: null })
      .where('pool', '=', pool)
      .where('user_id', '=', user_id)
      .where('late_at', '=', late_at)
      .executeTakeFirst()
    if (marked.numUpdatedRows !== 1n) continue
    const id = poolIdOf(pool)
    named.set(id, [...(named.get(id) ?? []), name ?? ''])
  }
  for (const [pool, names] of named) await writeEvent(db, silentEvent(pool, names, now))
  return late.length
}
