/** What pools let go, a page at a time: batches that were given up, groups that ended, and whatever was long ago. */

import type { Kysely, Selectable } from 'kysely'
import type { PoolRecords } from '../../metadata-pools.ts'
import { batchPath } from '../../pools.ts'
import { placeOf } from '../entry-rules.ts'
import { batchIdOf } from '../pool-columns.ts'
import { POOL_RECORD_KEPT_MS } from '../pool-group-rules.ts'
import type { PoolBatchesTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { endEntry } from './entry-removal.ts'

export type Times = Omit<Parameters<PoolRecords['settlePools']>[0], 'limit'>
type Batch = Pick<Selectable<PoolBatchesTable>, 'pool' | 'id' | 'state' | 'due_at' | 'expires_at'>
type Db = Kysely<Schema>

/** Open ones whose time has come are given up; what was given up is cleared, and forgotten later; so is what was committed long ago. */
export async function endBatches(db: Db, times: Times, limit: number): Promise<number> {
  const due = await db
    .selectFrom('pool_batches')
    .select(['pool', 'id', 'state', 'due_at', 'expires_at'])
    .where('due_at', 'is not', null)
    .where('due_at', '<=', times.now)
    .orderBy('due_at')
    .orderBy('pool')
    .orderBy('id')
    .limit(limit)
    .execute()
  let changed = 0
  for (const batch of due) if (changed < limit) changed += await endBatch(db, batch, times, limit - changed)
  return changed
}

async function endBatch(db: Db, batch: Batch, times: Times, limit: number): Promise<number> {
  if (batch.state === 'open') return await giveUp(db, batch, times)
  if (batch.state === 'committed') return await forgetCommitted(db, batch, times, limit)
  const folder = placeOf(batchPath(batchIdOf(batch.id), 0)).folder
  const cleared =
    (await endEntries(db, batch.pool, times, limit, folder)) || (await dropFiles(db, batch, limit))
  if (cleared > 0) return cleared
  if (batch.due_at !== null && batch.due_at > batch.expires_at) return await forgetBatch(db, batch)
  return await lookAgain(db, batch, Math.max(batch.expires_at, times.now) + POOL_RECORD_KEPT_MS)
}

async function giveUp(db: Db, { pool, id }: Batch, { now }: Times): Promise<number> {
  await db
    .updateTable('pool_batches')
    .set({ state: 'abandoned', slot: null })
    .where('pool', '=', pool)
    .where('id', '=', id)
    .where('state', '=', 'open')
    .where('due_at', '<=', now)
    .execute()
  return 1
}

/** Its files are known as duplicates until then; those that a group has still are in its list. */
async function forgetCommitted(db: Db, batch: Batch, { now }: Times, limit: number): Promise<number> {
  const kept = await db
    .selectFrom('pool_files')
    .select('idx')
    .where('pool', '=', batch.pool)
    .where('batch', '=', batch.id)
    .where('entry', 'is not', null)
    .limit(1)
    .executeTakeFirst()
  if (kept !== undefined) return await lookAgain(db, batch, now + POOL_RECORD_KEPT_MS)
  const dropped = await dropFiles(db, batch, limit)
  return dropped > 0 ? dropped : await forgetBatch(db, batch)
}

async function lookAgain(db: Db, { pool, id, due_at }: Batch, at: number): Promise<number> {
  await db
    .updateTable('pool_batches')
    .set({ due_at: at })
    .where('pool', '=', pool)
    .where('id', '=', id)
    .where('due_at', '=', due_at)
    .execute()
  return 1
}

async function forgetBatch(db: Db, { pool, id, state, due_at }: Batch): Promise<number> {
  await db
    .deleteFrom('pool_batches')
    .where('pool', '=', pool)
    .where('id', '=', id)
    .where('state', '=', state)
    .where('due_at', '=', due_at)
    .execute()
  return 1
}

/** What a batch announced. */
export async function dropFiles(
  db: Db,
  { pool, id }: Pick<Batch, 'pool' | 'id'>,
  limit: number
): Promise<number> {
  const page = await db
    .selectFrom('pool_files')
    .select('idx')
    .where('pool', '=', pool)
    .where('batch', '=', id)
    .orderBy('idx')
    .limit(limit)
    .execute()
  const last = page.at(-1)
  if (last === undefined) return 0
  await db
    .deleteFrom('pool_files')
    .where('pool', '=', pool)
    .where('batch', '=', id)
    .where('idx', '<=', last.idx)
    .execute()
  return page.length
}

/** Entries of a pool, all or of one folder. */
export async function endEntries(
  db: Db,
  owner: Uint8Array,
  { now, graceMs }: Times,
  limit: number,
  folder?: string
): Promise<number> {
  const page = await db
    .selectFrom('entries')
    .select('id')
    .where('state', '=', LIVE)
    .where('owner', '=', owner)
    .$if(folder !== undefined, (query) => query.where('folder', '=', folder ?? ''))
    .orderBy('folder')
    .orderBy('name')
    .limit(limit)
    .execute()
  for (const { id } of page) await endEntry(db, id, { now, graceMs })
  return page.length
}

/** From the first step on nobody gets a file of it any more, or tries it again. */
export async function emptyGroups(db: Db, times: Times, limit: number): Promise<number> {
  const due = await db
    .selectFrom('pool_groups')
    .select(['id', 'empty_at'])
    .where('empty_at', 'is not', null)
    .where('empty_at', '<=', times.now)
    .orderBy('empty_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  let changed = 0
  for (const { id, empty_at } of due) {
    if (changed >= limit) break
    const taken = await db
      .updateTable('pool_groups')
      .set({ is_emptied: 1 })
      .where('id', '=', id)
      .where('empty_at', '=', empty_at)
      .executeTakeFirst()
    if (taken.numUpdatedRows !== 1n) continue
    changed += await emptyGroup(db, id, times, limit - changed)
  }
  return changed
}

async function emptyGroup(
  db: Db,
  group: Uint8Array,
  { now, graceMs }: Times,
  limit: number
): Promise<number> {
  const files = await db
    .selectFrom('pool_files')
    .select(['pool', 'batch', 'idx', 'entry'])
    .where('grp', '=', group)
    .where('entry', 'is not', null)
    .orderBy('member')
    .orderBy('at')
    .orderBy('name')
    .limit(limit)
    .execute()
  for (const { pool, batch, idx, entry } of files) {
    if (entry !== null) await endEntry(db, entry, { now, graceMs })
    await db
      .updateTable('pool_files')
      .set({ entry: null })
      .where('pool', '=', pool)
      .where('batch', '=', batch)
      .where('idx', '=', idx)
      .execute()
  }
  if (files.length === limit) return files.length
  await db.updateTable('pool_groups').set({ empty_at: null }).where('id', '=', group).execute()
  return files.length + 1
}

/** With who sent for them. */
export async function forgetGroups(db: Db, { now }: Times, limit: number): Promise<number> {
  const due = await db
    .selectFrom('pool_groups')
    .select('id')
    .where('forget_at', 'is not', null)
    .where('forget_at', '<=', now)
    .where('empty_at', 'is', null)
    .orderBy('forget_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  let changed = 0
  for (const { id } of due) if (changed < limit) changed += await forgetGroup(db, id, limit - changed)
  return changed
}

export async function forgetGroup(db: Db, group: Uint8Array, limit: number): Promise<number> {
  const page = await db
    .selectFrom('pool_group_producers')
    .select('user_id')
    .where('grp', '=', group)
    .orderBy('user_id')
    .limit(limit)
    .execute()
  const last = page.at(-1)
  if (last !== undefined)
    await db
      .deleteFrom('pool_group_producers')
      .where('grp', '=', group)
      .where('user_id', '<=', last.user_id)
      .execute()
  if (page.length === limit) return page.length
  await db.deleteFrom('pool_groups').where('id', '=', group).execute()
  return page.length + 1
}
