/** Pools: made, read and changed. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { ChangePool, CreatePool, PoolRecords } from '../../metadata-pools.ts'
import type { PoolId, PoolRecord } from '../../pools.ts'
import { uuidBytes } from '../columns.ts'
import { encodePoolSettings, memberOf, poolOf } from '../pool-columns.ts'
import { memberEvent, poolEvent } from '../pool-events.ts'
import { changedPool, isSamePool } from '../pool-rules.ts'
import type { PoolsTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'
import { eventActor, writeEvent } from './events.ts'
import { readMember, readPool } from './pool-rows.ts'
import { voidLeases } from './pool-leases.ts'

export async function createPool(db: Kysely<Schema>, request: CreatePool): Promise<PoolRecord> {
  const { id, name, settings, createdBy, createdAt: now, perUserMax } = request
  const known = await readPool(db, id)
  if (known !== undefined) return poolOf(known)
  const creator = uuidBytes(createdBy)
  const inserted = await db
    .insertInto('pools')
    .values({
      id: uuidBytes(id),
      name,
      state: 'active',
      settings: encodePoolSettings(settings),
      quota: null,
      created_by: creator,
      slot: await freeSlot(db, creator, perUserMax),
      created_at: now,
      changed_at: now,
      members: 1,
      owners: 1,
      revision: 0
    })
    .onConflict((oc) => oc.doNothing())
    .returningAll()
    .executeTakeFirst()
  if (inserted === undefined) throw new PeerbinError('busy', 'a pool was made at the same moment')
  await db
    .insertInto('pool_members')
    .values({
      pool: inserted.id,
      user_id: creator,
      role: 'owner',
      is_program: 0,
      joined_at: now,
      last_sent_at: null,
      silent_since: null,
      late_at: null
    })
    .execute()
  const member = await readMember(db, id, createdBy)
  const actor = await eventActor(db, createdBy)
  if (member !== undefined)
    await writeEvent(db, memberEvent('member.joined', memberOf(member), { at: now, actor }))
  return poolOf(inserted)
}

/** The unique key of maker and slot lets nobody in beside another one that took it at the same moment. @throws `pools-full` */
async function freeSlot(db: Kysely<Schema>, creator: Uint8Array, perUserMax: number): Promise<number> {
  const rows = await db
    .selectFrom('pools')
    .select('slot')
    .where('created_by', '=', creator)
    .where('slot', 'is not', null)
    .orderBy('slot')
    .limit(perUserMax)
    .execute()
  const gap = rows.findIndex(({ slot }, at) => slot !== at)
  const slot = gap < 0 ? rows.length : gap
  if (slot >= perUserMax) throw new PeerbinError('pools-full')
  return slot
}

export async function getPool(db: Kysely<Schema>, id: PoolId): Promise<PoolRecord | undefined> {
  const row = await readPool(db, id)
  return row === undefined || row.state === 'deleting' ? undefined : poolOf(row)
}

export async function listPools(
  db: Kysely<Schema>,
  { user, after, limit }: Parameters<PoolRecords['listPools']>[0]
): ReturnType<PoolRecords['listPools']> {
  const from = after === undefined ? undefined : uuidBytes(after)
  if (user === undefined) {
    const rows = await db
      .selectFrom('pools')
      .selectAll()
      .where('state', '<>', 'deleting')
      .$if(from !== undefined, (query) => query.where('id', '>', from ?? new Uint8Array(0)))
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map((row) => ({ pool: poolOf(row), role: null }))
  }
  const rows = await db
    .selectFrom('pool_members')
    .innerJoin('pools', 'pools.id', 'pool_members.pool')
    .selectAll('pools')
    .select('pool_members.role')
    .where('pool_members.user_id', '=', uuidBytes(user))
    .where('pools.state', '<>', 'deleting')
    .$if(from !== undefined, (query) => query.where('pool_members.pool', '>', from ?? new Uint8Array(0)))
    .orderBy('pool_members.pool')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ pool: poolOf(row), role: row.role }))
}

