/** Shapes of the messages of pools. */

import { z } from 'zod'
import { BATCH_STATES, GROUP_STATES, POOL_ROLES, POOL_STATES } from '../../pools.ts'
import type { BatchId, GroupId, JoinKeyId, PoolId } from '../../pools.ts'
import {
  POOLS_PER_PAGE_MAX,
  POOL_FILE_METADATA_BYTES_MAX,
  POOL_FILE_NAME_BYTES_MAX,
  POOL_NAME_LENGTH_MAX
} from '../limits.ts'
import * as s from '../schema.ts'

export const MINUTE_MS = 60_000
export const DAY_MS = 24 * 60 * MINUTE_MS

export const poolId = s.fileId as unknown as z.ZodType<PoolId, PoolId>
export const batchId = s.fileId as unknown as z.ZodType<BatchId, BatchId>
export const groupId = s.fileId as unknown as z.ZodType<GroupId, GroupId>
export const joinKeyId = s.fileId as unknown as z.ZodType<JoinKeyId, JoinKeyId>
export const poolName = z.string().trim().min(1).max(POOL_NAME_LENGTH_MAX)
export const role = z.enum(POOL_ROLES)
export const within = (least: number, most: number) => z.int().min(least).max(most)
export const pageLimit = within(1, POOLS_PER_PAGE_MAX)

export const poolSettings = z.strictObject({
  frequencyMs: within(MINUTE_MS, 30 * DAY_MS),
  windowMs: within(MINUTE_MS, 30 * DAY_MS),
  graceMs: within(0, 30 * DAY_MS),
  toleranceMs: within(1000, DAY_MS),
  maxAgeMs: within(MINUTE_MS, 3650 * DAY_MS),
  closeAtProducers: within(1, 100_000).nullable(),
  leaseMs: within(5000, DAY_MS),
  attemptsMax: within(1, 100),
  filesTtlMs: within(MINUTE_MS, 3650 * DAY_MS),
  resultTtlMs: within(MINUTE_MS, 3650 * DAY_MS)
})

export const pool = z.object({
  id: poolId,
  name: poolName,
  state: z.enum(POOL_STATES),
  settings: poolSettings,
  quotaBytes: s.count.nullable(),
  createdBy: s.userId,
  createdAt: s.timeMs,
  changedAt: s.timeMs,
  members: s.count,
  revision: s.count
})
export const member = z.object({
  pool: poolId,
  user: s.userId,
  name: s.userName,
  role,
  isProgram: z.boolean(),
  joinedAt: s.timeMs,
  lastSentAt: s.timeMs.nullable(),
  silentSince: s.timeMs.nullable()
})
export const joinKey = z.object({
  id: joinKeyId,
  pool: poolId,
  role,
  createdBy: s.userId,
  createdAt: s.timeMs,
  expiresAt: s.timeMs,
  usesMax: z.int().min(1).nullable(),
  uses: s.count
})
export const batch = z.object({
  id: batchId,
  pool: poolId,
  member: s.userId,
  state: z.enum(BATCH_STATES),
  files: s.count,
  bytes: s.count,
  digest: s.sha256Hex,
  declared: s.count,
  duplicates: s.count,
  openedAt: s.timeMs,
  expiresAt: s.timeMs,
  committedAt: s.timeMs.nullable()
})
export const smallMetadata = s.metadataWithin(POOL_FILE_METADATA_BYTES_MAX)
export const batchFile = z.object({
  index: s.count,
  name: z.string().min(1).pipe(s.textWithin(POOL_FILE_NAME_BYTES_MAX)),
  at: s.timeMs,
  sizeBytes: z.int().min(1),
  sha256: s.sha256Hex,
  mediaType: s.mediaType,
  metadata: smallMetadata
})
const result = z.object({
  entry: s.entryId,
  name: s.fileName,
  mediaType: s.mediaType,
  sizeBytes: s.count,
  sha256: s.sha256Hex,
  metadata: smallMetadata,
  expiresAt: s.timeMs
})
export const group = z.object({
  id: groupId,
  pool: poolId,
  start: s.timeMs,
  end: s.timeMs,
  generation: s.count,
  isLate: z.boolean(),
  state: z.enum(GROUP_STATES),
  openedAt: s.timeMs,
  closesAt: s.timeMs,
  closedAt: s.timeMs.nullable(),
  files: s.count,
  bytes: s.count,
  producers: s.count,
  server: s.userId.nullable(),
  fence: s.count,
  leasedUntil: s.timeMs.nullable(),
  attempts: s.count,
  dueAt: s.timeMs.nullable(),
  failure: z.string().nullable(),
  result: result.nullable(),
  endedAt: s.timeMs.nullable(),
  isEmptied: z.boolean()
})
export const groupFile = z.object({
  ...batchFile.shape,
  batch: batchId,
  member: s.userId,
  memberName: s.userName,
  entry: s.entryId
})
export const batchFileState = z.enum(['declared', 'stored', 'duplicate'])
