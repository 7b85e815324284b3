/** A batch becomes visible: all of it or nothing, in one step. */

import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { PoolRecords } from '../../metadata-pools.ts'
import type { BatchId, BatchRecord, PoolId } from '../../pools.ts'
import type { UserId } from '../../types.ts'
import { uuidBytes } from '../columns.ts'
import { BATCH_ROWS } from '../limits.ts'
import { batchFileOf, batchIdOf, batchOf, poolIdOf, poolOf } from '../pool-columns.ts'
import { batchEvent } from '../pool-events.ts'
import { fileError, forgetBatchAt, hasSameBytes, incomplete, lateAt, maySend } from '../pool-rules.ts'
import type { PoolBatchesTable, PoolsTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { writeEvents } from './events.ts'
import { folderOf, readBatch } from './pool-batches.ts'
import { fillGroups } from './pool-fill.ts'
import { knownPool, readMember } from './pool-rows.ts'

type Batch = Selectable<PoolBatchesTable>

export async function commitBatch(
  db: Kysely<Schema>,
  { pool: id, batch: batchId, member, now }: Parameters<PoolRecords['commitBatch']>[0]
): Promise<BatchRecord> {
  const known = await readBatch(db, id, batchId)
  if (known === undefined || batchOf(known).member !== member) throw new PeerbinError('batch-unknown')
  if (known.state === 'committed') return batchOf(known)
  const pool = await takePool(db, id)
  const memberName = await takeMember(db, pool, member, now)
  const batch = await takeBatch(db, pool, known, now)
  if (batch === undefined) return await committedBefore(db, id, batchId)
  const missing = batch.declared < batch.files ? await firstGap(db, batch) : undefined
  if (missing !== undefined) throw incomplete(missing)
  const duplicates = await markDuplicates(db, batch)
  const { events, groups } = await fillGroups(db, pool, batch, now)
  await checkEntries(db, batch)
  await settleEntries(db, batch, now)
  const record = { ...batchOf(batch), duplicates: batch.duplicates + duplicates }
  await writeEvents(db, [batchEvent(record, { at: now, memberName, groups }), ...events])
  return record
}

/** Its row is taken, so that batches of one pool are committed one after the other, and each finds the groups of those before. @throws `pool-unknown`, `pool-archived` */
async function takePool(db: Kysely<Schema>, id: PoolId): Promise<Selectable<PoolsTable>> {
  const pool = await db
    .updateTable('pools')
    .set((eb) => ({ members: eb.ref('members') }))
    .where('id', '=', uuidBytes(id))
    .where('state', '=', 'active')
    .returningAll()
    .executeTakeFirst()
  if (pool !== undefined) return pool
  await knownPool(db, id)
  throw new PeerbinError('pool-archived')
}

/** Not silent any more. Answers the name. @throws `permission-denied` */
async function takeMember(
  db: Kysely<Schema>,
  pool: Selectable<PoolsTable>,
  user: UserId,
  now: number
): Promise<string> {
  const member = await readMember(db, poolIdOf(pool.id), user)
  if (member === undefined || !maySend(member.role)) throw new PeerbinError('permission-denied')
  const sent = await db
    .updateTable('pool_members')
    .set({ last_sent_at: now, silent_since: null, late_at: lateAt(member.role, poolOf(pool), now) })
    .where('pool', '=', member.pool)
    .where('user_id', '=', member.user_id)
    .where('role', '=', member.role)
    .executeTakeFirst()
  if (sent.numUpdatedRows !== 1n) throw new PeerbinError('busy', 'a member was changed by somebody else')
  return member.name ?? ''
}

/** Undefined: it is not open. */
const takeBatch = (
  db: Kysely<Schema>,
  pool: Selectable<PoolsTable>,
  { id }: Batch,
  now: number
): Promise<Batch | undefined> =>
  db
    .updateTable('pool_batches')
    .set({
      state: 'committed',
      slot: null,
      committed_at: now,
      due_at: forgetBatchAt(now, poolOf(pool).settings)
    })
    .where('pool', '=', pool.id)
    .where('id', '=', id)
    .where('state', '=', 'open')
    .returningAll()
    .executeTakeFirst()

async function committedBefore(db: Kysely<Schema>, pool: PoolId, batch: BatchId): Promise<BatchRecord> {
  const row = await readBatch(db, pool, batch)
  if (row?.state === 'committed') return batchOf(row)
  throw new PeerbinError('batch-closed')
}

/** The first index that was not announced. */
async function firstGap(db: Kysely<Schema>, { pool, id, files }: Batch): Promise<number | undefined> {
  const rows = await db
    .selectFrom('pool_files')
    .select('idx')
    .where('pool', '=', pool)
    .where('batch', '=', id)
    .orderBy('idx')
    .execute()
  const gap = rows.findIndex(({ idx }, i) => idx !== i)
  const first = gap < 0 ? rows.length : gap
  return first < files ? first : undefined
}

/** Of what another batch has committed since it was announced. Answers how many. @throws `file-conflict` */
async function markDuplicates(db: Kysely<Schema>, { pool, id }: Batch): Promise<number> {
  const rows = await db
    .selectFrom('pool_files as mine')
    .innerJoin('pool_files as other', (join) =>
      join
        .onRef('other.pool', '=', 'mine.pool')
        .onRef('other.identity', '=', 'mine.identity')
        .on('other.grp', 'is not', null)
    )
    .selectAll('mine')
    .select(['other.size as other_size', 'other.sha256 as other_sha256'])
    .where('mine.pool', '=', pool)
    .where('mine.batch', '=', id)
    .where('mine.is_duplicate', '=', 0)
    .orderBy('mine.idx')
    .execute()
  for (const row of rows) {
    const other = batchFileOf({ ...row, size: row.other_size, sha256: row.other_sha256 })
    if (!hasSameBytes(batchFileOf(row), other)) throw fileError('file-conflict', batchFileOf(row))
  }
  const indexes = rows.map(({ idx }) => idx)
  for (let at = 0; at < indexes.length; at += BATCH_ROWS)
    await db
      .updateTable('pool_files')
      .set({ is_duplicate: 1 })
      .where('pool', '=', pool)
      .where('batch', '=', id)
      .where('idx', 'in', indexes.slice(at, at + BATCH_ROWS))
      .execute()
  if (indexes.length > 0)
    await db
      .updateTable('pool_batches')
      .set((eb) => ({ duplicates: eb('duplicates', '+', indexes.length) }))
      .where('pool', '=', pool)
      .where('id', '=', id)
      .execute()
  return indexes.length
}

/** @throws `batch-incomplete` */
async function checkEntries(db: Kysely<Schema>, { pool, id }: Batch): Promise<void> {
  const missing = await db
    .selectFrom('pool_files')
    .select('idx')
    .where('pool', '=', pool)
    .where('batch', '=', id)
    .where('is_duplicate', '=', 0)
    .where('entry', 'is', null)
    .orderBy('idx')
    .limit(1)
    .executeTakeFirst()
  if (missing !== undefined) throw incomplete(missing.idx)
}

/** Those of its files stay until their group is emptied; what else was sent for it goes. */
async function settleEntries(db: Kysely<Schema>, { pool, id, files }: Batch, now: number): Promise<void> {
  const ofBatch = db
    .selectFrom('pool_files')
    .select('entry')
    .where('pool', '=', pool)
    .where('batch', '=', id)
    .where('entry', 'is not', null)
  const kept = await db
    .updateTable('entries')
    .set({ expires_at: null })
    .where('id', 'in', ofBatch)
    .where('state', '=', LIVE)
    .executeTakeFirst()
  const { count } = await db
    .selectFrom('pool_files')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('pool', '=', pool)
    .where('batch', '=', id)
    .where('entry', 'is not', null)
    .executeTakeFirstOrThrow()
  if (kept.numUpdatedRows !== BigInt(count)) throw new PeerbinError('busy', 'a file went at the same moment')
  if (Number(count) === files) return
  await db
    .updateTable('entries')
    .set({ expires_at: now })
    .where('owner', '=', pool)
    .where('folder', '=', folderOf(batchIdOf(id)))
    .where('state', '=', LIVE)
    .where('expires_at', 'is not', null)
    .where('expires_at', '>', now)
    .execute()
}
