/** As operations/pool-commit.ts and operations/pool-fill.ts: everything that can be refused comes before the first change. */

import { PeerbinError } from '../../errors.ts'
import type { PoolRecords } from '../../metadata-pools.ts'
import { windowOf } from '../../pools.ts'
import type { BatchRecord, GroupRecord } from '../../pools.ts'
import type { EntryId } from '../../types.ts'
import { actorData } from '../event-facts.ts'
import type { NewEvent } from '../event-facts.ts'
import { batchEvent, groupEvent } from '../pool-events.ts'
import { byWindow } from '../pool-group-rules.ts'
import {
  closedGroup,
  fileError,
  forgetBatchAt,
  hasSameBytes,
  incomplete,
  lateAt,
  maySend,
  newGroup
} from '../pool-rules.ts'
import { writeEvent } from './events.ts'
import { batchRecordOf, entriesOf, entryOfFile } from './pool-batches.ts'
import { knownPool, memberRecordOf } from './pool-rows.ts'
import type { BatchRow, GroupRow, MemberRow, PoolFileRow, PoolRow } from './pool-state.ts'
import type { State } from './state.ts'

export function commitBatch(
  state: State,
  { pool: id, batch: batchId, member: user, now }: Parameters<PoolRecords['commitBatch']>[0]
): BatchRecord {
  const batch = state.pools.get(id)?.batches.get(batchId)
  if (batch === undefined || batch.record.member !== user) throw new PeerbinError('batch-unknown')
  if (batch.record.state === 'committed') return batchRecordOf(batch)
  const pool = knownPool(state, id)
  if (pool.record.state !== 'active') throw new PeerbinError('pool-archived')
  const member = pool.members.get(user)
  if (member === undefined || !maySend(member.record.role)) throw new PeerbinError('permission-denied')
  if (batch.record.state !== 'open') throw new PeerbinError('batch-closed')
  const { kept, duplicates } = filesOf(state, pool, batch)

  for (const row of duplicates) row.isDuplicate = true
  Object.assign(batch.record, {
    state: 'committed',
    committedAt: now,
    duplicates: batch.record.duplicates + duplicates.length
  })
  batch.dueAt = forgetBatchAt(now, pool.record.settings)
  noteSent(pool, member, now)
  const events = fillGroups(pool, kept, now)
  settleEntries(state, batch, new Set(kept.map(({ entry }) => entry)), now)
  const groups = new Set(kept.map(({ row }) => row.group)).size
  const memberName = memberRecordOf(state, member).name
  for (const event of [batchEvent(batch.record, { at: now, memberName, groups }), ...events])
    writeEvent(state, event)
  return batchRecordOf(batch)
}

interface Kept {
  row: PoolFileRow
  entry: EntryId
}

/** What goes into groups; and what another batch has committed since it was announced. @throws `batch-incomplete`, `file-conflict` */
function filesOf(state: State, pool: PoolRow, batch: BatchRow): { kept: Kept[]; duplicates: PoolFileRow[] } {
  const all = Array.from({ length: batch.record.files }, (_, index) => batch.files.get(index))
  const gap = all.indexOf(undefined)
  if (gap >= 0) throw incomplete(gap)
  const brought = all.filter((row) => row !== undefined).filter(({ isDuplicate }) => !isDuplicate)
  const duplicates = brought.filter((row) => {
    const other = pool.files.get(row.identity)
    if (other !== undefined && !hasSameBytes(other.file, row.file)) throw fileError('file-conflict', row.file)
    return other !== undefined
  })
  const known = new Set(duplicates)
  const kept = brought
    .filter((row) => !known.has(row))
    .map((row): Kept => {
      const entry = entryOfFile(state, pool.record.id, row)
      if (entry === null) throw incomplete(row.file.index)
      return { row, entry }
    })
  return { kept, duplicates }
}

function noteSent(pool: PoolRow, member: MemberRow, now: number): void {
  member.record.lastSentAt = now
  member.record.silentSince = null
  member.lateAt = lateAt(member.record.role, pool.record, now)
}

/** The one that begins last, where windows were changed. */
const coveringGroup = (pool: PoolRow, at: number): GroupRow | undefined =>
  [...pool.groups.values()]
    .filter(({ record: { state, start, end } }) => state === 'open' && start <= at && at < end)
    .toSorted((a, b) => byWindow(b.record, a.record))[0]

function fillGroups(pool: PoolRow, kept: readonly Kept[], now: number): NewEvent[] {
  // all that are missing come first, so that the order of files does not count
  const missing = kept.map(({ row }) => row.file.at).filter((at) => coveringGroup(pool, at) === undefined)
  const starts = new Set(missing.map((at) => windowOf(at, pool.record.settings).start))
  const opened = new Set([...starts].map((start) => openGroup(pool, start, now)))
  const filled = new Set<GroupRow>()
  for (const { row, entry } of kept) {
    const group = coveringGroup(pool, row.file.at)
    if (group === undefined) throw new PeerbinError('internal', 'a file without a group')
    filled.add(group)
    row.entry = entry
    row.group = group.record.id
    group.files.push(row)
    pool.files.set(row.identity, row)
    const sent = group.producers.get(row.member) ?? { files: 0, bytes: 0 }
    group.producers.set(row.member, {
      files: sent.files + 1,
      bytes: sent.bytes + row.file.sizeBytes
    })
    group.record.files++
    group.record.bytes += row.file.sizeBytes
    group.record.producers = group.producers.size
  }
  const groups = [...filled].toSorted((a, b) => byWindow(a.record, b.record))
  const openEvents = groups
    .filter((group) => opened.has(group))
    .map(({ record }) => groupEvent('group.opened', record, now))
  return [...openEvents, ...groups.flatMap((group) => closeFull(pool, group, now))]
}

function openGroup(pool: PoolRow, start: number, now: number): GroupRow {
  const before = [...pool.groups.values()].map((row) => row.record).filter((each) => each.start === start)
  const record: GroupRecord = newGroup(pool.record, {
    at: start,
    generation: Math.max(-1, ...before.map(({ generation }) => generation)) + 1,
    hasClosed: before.some(({ state }) => state !== 'open'),
    now
  })
  const row: GroupRow = {
    record,
    files: [],
    producers: new Map(),
    emptyAt: null,
    forgetAt: null,
    leaseRequest: null
  }
  pool.groups.set(record.id, row)
  return row
}

function closeFull(pool: PoolRow, group: GroupRow, now: number): NewEvent[] {
  const { closeAtProducers } = pool.record.settings
  if (closeAtProducers === null || group.record.producers < closeAtProducers) return []
  group.record = closedGroup(group.record, now)
  return [groupEvent('group.closed', group.record, now, actorData(null))]
}

/** Those of its files stay until their group is emptied; what else was sent for it goes. */
function settleEntries(
  state: State,
  { record: { pool, id } }: BatchRow,
  kept: ReadonlySet<EntryId>,
  now: number
): void {
  for (const entry of entriesOf(state, pool, id)) {
    if (kept.has(entry.id)) entry.expiresAt = null
    else if (entry.expiresAt !== null) entry.expiresAt = Math.min(entry.expiresAt, now)
  }
}
