/** What happens to a group once it has closed, step by step, for both stores: from what it was to what it is. Pure. */

import { PeerbinError } from '../errors.ts'
import type { GroupHolder } from '../metadata-pools.ts'
import type { GroupRecord, GroupResult, PoolRole, PoolSettings } from '../pools.ts'
import type { UserId } from '../types.ts'
import type { NewEvent } from './event-facts.ts'
import { groupEvent } from './pool-events.ts'

const DAY_MS = 24 * 60 * 60_000

/** Beyond the time until which something could be asked for or sent again: records of pools are small, and clocks and batches may be late. */
export const POOL_RECORD_KEPT_MS = 7 * DAY_MS

/** A pool that is being deleted and has uploads still is looked at again so much later. */
export const POOL_LOOK_AGAIN_MS = 60_000

/** Groups that one request for work looks at: nearly always it gets the first. */
export const LEASE_TRIES = 20

/** Why an attempt failed of which nobody said why. */
export const LEASE_OVER = 'lease-over'
export const MEMBER_REMOVED = 'member-removed'

/** Owners may do everything. */
export const mayWork = (role: PoolRole): boolean => role === 'owner' || role === 'server'

/** When the files of a group go, and the group itself. */
export interface GroupTimes {
  emptyAt: number | null
  forgetAt: number | null
}

/**
 * Of a group as it is when it ends; what is set later holds for those that end later. It is forgotten when its result has expired, and no file of its window can come any more: an
 * id stands for one group.
 */
export function timesOf(
  { endedAt, end, result }: GroupRecord,
  { filesTtlMs, maxAgeMs, toleranceMs }: PoolSettings
): GroupTimes {
  if (endedAt === null) return { emptyAt: null, forgetAt: null }
  const emptyAt = endedAt + filesTtlMs
  const last = Math.max(emptyAt, result?.expiresAt ?? 0, end + maxAgeMs + toleranceMs)
  return { emptyAt, forgetAt: last + POOL_RECORD_KEPT_MS }
}

/** The oldest window first, and of one in the order in which they were opened. */
export const byWindow = (
  a: Pick<GroupRecord, 'start' | 'generation'>,
  b: Pick<GroupRecord, 'start' | 'generation'>
): number => a.start - b.start || a.generation - b.generation

export const isLeasable = ({ state, dueAt, leasedUntil }: GroupRecord, now: number): boolean =>
  (state === 'closed' && dueAt !== null && dueAt <= now) ||
  (state === 'processing' && isPast(leasedUntil, now))

const isPast = (at: number | null, now: number): boolean => at !== null && at <= now

/** Nobody may try it any more. */
export const isUsedUp = ({ attempts }: GroupRecord, { attemptsMax }: PoolSettings): boolean =>
  attempts >= attemptsMax

export const leasedGroup = (
  group: GroupRecord,
  { server, now, settings }: { server: UserId; now: number; settings: PoolSettings }
): GroupRecord => ({
  ...group,
  state: 'processing',
  server,
  fence: group.fence + 1,
  leasedUntil: now + settings.leaseMs,
  attempts: group.attempts + 1,
  dueAt: null
})

/** Whoever had it last has it until somebody else does: also when the time was over and the group waits again, but not when they gave it back themselves. */
export const isHeld = (
  { state, fence, server, leasedUntil }: GroupRecord,
  holder: Pick<GroupHolder, 'fence' | 'server'>
): boolean =>
  (state === 'processing' || state === 'closed') &&
  leasedUntil !== null &&
  fence === holder.fence &&
  server === holder.server

/** It was this holder who ended the attempt, or had it last. */
export const isOf = (
  { fence, server }: GroupRecord,
  holder: Pick<GroupHolder, 'fence' | 'server'>
): boolean => fence === holder.fence && server === holder.server

/** What to tell somebody who does not hold it. */
export const notHeld = (group: GroupRecord | undefined): PeerbinError =>
  new PeerbinError(group?.state === 'done' ? 'group-done' : 'lease-lost')

export const renewedGroup = (group: GroupRecord, now: number, { leaseMs }: PoolSettings): GroupRecord => ({
  ...group,
  state: 'processing',
  leasedUntil: Math.max(group.leasedUntil ?? 0, now + leaseMs),
  dueAt: null
})

export const finishedGroup = (group: GroupRecord, result: GroupResult, now: number): GroupRecord => ({
  ...group,
  state: 'done',
  result,
  leasedUntil: null,
  dueAt: null,
  endedAt: now
})

interface Failure {
  reason: string
  /** When it may be given to somebody again. */
  retryAt: number
  isFinal: boolean
  now: number
}

export const failedGroup = (
  group: GroupRecord,
  { reason, retryAt, isFinal, now }: Failure,
  settings: PoolSettings
): GroupRecord => {
  const isOver = isFinal || isUsedUp(group, settings)
  return {
    ...group,
    state: isOver ? 'failed' : 'closed',
    failure: reason,
    leasedUntil: null,
    dueAt: isOver ? null : retryAt,
    endedAt: isOver ? now : null
  }
}

/** Its lease is over: it waits for anybody again. */
export const overdueGroup = (group: GroupRecord, now: number, settings: PoolSettings): GroupRecord => {
  const failed = failedGroup(group, { reason: LEASE_OVER, retryAt: now, isFinal: false, now }, settings)
  return failed.state === 'closed' ? { ...failed, leasedUntil: group.leasedUntil } : failed
}

/** Whoever has it, or had it last, may not any more. */
export const voidedGroup = (group: GroupRecord, now: number, settings: PoolSettings): GroupRecord => ({
  ...(group.state === 'processing'
    ? failedGroup(group, { reason: MEMBER_REMOVED, retryAt: now, isFinal: false, now }, settings)
    : { ...group, leasedUntil: null }),
  fence: group.fence + 1
})

/** @throws `group-state` */
export function retriedGroup(group: GroupRecord, now: number): GroupRecord {
  if (group.state !== 'failed' || group.isEmptied) throw new PeerbinError('group-state')
  return { ...group, state: 'closed', attempts: 0, dueAt: now, endedAt: null }
}

/** Of a group after an attempt that failed. */
export const failureEvent = (group: GroupRecord, at: number): NewEvent =>
  groupEvent('group.failed', group, at, { reason: group.failure, final: group.state === 'failed' })