export async function changePool(db: Kysely<Schema>, change: ChangePool): Promise<PoolRecord> {
  const { id, now, by } = change
  const row = await readPool(db, id)
  if (row === undefined) throw new PeerbinError('pool-unknown')
  const before = poolOf(row)
  if (before.state === 'deleting') {
    if (change.state === 'deleting') return before
    throw new PeerbinError('pool-unknown')
  }
  const after = changedPool(before, change)
  if (after === before) return before
  const changed = await db
    .updateTable('pools')
    .set({
      name: after.name,
      settings: encodePoolSettings(after.settings),
      state: after.state,
      quota: after.quotaBytes,
      changed_at: now,
      revision: after.revision,
      ...(after.state === 'deleting' && { slot: null })
    })
    .where('id', '=', row.id)
    .where('revision', '=', row.revision)
    .where('state', '=', row.state)
    .returningAll()
    .executeTakeFirst()
  if (changed === undefined) throw new PeerbinError('busy', 'a pool was changed by somebody else')
  if (!isSamePool(before, after))
    await writeEvent(db, poolEvent(after, { at: now, actor: await eventActor(db, by) }))
  if (after.state === 'deleting') await endPool(db, changed, now)
  else await moveTimes(db, row.id, before, after, now)
  return poolOf(changed)
}

/** Statements over all members or groups of the pool, however many they are: a few milliseconds for each thousand. */
async function moveTimes(
  db: Kysely<Schema>,
  pool: Uint8Array,
  before: PoolRecord,
  after: PoolRecord,
  now: number
): Promise<void> {
  const producers = db
    .updateTable('pool_members')
    .where('pool', '=', pool)
    .where('role', '=', sql<'producer'>`'producer'`)
  const frequency = after.settings.frequencyMs
  if (after.state !== before.state) {
    // whoever could not send was not silent
    await producers
      .set({ late_at: after.state === 'active' ? now + frequency : null, silent_since: null })
      .execute()
  } else if (after.state === 'active' && frequency !== before.settings.frequencyMs) {
    const by = frequency - before.settings.frequencyMs
    await producers
      .set({
        late_at: sql<
          number | null
        >`case when late_at is not null then late_at + ${by} when silent_since + ${by} > ${now} then silent_since + ${by} end`,
        silent_since: sql<
          number | null
        >`case when silent_since + ${by} <= ${now} then silent_since + ${by} end`
      })
      .execute()
  }
  if (after.state === 'archived' && before.state === 'active')
    await db
      .updateTable('pool_groups')
      .set({ closes_at: now })
      .where('pool', '=', pool)
      .where('state', '=', sql<'open'>`'open'`)
      .where('closes_at', '>', now)
      .execute()
}

/** Nobody gets into it, sends to it or works on it any more; its rows and files go in steps of settlePools. */
async function endPool(db: Kysely<Schema>, row: Selectable<PoolsTable>, now: number): Promise<void> {
  const pool = row.id
  await db.deleteFrom('pool_join_keys').where('pool', '=', pool).execute()
  await db
    .updateTable('pool_batches')
    .set({ state: 'abandoned', slot: null, due_at: now })
    .where('pool', '=', pool)
    .where('slot', 'is not', null)
    .execute()
  await voidLeases(db, { pool: poolOf(row), now })
  await db
    .updateTable('pool_members')
    .set({ late_at: null })
    .where('pool', '=', pool)
    .where('late_at', 'is not', null)
    .execute()
  const programs = db
    .selectFrom('pool_members')
    .select('user_id')
    .where('pool', '=', pool)
    .where('is_program', '=', 1)
  // nobody listens to what happens to them, so that no events are written
  await db.updateTable('users').set({ state: 'disabled', keys: 0 }).where('id', 'in', programs).execute()
  await db
    .updateTable('sessions')
    .set({ ended: 1, over_at: now })
    .where('user_id', 'in', programs)
    .where('ended', '=', 0)
    .execute()
}
