/** What a server answers about pools: the fields of docs/http.md, as they come. Fields that it may add are passed on. */

import { z } from 'zod'
import { BATCH_STATES, GROUP_STATES, POOL_ROLES, POOL_STATES } from '../pools.ts'

const time = z.string()
const count = z.number().int().nonnegative()
/** At most 4 KiB of what a producer or a server said beside a file. */
const metadata = z.record(z.string(), z.string())

export const poolSettings = z.looseObject({
  frequency_s: z.number(),
  window_s: z.number(),
  grace_s: z.number(),
  tolerance_s: z.number(),
  max_age_s: z.number(),
  close_at_producers: z.number().nullable(),
  lease_s: z.number(),
  attempts_max: z.number(),
  files_kept_s: z.number(),
  results_kept_s: z.number()
})
/** How a pool works; durations in seconds. */
export type PoolSettingsAnswer = z.output<typeof poolSettings>

export const pool = z.looseObject({
  pool: z.uuid(),
  name: z.string(),
  state: z.enum(POOL_STATES),
  role: z.enum(POOL_ROLES).nullish(),
  settings: poolSettings,
  quota_bytes: count.nullish(),
  used_bytes: count.nullish(),
  members: count,
  revision: count,
  created_at: time,
  changed_at: time
})
export type PoolAnswer = z.output<typeof pool>
export const poolList = z.looseObject({ pools: z.array(pool), next: z.string().nullable() })

export const member = z.looseObject({
  user: z.uuid(),
  name: z.string(),
  role: z.enum(POOL_ROLES),
  program: z.boolean(),
  joined_at: time,
  last_sent_at: time.nullable(),
  silent_since: time.nullable()
})
export type PoolMemberAnswer = z.output<typeof member>
export const memberList = z.looseObject({ members: z.array(member), next: z.string().nullable() })

/** Goes into a file and into headers: nothing in it but visible ASCII. */
const secretText = z.string().regex(/^[\x21-\x7E]+$/)

export const joined = z.looseObject({ pool, member, token: secretText.nullish() })
export type JoinedAnswer = z.output<typeof joined>

export const joinKey = z.looseObject({
  id: z.string(),
  role: z.enum(POOL_ROLES),
  created_at: time,
  expires_at: time,
  uses: count,
  uses_max: count.nullable()
})
export type JoinKeyAnswer = z.output<typeof joinKey>
export const newJoinKey = joinKey.extend({ key: secretText, url: secretText })
export const joinKeyList = z.looseObject({ keys: z.array(joinKey) })

export const batch = z.looseObject({
  batch: z.uuid(),
  state: z.enum(BATCH_STATES),
  files: count,
  duplicates: count,
  missing: z.array(z.looseObject({ index: count, name: z.string().optional() })).default([]),
  next: z.union([z.string(), z.number()]).nullish()
})
export type BatchAnswer = z.output<typeof batch>

export const groupResult = z.looseObject({
  name: z.string(),
  media_type: z.string(),
  size: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  metadata: metadata.default({}),
  expires: time
})
export type GroupResultAnswer = z.output<typeof groupResult>

export const group = z.looseObject({
  group: z.uuid(),
  start: time,
  end: time,
  generation: count,
  late: z.boolean(),
  state: z.enum(GROUP_STATES),
  opened_at: time,
  closes_at: time,
  closed_at: time.nullable(),
  files: count,
  bytes: count,
  producers: count,
  fence: count,
  lease_until: time.nullable(),
  attempts: count,
  failure: z.string().nullable(),
  result: groupResult.nullable(),
  ended_at: time.nullable(),
  emptied: z.boolean()
})
export type GroupAnswer = z.output<typeof group>
export const groupList = z.looseObject({ groups: z.array(group), next: z.string().nullable() })

export const producer = z.looseObject({ user: z.string(), name: z.string(), files: count, bytes: count })
export type ProducerAnswer = z.output<typeof producer>
export const producerList = z.looseObject({ producers: z.array(producer), next: z.string().nullable() })

/** A line of a group's manifest. */
export const manifestFile = z.looseObject({
  file: z.string(),
  member: z.string(),
  member_name: z.string(),
  name: z.string(),
  timestamp: time,
  size: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  media_type: z.string(),
  metadata: metadata.default({}),
  batch: z.string(),
  path_in_archive: z.string()
})
export type ManifestFile = z.output<typeof manifestFile>

export const poolEvent = z.looseObject({
  id: z.string(),
  type: z.string(),
  subject: z.string(),
  time,
  cursor: z.string(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
})
export type PoolEvent = z.output<typeof poolEvent>
export const eventPage = z.looseObject({
  events: z.array(poolEvent),
  cursor: z.string(),
  more: z.boolean()
})
export type EventPage = z.output<typeof eventPage>
