import { PeerbinError } from '../../errors.ts'
import type { OpenBatch, PoolRecords } from '../../metadata-pools.ts'
import { batchPath, poolOwner } from '../../pools.ts'
import type { BatchFile, BatchFileState, BatchId, BatchRecord, PoolId } from '../../pools.ts'
import type { EntryId } from '../../types.ts'
import { hexOf } from '../columns.ts'
import { placeOf } from '../entry-rules.ts'
import { fileError, hasSameBytes, identityOf, isSameFile, maySend } from '../pool-rules.ts'
import { findPath } from './entry-paths.ts'
import { knownPool } from './pool-rows.ts'
import type { BatchRow, PoolFileRow, PoolRow } from './pool-state.ts'
import type { EntryRow, State } from './state.ts'

type Request<Name extends keyof PoolRecords> = Parameters<PoolRecords[Name]>[0]

export const batchRecordOf = ({ record }: BatchRow): BatchRecord => ({ ...record })

/** The entry with the bytes of a file. */
export function entryOfFile(state: State, pool: PoolId, { batch, file }: PoolFileRow): EntryId | null {
  const id = findPath(state, poolOwner(pool), batchPath(batch, file.index))?.entry
  const entry = id === undefined ? undefined : state.entries.get(id)
  const content = entry?.versions.get(entry.shown)?.record
  const isIt = content?.sizeBytes === file.sizeBytes && content.sha256 === file.sha256
  return entry !== undefined && isIt ? entry.id : null
}

/** Live entries of a batch. */
export function entriesOf(state: State, pool: PoolId, batch: BatchId): EntryRow[] {
  const { folder } = placeOf(batchPath(batch, 0))
  return [...(state.paths.get(poolOwner(pool)) ?? [])].flatMap(([key, { entry }]) =>
    entry !== undefined && key.startsWith(folder) ? (state.entries.get(entry) ?? []) : []
  )
}

export function openBatch(state: State, request: OpenBatch): BatchRecord {
  const { openMax, ...announced } = request
  const pool = knownPool(state, request.pool)
  const known = pool.batches.get(request.id)
  if (known !== undefined) {
    const { member, digest } = known.record
    if (member !== request.member || digest !== request.digest) throw new PeerbinError('batch-conflict')
    if (known.record.state !== 'abandoned') return batchRecordOf(known)
  }
  if (pool.record.state !== 'active') throw new PeerbinError('pool-archived')
  const role = pool.members.get(request.member)?.record.role
  if (role === undefined || !maySend(role)) throw new PeerbinError('permission-denied')
  const open = [...pool.batches.values()].filter(
    ({ record }) => record.state === 'open' && record.member === request.member
  )
  if (open.length >= openMax) throw new PeerbinError('batches-full')
  const row: BatchRow = {
    record: { ...announced, state: 'open', declared: 0, duplicates: 0, committedAt: null },
    files: new Map(),
    dueAt: request.expiresAt
  }
  pool.batches.set(request.id, row)
  if (known !== undefined) keepEntries(state, row)
  return batchRecordOf(row)
}

function keepEntries(state: State, { record: { pool, id, expiresAt } }: BatchRow): void {
  for (const entry of entriesOf(state, pool, id))
    if (entry.expiresAt !== null) entry.expiresAt = Math.max(entry.expiresAt, expiresAt)
}

export function declareFiles(
  state: State,
  { pool: id, batch: batchId, member, files, expiresAt }: Request<'declareFiles'>
): BatchRecord {
  const pool = knownPool(state, id)
  const batch = pool.batches.get(batchId)
  if (batch === undefined || batch.record.member !== member) throw new PeerbinError('batch-unknown')
  const { record } = batch
  if (record.state !== 'open') throw new PeerbinError('batch-closed')
  if (files.some(({ index }) => index >= record.files))
    throw new PeerbinError('batch-conflict', 'The batch was announced with fewer files.')
  const added = addedRows(pool, batch, files)
  record.expiresAt = Math.max(record.expiresAt, expiresAt)
  batch.dueAt = record.expiresAt
  keepEntries(state, batch)
  for (const row of added) batch.files.set(row.file.index, row)
  record.declared += added.length
  record.duplicates += added.filter(({ isDuplicate }) => isDuplicate).length
  return batchRecordOf(batch)
}

/** Those that were not announced before. Nothing has changed when it throws. */
function addedRows(pool: PoolRow, { record, files: before }: BatchRow, files: BatchFile[]): PoolFileRow[] {
  const identities = new Set([...before.values()].map(({ identity }) => identity))
  return files.flatMap((file): PoolFileRow[] => {
    const known = before.get(file.index)
    if (known !== undefined) {
      if (isSameFile(known.file, file)) return []
      throw new PeerbinError('batch-conflict', 'Another file was announced under this index.')
    }
    const identity = hexOf(identityOf(record.member, file))
    if (identities.has(identity)) throw fileError('duplicate-file', file)
    const other = pool.files.get(identity)
    if (other !== undefined && !hasSameBytes(other.file, file)) throw fileError('file-conflict', file)
    identities.add(identity)
    const isDuplicate = other !== undefined
    const row = { batch: record.id, member: record.member, identity, isDuplicate, entry: null, group: null }
    return [{ ...row, file: structuredClone(file) }]
  })
}

export function getBatch(state: State, pool: PoolId, batch: BatchId): BatchRecord | undefined {
  const row = state.pools.get(pool)?.batches.get(batch)
  return row && batchRecordOf(row)
}

export function listBatchFiles(
  state: State,
  { pool, batch, after = -1, missing = false, limit }: Request<'listBatchFiles'>
): Array<BatchFile & { state: BatchFileState }> {
  const stateOf = (row: PoolFileRow): BatchFileState => {
    if (row.isDuplicate) return 'duplicate'
    return row.group !== null || entryOfFile(state, pool, row) !== null ? 'stored' : 'declared'
  }
  return [...(state.pools.get(pool)?.batches.get(batch)?.files.values() ?? [])]
    .toSorted((a, b) => a.file.index - b.file.index)
    .filter(({ file }) => file.index > after)
    .map((row) => ({ ...structuredClone(row.file), state: stateOf(row) }))
    .filter((file) => !missing || file.state === 'declared')
    .slice(0, limit)
}

export function abandonBatch(state: State, { pool, batch, now }: Request<'abandonBatch'>): boolean {
  const row = state.pools.get(pool)?.batches.get(batch)
  if (row?.record.state !== 'open') return false
  row.record.state = 'abandoned'
  row.dueAt = now
  return true
}
