import type { PoolRecords } from '../../metadata-pools.ts'
import type { PoolId } from '../../pools.ts'
import { actorData } from '../event-facts.ts'
import { groupEvent, silentEvent } from '../pool-events.ts'
import { closedGroup } from '../pool-rules.ts'
import { writeEvent } from './events.ts'
import { deletePools } from './pool-deletion.ts'
import { endOverdue } from './pool-leases.ts'
import { emptyGroups, endBatches, forgetGroups } from './pool-removal.ts'
import type { Times } from './pool-removal.ts'
import type { GroupRow, PoolRow } from './pool-state.ts'
import { byText } from './state.ts'
import type { State } from './state.ts'

export function nextPoolsAt(state: State): number | null {
  const times = [...state.pools.values()].flatMap(({ record, members, batches, groups }) => [
    ...[...members.values()].map(({ lateAt }) => lateAt),
    ...[...batches.values()].map(({ dueAt }) => dueAt),
    ...[...groups.values()].flatMap(groupTimes),
    record.state === 'deleting' ? record.changedAt : null
  ])
  return times
    .filter((at) => at !== null)
    .reduce<number | null>((first, at) => Math.min(first ?? at, at), null)
}

const groupTimes = ({ record, emptyAt, forgetAt }: GroupRow): Array<number | null> => [
  record.state === 'open' ? record.closesAt : null,
  record.state === 'processing' ? record.leasedUntil : null,
  emptyAt,
  forgetAt
]

/** In this order; each takes what the ones before left of the limit. */
const STEPS = [
  closeGroups,
  endLeases,
  markSilent,
  endBatches,
  emptyGroups,
  forgetGroups,
  deletePools
] as const

export function settlePools(
  state: State,
  { limit, ...times }: Parameters<PoolRecords['settlePools']>[0]
): number {
  let changed = 0
  for (const step of STEPS) if (changed < limit) changed += step(state, times, limit - changed)
  return changed
}

const allGroups = (state: State): Array<{ pool: PoolRow; row: GroupRow }> =>
  [...state.pools.values()].flatMap((pool) => [...pool.groups.values()].map((row) => ({ pool, row })))

function closeGroups(state: State, { now }: Times, limit: number): number {
  const due = allGroups(state)
    .map(({ row }) => row)
    .filter(({ record }) => record.state === 'open' && record.closesAt <= now)
    .toSorted(({ record: a }, { record: b }) => a.closesAt - b.closesAt || byText(a.id, b.id))
    .slice(0, limit)
  for (const row of due) {
    row.record = closedGroup(row.record, now)
    writeEvent(state, groupEvent('group.closed', row.record, now, actorData(null)))
  }
  return due.length
}

function endLeases(state: State, { now }: Times, limit: number): number {
  const over = allGroups(state)
    .filter(({ row: { record } }) => record.state === 'processing' && (record.leasedUntil ?? 0) <= now)
    .toSorted(
      ({ row: { record: a } }, { row: { record: b } }) =>
        (a.leasedUntil ?? 0) - (b.leasedUntil ?? 0) || byText(a.id, b.id)
    )
    .slice(0, limit)
  for (const { pool, row } of over) endOverdue(state, row, pool, now)
  return over.length
}

function markSilent(state: State, { now }: Times, limit: number): number {
  const late = [...state.pools.values()]
    .flatMap(({ members }) => [...members.values()])
    .flatMap((row) => (row.lateAt === null || row.lateAt > now ? [] : [{ row, at: row.lateAt }]))
    .toSorted(
      ({ row: { record: a }, at }, { row: { record: b }, at: other }) =>
        at - other || byText(a.pool, b.pool) || byText(a.user, b.user)
    )
    .slice(0, limit)
  const named = new Map<PoolId, string[]>()
  for (const { row, at } of late) {
    row.record.silentSince = at
    row.lateAt = null
    const { pool, user } = row.record
    named.set(pool, [...(named.get(pool) ?? []), state.users.get(user)?.record.name ?? ''])
  }
  for (const [pool, names] of named) writeEvent(state, silentEvent(pool, names, now))
  return late.length
}
