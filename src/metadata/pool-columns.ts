/** Between records of pools and the rows of their tables; columns.ts explains the kinds. */

import type { Insertable, Selectable } from 'kysely'
import { z } from 'zod'
import type {
  BatchFile,
  BatchFileState,
  BatchId,
  BatchRecord,
  GroupFile,
  GroupId,
  GroupRecord,
  GroupResult,
  JoinKeyId,
  JoinKeyRecord,
  PoolId,
  PoolMember,
  PoolRecord,
  PoolSettings
} from '../pools.ts'
import type { EntryId } from '../types.ts'
import { decode, decodeMetadata, entryOf, hexOf, userOf, uuidBytes, uuidOf } from './columns.ts'
import type {
  PoolBatchesTable,
  PoolFilesTable,
  PoolGroupsTable,
  PoolJoinKeysTable,
  PoolMembersTable,
  PoolsTable
} from './schema-pools.ts'

export const poolIdOf = (bytes: Uint8Array): PoolId => uuidOf(bytes) as PoolId
export const batchIdOf = (bytes: Uint8Array): BatchId => uuidOf(bytes) as BatchId
export const groupIdOf = (bytes: Uint8Array): GroupId => uuidOf(bytes) as GroupId

const settingsRecord = z.object({
  v: z.literal(1),
  frequencyMs: z.number(),
  windowMs: z.number(),
  graceMs: z.number(),
  toleranceMs: z.number(),
  maxAgeMs: z.number(),
  closeAtProducers: z.number().nullable(),
  leaseMs: z.number(),
  attemptsMax: z.number(),
  filesTtlMs: z.number(),
  resultTtlMs: z.number()
})
export const encodePoolSettings = (settings: PoolSettings): string => JSON.stringify({ v: 1, ...settings })
export function decodePoolSettings(text: string): PoolSettings {
  const { v: _v, ...settings } = decode(settingsRecord, text)
  return settings
}

const resultRecord = z.object({
  v: z.literal(1),
  entry: z.string(),
  name: z.string(),
  mediaType: z.string(),
  sizeBytes: z.number(),
  sha256: z.string(),
  metadata: z.record(z.string(), z.string()),
  expiresAt: z.number()
})
export const encodeGroupResult = (result: GroupResult): string => JSON.stringify({ v: 1, ...result })
export function decodeGroupResult(text: string): GroupResult {
  const { v: _v, entry, ...result } = decode(resultRecord, text)
  return { ...result, entry: entry as EntryId }
}

export const poolOf = (row: Selectable<PoolsTable>): PoolRecord => ({
  id: poolIdOf(row.id),
  name: row.name,
  state: row.state,
  settings: decodePoolSettings(row.settings),
  quotaBytes: row.quota,
  createdBy: userOf(row.created_by),
  createdAt: row.created_at,
  changedAt: row.changed_at,
  members: row.members,
  revision: row.revision
})

/** @param row with the name that the account has */
export const memberOf = (row: Selectable<PoolMembersTable> & { name: string | null }): PoolMember => ({
  pool: poolIdOf(row.pool),
  user: userOf(row.user_id),
  name: row.name ?? '',
  role: row.role,
  isProgram: row.is_program === 1,
  joinedAt: row.joined_at,
  lastSentAt: row.last_sent_at,
  silentSince: row.silent_since
})

export const joinKeyOf = (row: Selectable<PoolJoinKeysTable>): JoinKeyRecord => ({
  id: uuidOf(row.id) as JoinKeyId,
  pool: poolIdOf(row.pool),
  role: row.role,
  createdBy: userOf(row.created_by),
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  usesMax: row.uses_max,
  uses: row.uses
})

export const batchOf = (row: Selectable<PoolBatchesTable>): BatchRecord => ({
  id: batchIdOf(row.id),
  pool: poolIdOf(row.pool),
  member: userOf(row.member),
  state: row.state,
  files: row.files,
  bytes: row.bytes,
  digest: hexOf(row.digest),
  declared: row.declared,
  duplicates: row.duplicates,
  openedAt: row.opened_at,
  expiresAt: row.expires_at,
  committedAt: row.committed_at
})

export const batchFileOf = (row: Selectable<PoolFilesTable>): BatchFile => ({
  index: row.idx,
  name: row.name,
  at: row.at,
  sizeBytes: row.size,
  sha256: hexOf(row.sha256),
  mediaType: row.media_type,
  metadata: decodeMetadata(row.metadata)
})

/** @param isThere its bytes are */
export const batchFileState = (
  { is_duplicate }: Pick<Selectable<PoolFilesTable>, 'is_duplicate'>,
  isThere: boolean
): BatchFileState => (is_duplicate === 1 ? 'duplicate' : isThere ? 'stored' : 'declared')

/** Of a row that has its entry still. */
export const groupFileOf = (
  row: Selectable<PoolFilesTable> & { entry: Uint8Array; member_name: string | null }
): GroupFile => ({
  ...batchFileOf(row),
  batch: batchIdOf(row.batch),
  member: userOf(row.member),
  memberName: row.member_name ?? '',
  entry: entryOf(row.entry)
})

export const groupOf = (row: Selectable<PoolGroupsTable>): GroupRecord => ({
  id: groupIdOf(row.id),
  pool: poolIdOf(row.pool),
  start: row.starts,
  end: row.ends,
  generation: row.generation,
  isLate: row.is_late === 1,
  state: row.state,
  openedAt: row.opened_at,
  closesAt: row.closes_at,
  closedAt: row.closed_at,
  files: row.files,
  bytes: row.bytes,
  producers: row.producers,
  server: row.server === null ? null : userOf(row.server),
  fence: row.fence,
  leasedUntil: row.leased_until,
  attempts: row.attempts,
  dueAt: row.due_at,
  failure: row.failure,
  result: row.result === null ? null : decodeGroupResult(row.result),
  endedAt: row.ended_at,
  isEmptied: row.is_emptied === 1
})

/** What a row has beside the record is nothing yet. */
export const groupColumns = (group: GroupRecord): Insertable<PoolGroupsTable> => ({
  id: uuidBytes(group.id),
  pool: uuidBytes(group.pool),
  starts: group.start,
  ends: group.end,
  generation: group.generation,
  is_late: Number(group.isLate),
  state: group.state,
  opened_at: group.openedAt,
  closes_at: group.closesAt,
  closed_at: group.closedAt,
  files: group.files,
  bytes: group.bytes,
  producers: group.producers,
  server: group.server === null ? null : uuidBytes(group.server),
  fence: group.fence,
  leased_until: group.leasedUntil,
  attempts: group.attempts,
  due_at: group.dueAt,
  failure: group.failure,
  result: group.result === null ? null : encodeGroupResult(group.result),
  result_entry: group.result === null ? null : uuidBytes(group.result.entry),
  ended_at: group.endedAt,
  is_emptied: Number(group.isEmptied),
  lease_request: null,
  empty_at: null,
  forget_at: null
})
