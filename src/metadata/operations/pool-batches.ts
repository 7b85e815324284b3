/** Batches: announced, looked at, and given up. Their bytes come as entries of the pool (batchPath), each by itself. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { OpenBatch, PoolRecords } from '../../metadata-pools.ts'
import { batchPath } from '../../pools.ts'
import type { BatchFile, BatchFileState, BatchId, BatchRecord, PoolId } from '../../pools.ts'
import { hashBytes, uuidBytes } from '../columns.ts'
import { placeOf } from '../entry-rules.ts'
import { batchFileOf, batchFileState, batchOf } from '../pool-columns.ts'
import { maySend } from '../pool-rules.ts'
import type { PoolBatchesTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { knownPool, readMember } from './pool-rows.ts'

export const readBatch = (
  db: Kysely<Schema>,
  pool: PoolId,
  batch: BatchId
): Promise<Selectable<PoolBatchesTable> | undefined> =>
  db
    .selectFrom('pool_batches')
    .selectAll()
    .where('pool', '=', uuidBytes(pool))
    .where('id', '=', uuidBytes(batch))
    .executeTakeFirst()

/** entries.folder of its files. */
export const folderOf = (batch: BatchId): string => placeOf(batchPath(batch, 0)).folder

/** Of a file in `pool_files`: the entry with its bytes, in the words of both databases; null where there is none. */
export const entryOfFile = (batch: BatchId) => sql<Uint8Array | null>`(
  select entries.id from paths
  join entries on entries.id = paths.entry and entries.state = ${LIVE}
  join versions on versions.entry = entries.id and versions.number = entries.shown
  join files on files.id = versions.file
  where paths.owner = pool_files.pool
  and paths.key = ${folderOf(batch)} || substr('0000' || pool_files.idx, length('0000' || pool_files.idx) - 4)
  and files.size = pool_files.size and files.sha256 = pool_files.sha256)`

export async function openBatch(db: Kysely<Schema>, request: OpenBatch): Promise<BatchRecord> {
  const { pool, id } = request
  const row = await knownPool(db, pool)
  const known = await readBatch(db, pool, id)
  if (known !== undefined) {
    const { member, digest } = batchOf(known)
    if (member !== request.member || digest !== request.digest) throw new PeerbinError('batch-conflict')
    if (known.state !== 'abandoned') return batchOf(known)
  }
  if (row.state !== 'active') throw new PeerbinError('pool-archived')
  const member = await readMember(db, pool, request.member)
  if (member === undefined || !maySend(member.role)) throw new PeerbinError('permission-denied')
  const opened = {
    slot: await freeSlot(db, request),
    state: 'open' as const,
    files: request.files,
    bytes: request.bytes,
    declared: 0,
    duplicates: 0,
    opened_at: request.openedAt,
    expires_at: request.expiresAt,
    committed_at: null,
    due_at: request.expiresAt
  }
  if (known !== undefined) return await openAnew(db, known, opened, id)
  const inserted = await db
    .insertInto('pool_batches')
    .values({
      pool: row.id,
      id: uuidBytes(id),
      member: uuidBytes(request.member),
      digest: hashBytes(request.digest),
      ...opened
    })
    .onConflict((oc) => oc.doNothing())
    .returningAll()
    .executeTakeFirst()
  if (inserted === undefined) throw new PeerbinError('busy', 'a batch was opened at the same moment')
  return batchOf(inserted)
}

/** What was sent for it before it was given up, and is left, counts. */
async function openAnew(
  db: Kysely<Schema>,
  { pool, id }: Selectable<PoolBatchesTable>,
  opened: Pick<Selectable<PoolBatchesTable>, 'expires_at' | 'state'>,
  batch: BatchId
): Promise<BatchRecord> {
  await db.deleteFrom('pool_files').where('pool', '=', pool).where('batch', '=', id).execute()
  const row = await db
    .updateTable('pool_batches')
    .set(opened)
    .where('pool', '=', pool)
    .where('id', '=', id)
    .where('state', '=', 'abandoned')
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw new PeerbinError('busy', 'a batch was opened at the same moment')
  await keepEntries(db, { pool, batch }, opened.expires_at)
  return batchOf(row)
}

/** Of a batch that is open: until then at least. */
export async function keepEntries(
  db: Kysely<Schema>,
  { pool, batch }: { pool: Uint8Array; batch: BatchId },
  until: number
): Promise<void> {
  await db
    .updateTable('entries')
    .set({ expires_at: until })
    .where('owner', '=', pool)
    .where('folder', '=', folderOf(batch))
    .where('state', '=', LIVE)
    .where('expires_at', '<', until)
    .execute()
}

/** The unique key of member and slot lets nothing in beside another one that took it at the same moment. @throws `batches-full` */
async function freeSlot(db: Kysely<Schema>, { pool, member, openMax }: OpenBatch): Promise<number> {
  const rows = await db
    .selectFrom('pool_batches')
    .select('slot')
    .where('pool', '=', uuidBytes(pool))
    .where('member', '=', uuidBytes(member))
    .where('slot', 'is not', null)
    .execute()
  const taken = new Set(rows.map(({ slot }) => slot))
  const slot = Array.from({ length: openMax }, (_, at) => at).find((at) => !taken.has(at))
  if (slot === undefined) throw new PeerbinError('batches-full')
  return slot
}

export async function getBatch(
  db: Kysely<Schema>,
  pool: PoolId,
  batch: BatchId
): Promise<BatchRecord | undefined> {
  const row = await readBatch(db, pool, batch)
  return row && batchOf(row)
}

export async function listBatchFiles(
  db: Kysely<Schema>,
  { pool, batch, after = -1, missing = false, limit }: Parameters<PoolRecords['listBatchFiles']>[0]
): Promise<Array<BatchFile & { state: BatchFileState }>> {
  const there = entryOfFile(batch)
  const rows = await db
    .selectFrom('pool_files')
    .selectAll()
    // a file that is in a group was there, whatever has become of it since
    .select(sql<number>`case when grp is not null or ${there} is not null then 1 else 0 end`.as('is_there'))
    .where('pool', '=', uuidBytes(pool))
    .where('batch', '=', uuidBytes(batch))
    .where('idx', '>', after)
    .$if(missing, (query) =>
      query.where('is_duplicate', '=', 0).where('grp', 'is', null).where(there, 'is', null)
    )
    .orderBy('idx')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...batchFileOf(row), state: batchFileState(row, row.is_there === 1) }))
}

export async function abandonBatch(
  db: Kysely<Schema>,
  { pool, batch, now }: Parameters<PoolRecords['abandonBatch']>[0]
): Promise<boolean> {
  const given = await db
    .updateTable('pool_batches')
    .set({ state: 'abandoned', slot: null, due_at: now })
    .where('pool', '=', uuidBytes(pool))
    .where('id', '=', uuidBytes(batch))
    .where('state', '=', 'open')
    .executeTakeFirst()
  return given.numUpdatedRows === 1n
}
