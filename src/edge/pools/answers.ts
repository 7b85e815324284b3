/** What routes of pools answer with, in the names that HTTP has for it. */

import { z } from 'zod'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import { BATCH_STATES, GROUP_STATES, POOL_ROLES, POOL_STATES } from '../../pools.ts'
import type {
  BatchRecord,
  GroupFile,
  GroupProducer,
  GroupRecord,
  JoinKeyRecord,
  PoolMember,
  PoolRecord,
  PoolRole
} from '../../pools.ts'
import { isoTime } from '../accounts/answers.ts'
import { settingsAnswer, settingsSchema } from './settings.ts'

export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms))
export const time = z.string().describe('ISO 8601')
export const role = z.enum(POOL_ROLES)
const userId = z.string().describe('UUID of the user')
const metadata = z.record(z.string(), z.string()).describe('the sender’s own pairs')

export const poolSchema = z.object({
  pool: z.string().describe('UUID of the pool'),
  name: z.string(),
  state: z.enum(POOL_STATES),
  role: role.nullable().describe('one’s own; null: no member, but an administrator'),
  settings: settingsSchema,
  members: z.int(),
  revision: z.int().describe('counts changes; give it with a change to have it refused if there was another'),
  created_by: userId,
  created_at: time,
  changed_at: time
})

export const poolAnswer = (
  { id, name, state, settings, members, revision, createdBy, createdAt, changedAt }: PoolRecord,
  own: PoolRole | null
): z.output<typeof poolSchema> => ({
  pool: id,
  name,
  state,
  role: own,
  settings: settingsAnswer(settings),
  members,
  revision,
  created_by: createdBy,
  created_at: isoTime(createdAt),
  changed_at: isoTime(changedAt)
})

export const memberSchema = z.object({
  user: userId,
  name: z.string(),
  role,
  program: z.boolean().describe('an account made by a join key, which ends with the membership'),
  joined_at: time,
  last_sent_at: time.nullable().describe('when its last batch was committed'),
  silent_since: time.nullable().describe('since when it should have sent, and has not')
})

export const memberAnswer = (member: PoolMember): z.output<typeof memberSchema> => ({
  user: member.user,
  name: member.name,
  role: member.role,
  program: member.isProgram,
  joined_at: isoTime(member.joinedAt),
  last_sent_at: isoOrNull(member.lastSentAt),
  silent_since: isoOrNull(member.silentSince)
})

export const onePoolSchema = poolSchema.extend({
  member: memberSchema.nullable().describe('oneself'),
  used_bytes: z.int().describe('what files, results and open batches take up'),
  quota_bytes: z.int().nullable().describe('null: no limit'),
  epoch: z.string().describe('what cursors of its events begin with'),
  server_time: time
})

export const onePoolAnswer = ({
  pool,
  member,
  usedBytes,
  quotaBytes,
  epoch,
  now
}: ResponseOf<ControlMessages, 'getPool'>): z.output<typeof onePoolSchema> => ({
  ...poolAnswer(pool, member?.role ?? null),
  member: member && memberAnswer(member),
  used_bytes: usedBytes,
  quota_bytes: quotaBytes,
  epoch,
  server_time: isoTime(now)
})

export const joinKeySchema = z.object({
  id: z.string().describe('UUID of the key; not the key'),
  role,
  created_by: userId,
  created_at: time,
  expires_at: time,
  uses: z.int(),
  uses_max: z.int().nullable().describe('null: any number')
})

export const joinKeyAnswer = (key: JoinKeyRecord): z.output<typeof joinKeySchema> => ({
  id: key.id,
  role: key.role,
  created_by: key.createdBy,
  created_at: isoTime(key.createdAt),
  expires_at: isoTime(key.expiresAt),
  uses: key.uses,
  uses_max: key.usesMax
})

export const batchSchema = z.object({
  batch: z.string().describe('UUID'),
  member: userId,
  state: z.enum(BATCH_STATES),
  files: z.int(),
  bytes: z.int(),
  duplicates: z.int().describe('files that an earlier batch of the member has brought already'),
  missing: z.array(z.object({ index: z.int(), name: z.string() })).describe('files whose bytes are awaited'),
  expires: time.describe('given up then, unless it goes on, ISO 8601'),
  opened_at: time,
  committed_at: time.nullable()
})
export type BatchAnswer = z.output<typeof batchSchema>

