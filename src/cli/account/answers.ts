/** What a server answers about accounts and files. Fields that it may add are passed on in --json. */

import { z } from 'zod'

const isoTime = z.string()
const size = z.number().nonnegative()

export const said = z.looseObject({ message: z.string() })

export const signedIn = z.looseObject({ access_token: z.string().min(1), user_id: z.string().optional() })

export const validated = z.looseObject({
  user_id: z.string(),
  username: z.string(),
  role: z.string(),
  expires_at: isoTime.nullish()
})

export const account = z.looseObject({
  user_id: z.string(),
  username: z.string(),
  role: z.string(),
  used_bytes: size.nullish(),
  quota_bytes: size.nullish(),
  created_at: isoTime.optional()
})

export const registration = z.looseObject({ mode: z.enum(['open', 'invited', 'closed']) })

export const file = z.looseObject({
  file_id: z.string(),
  file_name: z.string(),
  path: z.string(),
  file_size: size,
  upload_date: isoTime,
  version: z.number().int().positive(),
  status: z.string(),
  sha256: z.string().nullish(),
  expires_at: isoTime.nullish(),
  owner_id: z.string().optional()
})
export type FileAnswer = z.output<typeof file>

export const fileList = z.looseObject({
  files: z.array(file),
  folders: z.array(z.string()).default([]),
  folders_next: z.string().nullish(),
  next: z.string().nullable()
})

export const stored = z.looseObject({
  file_id: z.string(),
  version: z.number().int().positive().optional(),
  status: z.string().optional(),
  sha256: z.string().nullish()
})
export type StoredAnswer = z.output<typeof stored>

export const version = z.looseObject({
  version: z.number().int().positive(),
  upload_date: isoTime,
  file_size: size,
  status: z.string(),
  error: z.string().nullish(),
  sha256: z.string().nullish()
})
export type VersionAnswer = z.output<typeof version>
export const versionList = z.looseObject({
  versions: z.array(version),
  next: z.union([z.string(), z.number()]).nullish()
})

/** The address is printed as it comes, so it must be one: no blanks, and nothing that moves a terminal's cursor. */
export const shared = z.looseObject({
  url: z.string().regex(/^[\x21-\x7E]+$/),
  passwordRequired: z.boolean().optional()
})

export const share = z.looseObject({
  share: z.string(),
  version: z.number().optional(),
  state: z.string(),
  downloads: z.number().optional(),
  downloads_left: z.number().optional(),
  password_required: z.boolean().optional(),
  expires_at: isoTime.nullish()
})
export const shareList = z.looseObject({ shares: z.array(share) })

const time = z.union([isoTime, z.number()])
export const record = z.looseObject({
  seq: z.number(),
  at: time,
  action: z.string(),
  outcome: z.string(),
  actor_name: z.string().nullish(),
  path: z.string().nullish(),
  version: z.number().nullish(),
  bytes: z.number().nullish(),
  duration_ms: z.number().nullish(),
  address: z.string().nullish(),
  status: z.string().nullish(),
  detail: z.string().nullish()
})
export type HistoryRecord = z.output<typeof record>
export const recordList = z.looseObject({
  records: z.array(record),
  next: z.union([z.string(), z.number()]).nullish()
})

const event = z.looseObject({
  type: z.string(),
  subject: z.string(),
  time: isoTime,
  cursor: z.string(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
})
export type EventAnswer = z.output<typeof event>
export const eventPage = z.looseObject({ events: z.array(event), cursor: z.string(), more: z.boolean() })

export const key = z.looseObject({
  key_id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()).default([]),
  created_at: time.nullish(),
  last_used_at: time.nullish(),
  expires_at: time.nullish()
})
export const keyList = z.looseObject({ keys: z.array(key) })
export const newKey = z.looseObject({ key_id: z.string(), key: z.string().regex(/^[\x21-\x7E]+$/) })

export const user = z.looseObject({
  user_id: z.string(),
  username: z.string(),
  role: z.string(),
  state: z.string(),
  used_bytes: size.nullish(),
  quota_bytes: size.nullish(),
  created_at: time.nullish()
})
export type UserAnswer = z.output<typeof user>
export const userList = z.looseObject({ users: z.array(user), next: z.string().nullish() })

export const invite = z.looseObject({ invite_id: z.string(), role: z.string(), expires_at: time.nullish() })
export const newInvite = z.looseObject({ invite_url: z.string().regex(/^[\x21-\x7E]+$/) })
export const inviteList = z.looseObject({ invites: z.array(invite), next: z.string().nullish() })

export const session = z.looseObject({
  session_id: z.string(),
  name: z.string(),
  created_at: time.nullish(),
  last_used_at: time.nullish(),
  expires_at: time.nullish(),
  current: z.boolean().optional()
})
export type SessionAnswer = z.output<typeof session>
export const sessionList = z.looseObject({ sessions: z.array(session) })
export const endedSessions = said.extend({ ended: z.number() })

export const movedFolder = z.looseObject({ moved: z.number() })
export const deletedFolder = z.looseObject({ deleted: z.number(), more: z.boolean() })
