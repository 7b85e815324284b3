/** Pools: many producers send batches of files, the files of one window of time make a group, a server works on it, and every member gets the result. docs/pools.md explains them. */

import type { Brand, EntryId, EventStream, UserId } from './types.ts'

/** UUID v4 of a pool. */
export type PoolId = Brand<string, 'PoolId'>
/** UUID v4 of a batch, chosen by its sender, so that sending it again is harmless. */
export type BatchId = Brand<string, 'BatchId'>
/** UUID v4 of a group, made of its pool, window and generation. */
export type GroupId = Brand<string, 'GroupId'>
/** UUID v4 of a join key. */
export type JoinKeyId = Brand<string, 'JoinKeyId'>

export const POOL_ROLES = ['owner', 'producer', 'listener', 'server'] as const
/** `owner`: everything; `producer`: sends, and gets results; `listener`: gets results; `server`: works on groups. Each member has one. */
export type PoolRole = (typeof POOL_ROLES)[number]

export const POOL_STATES = ['active', 'archived', 'deleting'] as const
/** `archived`: nothing is taken in any more, what is open closes and is worked on, results stay; `deleting`: gone for everybody, its files go step by step. */
export type PoolState = (typeof POOL_STATES)[number]

export const GROUP_STATES = ['open', 'closed', 'processing', 'done', 'failed'] as const
export type GroupState = (typeof GROUP_STATES)[number]

/** How a pool works; what its owner sets. Times in ms. */
export interface PoolSettings {
  /** Producers send at least so often: one that has not is silent. 1 minute to 30 days. */
  frequencyMs: number
  /** Length of a window; windows begin at multiples of it since 1970 (UTC). Default: the frequency. */
  windowMs: number
  /** After the end of a window, files of it still go into its group for so long. */
  graceMs: number
  /** How far a client's clock may be off, and a timestamp ahead of ours. */
  toleranceMs: number
  /** Timestamps older than this are refused. */
  maxAgeMs: number
  /** A group closes as soon as so many producers have sent for it; null: it waits for its time. */
  closeAtProducers: number | null
  /** A server has a group for so long, unless it renews its lease. */
  leaseMs: number
  /** A group that failed, or whose server was lost, is tried so often in all. */
  attemptsMax: number
  /** Files of a group are kept for so long after it is done (or has failed for good). */
  filesTtlMs: number
  /** A result is kept for so long. */
  resultTtlMs: number
}

export interface PoolRecord {
  id: PoolId
  name: string
  state: PoolState
  settings: PoolSettings
  /** What files and results may take up together; null: as configured. */
  quotaBytes: number | null
  createdBy: UserId
  createdAt: number
  changedAt: number
  members: number
  /** Counts changes of name, settings and state: each is conditional on the one before. */
  revision: number
}

export interface PoolMember {
  pool: PoolId
  user: UserId
  /** Of the user. */
  name: string
  role: PoolRole
  /** An account that was made by a join key, for a program: it can do nothing but use this pool, and ends with its membership. */
  isProgram: boolean
  joinedAt: number
  /** When its last batch was committed; null: none was. */
  lastSentAt: number | null
  /** Since when it should have sent, and has not; null: it is not late, or does not send. */
  silentSince: number | null
}

/** What a join key is, without the key. */
export interface JoinKeyRecord {
  id: JoinKeyId
  pool: PoolId
  role: PoolRole
  createdBy: UserId
  createdAt: number
  expiresAt: number
  /** Null: any number. */
  usesMax: number | null
  uses: number
}

export const BATCH_STATES = ['open', 'committed', 'abandoned'] as const
export type BatchState = (typeof BATCH_STATES)[number]

export interface BatchRecord {
  id: BatchId
  pool: PoolId
  member: UserId
  state: BatchState
  /** As announced. */
  files: number
  bytes: number
  /** SHA-256 of what was announced (protocol/pool-batches.ts): another announcement under this id is refused. */
  digest: string
  /** Files that are announced by now, of `files`. */
  declared: number
  /** Of those, files that an earlier batch of the member has brought already, with the same bytes. */
  duplicates: number
  openedAt: number
  expiresAt: number
  committedAt: number | null
}