export const batchAnswer = (
  { id, member, state, files, bytes, duplicates, openedAt, expiresAt, committedAt }: BatchRecord,
  missing: ReadonlyArray<{ readonly index: number; readonly name: string }>
): BatchAnswer => ({
  batch: id,
  member,
  state,
  files,
  bytes,
  duplicates,
  missing: missing.map(({ index, name }) => ({ index, name })),
  expires: isoTime(expiresAt),
  opened_at: isoTime(openedAt),
  committed_at: isoOrNull(committedAt)
})

export const groupSchema = z.object({
  group: z.string().describe('UUID'),
  start: time.describe('of its window, ISO 8601'),
  end: time,
  generation: z.int().describe('0: the window’s group; 1, 2, …: those of files that came later'),
  late: z.boolean(),
  state: z.enum(GROUP_STATES),
  opened_at: time,
  closes_at: time,
  closed_at: time.nullable(),
  files: z.int(),
  bytes: z.int(),
  producers: z.int(),
  server: userId.nullable().describe('who works on it, or did last'),
  fence: z.int().describe('number of the last lease'),
  lease_until: time.nullable(),
  attempts: z.int(),
  due_at: time.nullable().describe('when it is given to a server; null: it does not wait'),
  failure: z.string().nullable().describe('what the last attempt that failed said'),
  result: z
    .object({
      file: z.string().describe('UUID'),
      name: z.string(),
      media_type: z.string(),
      size: z.int().describe('bytes'),
      sha256: z.string().describe('hex'),
      metadata,
      expires: time
    })
    .nullable(),
  ended_at: time.nullable().describe('when it was done, or had failed for good'),
  emptied: z.boolean().describe('its files are not kept any more')
})
export type GroupAnswer = z.output<typeof groupSchema>

export const groupAnswer = (group: GroupRecord): GroupAnswer => ({
  group: group.id,
  start: isoTime(group.start),
  end: isoTime(group.end),
  generation: group.generation,
  late: group.isLate,
  state: group.state,
  opened_at: isoTime(group.openedAt),
  closes_at: isoTime(group.closesAt),
  closed_at: isoOrNull(group.closedAt),
  files: group.files,
  bytes: group.bytes,
  producers: group.producers,
  server: group.server,
  fence: group.fence,
  lease_until: isoOrNull(group.leasedUntil),
  attempts: group.attempts,
  due_at: isoOrNull(group.dueAt),
  failure: group.failure,
  result: group.result && {
    file: group.result.entry,
    name: group.result.name,
    media_type: group.result.mediaType,
    size: group.result.sizeBytes,
    sha256: group.result.sha256,
    metadata: group.result.metadata,
    expires: isoTime(group.result.expiresAt)
  },
  ended_at: isoOrNull(group.endedAt),
  emptied: group.isEmptied
})

export const producerSchema = z.object({
  user: userId,
  name: z.string(),
  files: z.int(),
  bytes: z.int()
})

export const producerAnswer = ({ user, name, files, bytes }: GroupProducer) => ({ user, name, files, bytes })

/** A line of a group's manifest. */
export const groupFileSchema = z.object({
  file: z.string().describe('UUID: GET …/files/{file} has its bytes'),
  member: userId,
  member_name: z.string(),
  name: z.string(),
  timestamp: time.describe('the client’s, ISO 8601: what its window follows from'),
  size: z.int().describe('bytes'),
  sha256: z.string().describe('hex'),
  media_type: z.string(),
  metadata,
  batch: z.string().describe('UUID'),
  path_in_archive: z.string().describe('where it is in archive.tar and archive.zip')
})

export const groupFileAnswer = (file: GroupFile, path: string): z.output<typeof groupFileSchema> => ({
  file: file.entry,
  member: file.member,
  member_name: file.memberName,
  name: file.name,
  timestamp: isoTime(file.at),
  size: file.sizeBytes,
  sha256: file.sha256,
  media_type: file.mediaType,
  metadata: file.metadata,
  batch: file.batch,
  path_in_archive: path
})
