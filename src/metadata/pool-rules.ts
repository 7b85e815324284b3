/** What both stores agree on about pools. Pure. */

import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { PeerbinError } from '../errors.ts'
import type { ChangePool } from '../metadata-pools.ts'
import { windowOf } from '../pools.ts'
import type { BatchFile, GroupId, GroupRecord, PoolId, PoolRecord, PoolRole, PoolSettings } from '../pools.ts'
import { uuidOf } from '../runtime/random.ts'
import type { UserId } from '../types.ts'

/** Owners may do everything. */
export const maySend = (role: PoolRole): boolean => role === 'owner' || role === 'producer'

/** A file that cannot be taken in, and which. */
export const fileError = (
  code: 'file-conflict' | 'duplicate-file',
  { index, name }: Pick<BatchFile, 'index' | 'name'>
): PeerbinError => new PeerbinError(code, '', { details: { index, name } })

/** @param index the first that has not arrived */
export const incomplete = (index: number): PeerbinError =>
  new PeerbinError('batch-incomplete', '', { details: { index } })

type Content = Pick<BatchFile, 'sizeBytes' | 'sha256'>
export const hasSameBytes = (a: Content, b: Content): boolean =>
  a.sizeBytes === b.sizeBytes && a.sha256 === b.sha256

/** Announced under an index once, and again. */
export const isSameFile = (a: BatchFile, b: BatchFile): boolean =>
  a.at === b.at && a.name === b.name && hasSameBytes(a, b)

/** Days after which nothing of a committed batch can be sent again, some for clocks and repeats included, so that what it brought need not be known any more. */
const REPEATS_MS = 7 * 24 * 60 * 60 * 1000
export const forgetBatchAt = (now: number, { maxAgeMs, toleranceMs }: PoolSettings): number =>
  now + maxAgeMs + toleranceMs + REPEATS_MS

export const mayWork = (role: PoolRole): boolean => role === 'owner' || role === 'server'

/** When a member is silent who sent, or joined, at `since`; null: never. Only producers have to send, and only while the pool takes something in. */
export const lateAt = (
  role: PoolRole,
  { state, settings }: Pick<PoolRecord, 'state' | 'settings'>,
  since: number
): number | null => (role === 'producer' && state === 'active' ? since + settings.frequencyMs : null)

const IDENTITY_BYTES = 16

/** What a file is told from others by, within its pool. */
export const identityOf = (member: UserId, { at, name }: Pick<BatchFile, 'at' | 'name'>): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(JSON.stringify([member, at, name]))
      .digest()
      .subarray(0, IDENTITY_BYTES)
  )

/** It follows from what the group is, so that whoever makes it makes the same one. */
export const groupIdFor = (pool: PoolId, start: number, generation: number): GroupId =>
  uuidOf(
    createHash('sha256')
      .update(JSON.stringify([pool, start, generation]))
      .digest()
      .subarray(0, 16)
  ) as GroupId

/** @param hasClosed a group that began with this window has. A late one has as long as the window that runs now, or its own, which may lie ahead of us: clocks differ. */
export function newGroup(
  pool: Pick<PoolRecord, 'id' | 'settings'>,
  { at, generation, hasClosed, now }: { at: number; generation: number; hasClosed: boolean; now: number }
): GroupRecord {
  const { settings } = pool
  const { start, end } = windowOf(at, settings)
  const isLate = hasClosed || isOver(end, settings, now)
  return {
    id: groupIdFor(pool.id, start, generation),
    pool: pool.id,
    start,
    end,
    generation,
    isLate,
    state: 'open',
    openedAt: now,
    closesAt: (isLate ? Math.max(end, windowOf(now, settings).end) : end) + settings.graceMs,
    closedAt: null,
    files: 0,
    bytes: 0,
    producers: 0,
    server: null,
    fence: 0,
    leasedUntil: null,
    attempts: 0,
    dueAt: null,
    failure: null,
    result: null,
    endedAt: null,
    isEmptied: false
  }
}

const isOver = (end: number, { graceMs }: PoolSettings, now: number): boolean => now >= end + graceMs

/** Nothing more goes in; it can be given to a server at once. */
export const closedGroup = (group: GroupRecord, now: number): GroupRecord => ({
  ...group,
  state: 'closed',
  closedAt: now,
  dueAt: now
})

/** Whether there is nothing between them that events tell of. */
export const isSamePool = (a: PoolRecord, b: PoolRecord): boolean => a.revision === b.revision

/**
 * As it is after the change; the very same one where nothing is another. A repeat of a change that was made is such a one.
 * @throws `pool-conflict` unless it is at the revision that is asked for
 */
export function changedPool(
  before: PoolRecord,
  { revision, name, settings, state, quotaBytes, now }: ChangePool
): PoolRecord {
  const after: PoolRecord = {
    ...before,
    name: name ?? before.name,
    settings: settings ?? before.settings,
    state: state ?? before.state,
    quotaBytes: quotaBytes === undefined ? before.quotaBytes : quotaBytes
  }
  const isSame = isDeepStrictEqual(before, after)
  if (revision !== undefined && revision !== before.revision && !(isSame && revision === before.revision - 1))
    throw new PeerbinError('pool-conflict')
  if (isSame) return before
  const isTold = !isDeepStrictEqual({ ...before, quotaBytes: null }, { ...after, quotaBytes: null })
  return { ...after, changedAt: now, revision: before.revision + Number(isTold) }
}