/** One file as a batch announces it. */
export interface BatchFile {
  /** Position in the batch, from 0. */
  index: number
  /** Unique together with member and timestamp. */
  name: string
  /** The client's time of the file, ms since the epoch: decides its window. */
  at: number
  sizeBytes: number
  /** Lower-case hex. */
  sha256: string
  mediaType: string
  metadata: Record<string, string>
}

/** `declared`: its bytes are awaited. `stored`: they are there. `duplicate`: they were there before this batch. */
export type BatchFileState = 'declared' | 'stored' | 'duplicate'

export interface GroupRecord {
  id: GroupId
  pool: PoolId
  /** Window: from `start` (inclusive) to `end`. */
  start: number
  end: number
  /** 0: the window's group; 1, 2, …: those that followed, of files that came later. */
  generation: number
  /** Opened when its window was closed already. */
  isLate: boolean
  state: GroupState
  openedAt: number
  /** When it closes by itself. */
  closesAt: number
  closedAt: number | null
  files: number
  bytes: number
  producers: number
  /** Who works on it, or did last. */
  server: UserId | null
  /** Number of the last lease; whoever has a smaller one is refused. */
  fence: number
  leasedUntil: number | null
  attempts: number
  /** Not given to anybody before; null: it is not waiting. */
  dueAt: number | null
  /** What the last attempt that failed said. */
  failure: string | null
  result: GroupResult | null
  /** When it was done, or had failed for good. */
  endedAt: number | null
  /** Its files have been let go. */
  isEmptied: boolean
}

export interface GroupResult {
  entry: EntryId
  name: string
  mediaType: string
  sizeBytes: number
  sha256: string
  metadata: Record<string, string>
  expiresAt: number
}

/** A file of a group. */
export interface GroupFile extends BatchFile {
  batch: BatchId
  member: UserId
  /** Name of the member's account. */
  memberName: string
  entry: EntryId
}

export interface GroupProducer {
  user: UserId
  name: string
  files: number
  bytes: number
}

/**
 * Files of a pool are entries of an owner that nobody can sign in as: the pool. So uploads, copies, ranges, expiry, quota and recovery are those of users' files. Ids are drawn from
 * the same 122 random bits as those of users.
 */
export const poolOwner = (pool: PoolId): UserId => pool as unknown as UserId

/** Of an owner who is no user: the pool it would be. */
export const ownerPool = (owner: UserId): PoolId => owner as unknown as PoolId

/** Where events of a pool stand. */
export const poolStream = (pool: PoolId): EventStream => `pool:${pool}` as EventStream

/** Undefined: no pool's. */
export const streamPool = (stream: EventStream): PoolId | undefined =>
  stream.startsWith('pool:') ? (stream.slice('pool:'.length) as PoolId) : undefined

const INDEX_DIGITS = 5

/** Path of a file of a batch, among the pool's entries. */
export const batchPath = (batch: BatchId, index: number): string =>
  `batches/${batch}/${String(index).padStart(INDEX_DIGITS, '0')}`

/** Path of a result while it is sent, and after: each lease has its own, so that a server that was fenced off overwrites nothing. */
export const resultPath = (group: GroupId, fence: number): string => `results/${group}/${fence}`

const UUID_PATTERN = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const BATCH_PATH = new RegExp(`^batches/(${UUID_PATTERN})/[0-9]+$`)
const RESULT_PATH = new RegExp(`^results/(${UUID_PATTERN})/([0-9]+)$`)

/** What a path of batchPath or resultPath is about; undefined for another one. Users may have such paths too: only those of a pool's entries mean it. */
export function poolPathOf(path: string): { batch: BatchId } | { group: GroupId; fence: number } | undefined {
  const batch = BATCH_PATH.exec(path)?.[1]
  if (batch !== undefined) return { batch: batch as BatchId }
  const [, group, fence] = RESULT_PATH.exec(path) ?? []
  return group === undefined ? undefined : { group: group as GroupId, fence: Number(fence) }
}

/** As resultPath makes them. */
export function isResultPath(path: string): boolean {
  const about = poolPathOf(path)
  return about !== undefined && 'group' in about
}

/** Window of a timestamp. */
export function windowOf(
  at: number,
  { windowMs }: Pick<PoolSettings, 'windowMs'>
): { start: number; end: number } {
  const start = Math.floor(at / windowMs) * windowMs
  return { start, end: start + windowMs }
}
