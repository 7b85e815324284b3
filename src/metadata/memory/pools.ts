import { PeerbinError } from '../../errors.ts'
import type { ChangePool, CreatePool, PoolRecords } from '../../metadata-pools.ts'
import type { PoolId, PoolRecord, PoolRole } from '../../pools.ts'
import { memberEvent, poolEvent } from '../pool-events.ts'
import { changedPool, isSamePool } from '../pool-rules.ts'
import { eventActor, writeEvent } from './events.ts'
import { livePool, memberRecordOf, poolRecordOf } from './pool-rows.ts'
import type { MemberRow, PoolRow } from './pool-state.ts'
import { voidLeases } from './pool-leases.ts'
import { byText } from './state.ts'
import type { State } from './state.ts'

export function createPool(state: State, request: CreatePool): PoolRecord {
  const { id, name, settings, createdBy, createdAt: now, perUserMax } = request
  const known = state.pools.get(id)
  if (known !== undefined) return poolRecordOf(known)
  const made = [...state.pools.values()].filter(
    ({ record }) => record.createdBy === createdBy && record.state !== 'deleting'
  )
  if (made.length >= perUserMax) throw new PeerbinError('pools-full')
  const owner: MemberRow = {
    record: {
      pool: id,
      user: createdBy,
      role: 'owner',
      isProgram: false,
      joinedAt: now,
      lastSentAt: null,
      silentSince: null
    },
    lateAt: null
  }
  const row: PoolRow = {
    record: {
      id,
      name,
      state: 'active',
      settings: { ...settings },
      quotaBytes: null,
      createdBy,
      createdAt: now,
      changedAt: now,
      members: 0,
      revision: 0
    },
    members: new Map([[createdBy, owner]]),
    joinKeys: new Map(),
    batches: new Map(),
    groups: new Map(),
    files: new Map()
  }
  state.pools.set(id, row)
  const actor = eventActor(state, createdBy)
  writeEvent(state, memberEvent('member.joined', memberRecordOf(state, owner), { at: now, actor }))
  return poolRecordOf(row)
}

export function getPool(state: State, id: PoolId): PoolRecord | undefined {
  const row = livePool(state, id)
  return row && poolRecordOf(row)
}

export function listPools(
  state: State,
  { user, after = '' as PoolId, limit }: Parameters<PoolRecords['listPools']>[0]
): Array<{ pool: PoolRecord; role: PoolRole | null }> {
  return [...state.pools.values()]
    .filter(({ record, members }) => record.state !== 'deleting' && (user === undefined || members.has(user)))
    .filter(({ record }) => record.id > after)
    .toSorted((a, b) => byText(a.record.id, b.record.id))
    .slice(0, limit)
    .map((row) => ({
      pool: poolRecordOf(row),
      role: (user && row.members.get(user)?.record.role) ?? null
    }))
}

export function changePool(state: State, change: ChangePool): PoolRecord {
  const { id, now, by } = change
  const row = state.pools.get(id)
  if (row === undefined) throw new PeerbinError('pool-unknown')
  const before = row.record
  if (before.state === 'deleting') {
    if (change.state === 'deleting') return poolRecordOf(row)
    throw new PeerbinError('pool-unknown')
  }
  const after = changedPool(before, structuredClone(change))
  if (after === before) return poolRecordOf(row)
  row.record = after
  if (!isSamePool(before, after))
    writeEvent(state, poolEvent(after, { at: now, actor: eventActor(state, by) }))
  if (after.state === 'deleting') endPool(state, row, now)
  else moveTimes(row, before, after, now)
  return poolRecordOf(row)
}

function moveTimes(row: PoolRow, before: PoolRecord, after: PoolRecord, now: number): void {
  const producers = [...row.members.values()].filter(({ record }) => record.role === 'producer')
  const frequency = after.settings.frequencyMs
  if (after.state !== before.state) {
    for (const member of producers) {
      member.lateAt = after.state === 'active' ? now + frequency : null
      member.record.silentSince = null
    }
  } else if (after.state === 'active') {
    const by = frequency - before.settings.frequencyMs
    for (const member of producers) moveTime(member, by, now)
  }
  if (after.state === 'archived' && before.state === 'active')
    for (const { record } of row.groups.values())
      if (record.state === 'open') record.closesAt = Math.min(record.closesAt, now)
}

function moveTime(member: MemberRow, by: number, now: number): void {
  const { silentSince } = member.record
  if (member.lateAt !== null) member.lateAt += by
  if (silentSince === null) return
  const moved = silentSince + by
  member.record.silentSince = moved > now ? null : moved
  if (moved > now) member.lateAt = moved
}

function endPool(state: State, row: PoolRow, now: number): void {
  row.joinKeys.clear()
  for (const batch of row.batches.values()) {
    if (batch.record.state !== 'open') continue
    batch.record.state = 'abandoned'
    batch.dueAt = now
  }
  voidLeases(state, { pool: row.record, now })
  for (const member of row.members.values()) {
    member.lateAt = null
    if (member.record.isProgram) endSilently(state, member, now)
  }
}

/** Nobody listens to what happens to programs, so that no events are written. */
function endSilently(state: State, { record: { user } }: MemberRow, now: number): void {
  const account = state.users.get(user)
  if (account !== undefined) account.record.state = 'disabled'
  for (const session of state.sessions.values()) {
    if (session.record.user !== user || session.ended) continue
    session.ended = true
    session.overAt = now
  }
}
