/** What a batch brings, as it is announced. */

import type { Insertable, Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { PoolRecords } from '../../metadata-pools.ts'
import type { BatchFile, BatchRecord } from '../../pools.ts'
import { encodeMetadata, hashBytes, hexOf, userOf } from '../columns.ts'
import { BATCH_ROWS } from '../limits.ts'
import { batchFileOf, batchOf } from '../pool-columns.ts'
import { fileError, hasSameBytes, identityOf, isSameFile } from '../pool-rules.ts'
import type { PoolBatchesTable, PoolFilesTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'
import { keepEntries, readBatch } from './pool-batches.ts'
import { knownPool } from './pool-rows.ts'

type Row = Selectable<PoolBatchesTable>
type Announced = BatchFile & { identity: Uint8Array }

export async function declareFiles(
  db: Kysely<Schema>,
  { pool, batch: id, member, files, expiresAt }: Parameters<PoolRecords['declareFiles']>[0]
): Promise<BatchRecord> {
  await knownPool(db, pool)
  const known = await readBatch(db, pool, id)
  if (known === undefined || userOf(known.member) !== member) throw new PeerbinError('batch-unknown')
  const until = Math.max(known.expires_at, expiresAt)
  // takes its row: nobody else announces, commits or gives up meanwhile
  const batch = await db
    .updateTable('pool_batches')
    .set({ expires_at: until, due_at: until })
    .where('pool', '=', known.pool)
    .where('id', '=', known.id)
    .where('state', '=', 'open')
    .returningAll()
    .executeTakeFirst()
  if (batch === undefined) throw new PeerbinError('batch-closed')
  if (until > known.expires_at) await keepEntries(db, { pool: batch.pool, batch: id }, until)
  if (files.some(({ index }) => index >= batch.files))
    throw new PeerbinError('batch-conflict', 'The batch was announced with fewer files.')
  const added = { declared: 0, duplicates: 0 }
  for (let at = 0; at < files.length; at += BATCH_ROWS) {
    const rows = await announce(db, batch, files.slice(at, at + BATCH_ROWS))
    added.declared += rows.length
    added.duplicates += rows.filter(({ is_duplicate }) => is_duplicate === 1).length
  }
  if (added.declared === 0) return batchOf(batch)
  const counted = await db
    .updateTable('pool_batches')
    .set((eb) => ({
      declared: eb('declared', '+', added.declared),
      duplicates: eb('duplicates', '+', added.duplicates)
    }))
    .where('pool', '=', batch.pool)
    .where('id', '=', batch.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return batchOf(counted)
}

/** Answers those that were not announced before. */
async function announce(
  db: Kysely<Schema>,
  batch: Row,
  files: readonly BatchFile[]
): Promise<Array<Insertable<PoolFilesTable>>> {
  const member = userOf(batch.member)
  const before = await announcedAt(db, batch, files)
  const added = files.flatMap((file): Announced[] => {
    const known = before.get(file.index)
    if (known === undefined) return [{ ...file, identity: identityOf(member, file) }]
    if (isSameFile(known, file)) return []
    throw new PeerbinError('batch-conflict', 'Another file was announced under this index.')
  })
  if (added.length === 0) return []
  const [ofBatch, committed] = await knownBy(db, batch, added)
  const rows = added.map((file): Insertable<PoolFilesTable> => {
    const key = hexOf(file.identity)
    if (ofBatch.has(key)) throw fileError('duplicate-file', file)
    const other = committed.get(key)
    if (other !== undefined && !hasSameBytes(other, file)) throw fileError('file-conflict', file)
    ofBatch.add(key)
    return rowOf(batch, file, other !== undefined)
  })
  await db.insertInto('pool_files').values(rows).execute()
  return rows
}

const rowOf = (
  { pool, id, member }: Row,
  file: Announced,
  isDuplicate: boolean
): Insertable<PoolFilesTable> => ({
  pool,
  batch: id,
  idx: file.index,
  member,
  name: file.name,
  at: file.at,
  size: file.sizeBytes,
  sha256: hashBytes(file.sha256),
  media_type: file.mediaType,
  metadata: encodeMetadata(file.metadata),
  identity: file.identity,
  is_duplicate: Number(isDuplicate),
  entry: null,
  grp: null
})

async function announcedAt(
  db: Kysely<Schema>,
  { pool, id }: Row,
  files: readonly BatchFile[]
): Promise<Map<number, BatchFile>> {
  const rows = await db
    .selectFrom('pool_files')
    .selectAll()
    .where('pool', '=', pool)
    .where('batch', '=', id)
    .where(
      'idx',
      'in',
      files.map(({ index }) => index)
    )
    .execute()
  return new Map(rows.map((row) => [row.idx, batchFileOf(row)]))
}

/** Identities of this batch, in hex; and of the files that other batches have committed. */
async function knownBy(
  db: Kysely<Schema>,
  { pool, id }: Row,
  files: readonly Announced[]
): Promise<[Set<string>, Map<string, BatchFile>]> {
  const identities = files.map(({ identity }) => identity)
  const ofBatch = await db
    .selectFrom('pool_files')
    .select('identity')
    .where('pool', '=', pool)
    .where('batch', '=', id)
    .where('identity', 'in', identities)
    .where('grp', 'is', null)
    .execute()
  const committed = await db
    .selectFrom('pool_files')
    .selectAll()
    .where('pool', '=', pool)
    .where('identity', 'in', identities)
    .where('grp', 'is not', null)
    .execute()
  return [
    new Set(ofBatch.map(({ identity }) => hexOf(identity))),
    new Map(committed.map((row) => [hexOf(row.identity), batchFileOf(row)]))
  ]
}
