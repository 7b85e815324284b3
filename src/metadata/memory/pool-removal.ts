import type { PoolRecords } from '../../metadata-pools.ts'
import { batchPath, poolOwner } from '../../pools.ts'
import type { PoolId } from '../../pools.ts'
import { byBytes, placeOf } from '../entry-rules.ts'
import { POOL_RECORD_KEPT_MS } from '../pool-group-rules.ts'
import { filesOf } from './pool-groups.ts'
import type { BatchRow, GroupRow, PoolRow } from './pool-state.ts'
import { byText } from './state.ts'
import type { State } from './state.ts'
import { endEntry } from './versions.ts'

export type Times = Omit<Parameters<PoolRecords['settlePools']>[0], 'limit'>

/** As operations/pool-removal.ts. */
export function endBatches(state: State, times: Times, limit: number): number {
  const due = [...state.pools.values()]
    .flatMap((pool) =>
      [...pool.batches.values()].map((batch) => ({ pool, batch, at: batch.dueAt ?? Infinity }))
    )
    .filter(({ at }) => at <= times.now)
    .toSorted(
      ({ at, batch: { record: a } }, { at: other, batch: { record: b } }) =>
        at - other || byText(a.pool, b.pool) || byText(a.id, b.id)
    )
    .slice(0, limit)
  let changed = 0
  for (const { pool, batch } of due)
    if (changed < limit) changed += endBatch(state, pool, batch, times, limit - changed)
  return changed
}

function endBatch(state: State, pool: PoolRow, batch: BatchRow, times: Times, limit: number): number {
  const { record } = batch
  if (record.state === 'committed') return forgetCommitted(pool, batch, times, limit)
  if (record.state === 'open') {
    record.state = 'abandoned'
    return 1
  }
  const { folder } = placeOf(batchPath(record.id, 0))
  const cleared = endEntries(state, record.pool, times, limit, folder) || dropFiles(pool, batch, limit)
  if (cleared > 0) return cleared
  if ((batch.dueAt ?? 0) > record.expiresAt) pool.batches.delete(record.id)
  else batch.dueAt = Math.max(record.expiresAt, times.now) + POOL_RECORD_KEPT_MS
  return 1
}

function forgetCommitted(pool: PoolRow, batch: BatchRow, { now }: Times, limit: number): number {
  if ([...batch.files.values()].some(({ entry }) => entry !== null)) {
    batch.dueAt = now + POOL_RECORD_KEPT_MS
    return 1
  }
  const dropped = dropFiles(pool, batch, limit)
  if (dropped > 0) return dropped
  pool.batches.delete(batch.record.id)
  return 1
}

/** What a batch announced. */
export function dropFiles(pool: PoolRow, batch: BatchRow, limit: number): number {
  const page = [...batch.files].toSorted(([a], [b]) => a - b).slice(0, limit)
  for (const [index, file] of page) {
    batch.files.delete(index)
    if (pool.files.get(file.identity) === file) pool.files.delete(file.identity)
  }
  return page.length
}

/** Entries of a pool, all or of one folder. */
export function endEntries(
  state: State,
  pool: PoolId,
  { now, graceMs }: Times,
  limit: number,
  folder?: string
): number {
  const page = [...state.entries.values()]
    .filter((row) => !row.isDeleted && row.owner === poolOwner(pool))
    .map((row) => ({ row, place: placeOf(row.path) }))
    .filter(({ place }) => folder === undefined || place.folder === folder)
    .toSorted(({ place: a }, { place: b }) => byBytes(a.folder, b.folder) || byBytes(a.name, b.name))
    .slice(0, limit)
  for (const { row } of page) endEntry(state, row, { now, graceMs })
  return page.length
}

const dueGroups = (state: State, now: number, timeOf: (row: GroupRow) => number | null, limit: number) =>
  [...state.pools.values()]
    .flatMap((pool) => [...pool.groups.values()].map((row) => ({ pool, row, at: timeOf(row) ?? Infinity })))
    .filter(({ at }) => at <= now)
    .toSorted((a, b) => a.at - b.at || byText(a.row.record.id, b.row.record.id))
    .slice(0, limit)

export function emptyGroups(state: State, times: Times, limit: number): number {
  let changed = 0
  for (const { row } of dueGroups(state, times.now, ({ emptyAt }) => emptyAt, limit))
    if (changed < limit) changed += emptyGroup(state, row, times, limit - changed)
  return changed
}

function emptyGroup(state: State, row: GroupRow, { now, graceMs }: Times, limit: number): number {
  row.record.isEmptied = true
  const files = filesOf(row).slice(0, limit)
  for (const file of files) {
    const entry = file.entry === null ? undefined : state.entries.get(file.entry)
    if (entry !== undefined && !entry.isDeleted) endEntry(state, entry, { now, graceMs })
    file.entry = null
  }
  if (files.length === limit) return files.length
  row.emptyAt = null
  return files.length + 1
}

export function forgetGroups(state: State, { now }: Times, limit: number): number {
  let changed = 0
  const timeOf = ({ emptyAt, forgetAt }: GroupRow) => (emptyAt === null ? forgetAt : null)
  for (const { pool, row } of dueGroups(state, now, timeOf, limit))
    if (changed < limit) changed += forgetGroup(pool, row, limit - changed)
  return changed
}

export function forgetGroup(pool: PoolRow, row: GroupRow, limit: number): number {
  const page = [...row.producers.keys()].toSorted(byText).slice(0, limit)
  for (const user of page) row.producers.delete(user)
  if (page.length === limit) return page.length
  pool.groups.delete(row.record.id)
  return page.length + 1
}
