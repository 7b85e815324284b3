import { PeerbinError } from '../../errors.ts'
import type { GroupHolder, PoolRecords } from '../../metadata-pools.ts'
import { poolOwner, resultPath } from '../../pools.ts'
import type { GroupRecord, GroupResult, PoolRecord, PoolSettings } from '../../pools.ts'
import type { UserId } from '../../types.ts'
import { actorData } from '../event-facts.ts'
import { groupEvent } from '../pool-events.ts'
import * as rules from '../pool-group-rules.ts'
import { findPath } from './entry-paths.ts'
import { eventActor, writeEvent } from './events.ts'
import { copyOfGroup, knownGroup, livePool } from './pool-groups.ts'
import type { GroupRow, PoolRow } from './pool-state.ts'
import type { EntryRow, State } from './state.ts'
import { hasContent } from './versions.ts'

type Request<Name extends keyof PoolRecords> = Parameters<PoolRecords[Name]>[0]

/** @param settings given where the group ends, or no longer has */
function write(row: GroupRow, record: GroupRecord, settings?: PoolSettings): void {
  row.record = record
  if (settings !== undefined) Object.assign(row, rules.timesOf(record, settings))
}

export function leaseGroup(
  state: State,
  { pool: id, server, group: wanted, request, now }: Request<'leaseGroup'>
): GroupRecord | undefined {
  const pool = livePool(state, id)
  const role = pool?.members.get(server)?.record.role
  if (pool === undefined || role === undefined || !rules.mayWork(role)) return undefined
  const given = request && findLease(state, { pool: id, server, request, now })
  if (given) return given
  const { settings } = pool.record
  const waiting = [...pool.groups.values()]
    .filter(({ record }) => wanted === undefined || record.id === wanted)
    .filter(({ record }) => rules.isLeasable(record, now))
    .toSorted((a, b) => rules.byWindow(a.record, b.record))
    .slice(0, rules.LEASE_TRIES)
  for (const row of waiting) {
    if (rules.isUsedUp(row.record, settings)) {
      endOverdue(state, row, pool, now)
      continue
    }
    write(row, rules.leasedGroup(row.record, { server, now, settings }))
    row.leaseRequest = request ?? null
    writeEvent(state, groupEvent('group.taken', row.record, now))
    return copyOfGroup(row)
  }
  return undefined
}

export function findLease(
  state: State,
  { pool, server, request, now }: Request<'findLease'>
): GroupRecord | undefined {
  const row = [...(livePool(state, pool)?.groups.values() ?? [])].find(
    ({ record, leaseRequest }) =>
      record.state === 'processing' &&
      record.server === server &&
      (record.leasedUntil ?? 0) > now &&
      leaseRequest === request
  )
  return row && copyOfGroup(row)
}

/** A lease is over: the group waits again, or has failed. */
export function endOverdue(
  state: State,
  row: GroupRow,
  { record: { settings } }: Pick<PoolRow, 'record'>,
  now: number
): void {
  write(row, rules.overdueGroup(row.record, now, settings), settings)
  writeEvent(state, rules.failureEvent(row.record, now))
}

/** A group of a pool that is there, and whoever says they hold it. */
function readHeld(state: State, { pool: id, group }: GroupHolder): { pool: PoolRow; row: GroupRow } {
  const pool = livePool(state, id)
  const row = pool?.groups.get(group)
  if (pool === undefined || row === undefined) throw rules.notHeld(undefined)
  return { pool, row }
}

export function renewLease(state: State, request: Request<'renewLease'>): GroupRecord {
  const { pool, row } = readHeld(state, request)
  if (!rules.isHeld(row.record, request)) throw rules.notHeld(undefined)
  write(row, rules.renewedGroup(row.record, request.now, pool.record.settings))
  return copyOfGroup(row)
}

export function finishGroup(state: State, request: Request<'finishGroup'>): GroupRecord {
  const { now } = request
  const { pool, row } = readHeld(state, request)
  if (row.record.state === 'done' && rules.isOf(row.record, request)) return copyOfGroup(row)
  if (!rules.isHeld(row.record, request)) throw rules.notHeld(row.record)
  const { settings } = pool.record
  const result = keepResult(state, request, now + settings.resultTtlMs)
  write(row, rules.finishedGroup(row.record, result, now), settings)
  writeEvent(state, groupEvent('group.done', row.record, now))
  return copyOfGroup(row)
}

/** What was stored for this lease stays until it expires. @throws `result-missing` */
function keepResult(
  state: State,
  { pool, group, fence, name, metadata, now }: Request<'finishGroup'>,
  expiresAt: number
): GroupResult {
  const id = findPath(state, poolOwner(pool), resultPath(group, fence))?.entry
  const entry = id === undefined ? undefined : state.entries.get(id)
  const content = entry && contentOf(entry, now)
  if (entry === undefined || content === undefined) throw new PeerbinError('result-missing')
  entry.expiresAt = expiresAt
  const { mediaType, sizeBytes, sha256 } = content
  return {
    entry: entry.id,
    name,
    mediaType,
    sizeBytes,
    sha256: sha256 ?? '',
    metadata: { ...metadata },
    expiresAt
  }
}

function contentOf(entry: EntryRow, now: number) {
  if (!hasContent(entry) || (entry.expiresAt !== null && entry.expiresAt <= now)) return undefined
  return entry.versions.get(entry.shown)?.record
}

export function failGroup(state: State, request: Request<'failGroup'>): GroupRecord {
  const { pool, row } = readHeld(state, request)
  if (!rules.isHeld(row.record, request)) {
    const isRepeat = rules.isOf(row.record, request) && row.record.state !== 'done'
    if (isRepeat) return copyOfGroup(row)
    throw rules.notHeld(row.record)
  }
  const { settings } = pool.record
  write(row, rules.failedGroup(row.record, request, settings), settings)
  writeEvent(state, rules.failureEvent(row.record, request.now))
  return copyOfGroup(row)
}

export function retryGroup(state: State, { pool, group: id, now, by }: Request<'retryGroup'>): GroupRecord {
  const row = knownGroup(state, pool, id)
  row.record = rules.retriedGroup(row.record, now)
  row.emptyAt = null
  row.forgetAt = null
  writeEvent(state, groupEvent('group.closed', row.record, now, actorData(eventActor(state, by))))
  return copyOfGroup(row)
}

export interface VoidLeases {
  pool: Pick<PoolRecord, 'id' | 'settings'>
  server?: UserId | undefined
  now: number
}

/** As operations/pool-leases.ts. */
export function voidLeases(state: State, { pool: { id, settings }, server, now }: VoidLeases): void {
  const held = [...(state.pools.get(id)?.groups.values() ?? [])]
    .filter(({ record }) => record.leasedUntil !== null)
    .filter(({ record }) => server === undefined || record.server === server)
    .toSorted((a, b) => rules.byWindow(a.record, b.record))
  for (const row of held) {
    const { record } = row
    write(row, rules.voidedGroup(record, now, settings), settings)
    if (server !== undefined && record.state === 'processing')
      writeEvent(state, rules.failureEvent(row.record, now))
  }
}
