/** Files of users as HTTP tells them. */

import { z } from 'zod'
import { nameOf } from '../../client/entry-upload.ts'
import type { StoredEntry } from '../../client/entry-upload.ts'
import { VERSION_STATUSES } from '../../types.ts'
import type { EntryRecord, ShareRecord, VersionRecord } from '../../types.ts'

const iso = (ms: number): string => new Date(ms).toISOString()

const metadata = z.record(z.string(), z.string()).describe("the uploader's own pairs")
const sha256 = z.string().nullable().describe('hex; null: nothing of this version was kept')
const size = z.int().describe('bytes; of an upload that failed, 0')
const date = z
  .string()
  .describe('when its content came, ISO 8601; of a restored version that of the earlier one')
const status = z
  .enum(VERSION_STATUSES)
  .describe(
    'cached: held durably by two nodes at least, further copies are being made; uploaded_successfully: all copies are there; upload_failed: nothing of it was kept'
  )
const error = z.string().nullable().describe('why an upload failed: a code of docs/errors.md')
const attempts = z.int().describe('how often the worst of its chunks had to be sent')

export const fileSchema = z.object({
  file_id: z.string().describe('UUID; stays the same over versions and renaming'),
  file_name: z.string().describe('last part of the path'),
  path: z.string().describe('folders and name, with / between them'),
  file_size: size,
  media_type: z.string(),
  upload_date: date,
  version: z.int().describe('1, 2, …; the one that counts, unless another was asked for'),
  status,
  error,
  sha256,
  metadata,
  expires_at: z.string().nullable().describe('ISO 8601: the file is deleted then; null: never'),
  created_at: z.string().describe('when its first version came, ISO 8601'),
  changed_at: z.string().describe('last change of any kind, ISO 8601'),
  owner_id: z.string().describe('UUID of the user'),
  failed: z
    .object({ version: z.int(), error, attempts })
    .nullable()
    .describe('the newest upload, if it failed: what counts is the version before')
})
export type FileAnswer = z.output<typeof fileSchema>

/** A file, as it is in one of its versions. */
export function fileAnswer(entry: EntryRecord, version: VersionRecord = entry.current): FileAnswer {
  const { failed } = entry
  return {
    file_id: entry.id,
    file_name: nameOf(entry.path),
    path: entry.path,
    file_size: version.sizeBytes,
    media_type: version.mediaType,
    upload_date: iso(version.uploadedAt),
    version: version.number,
    status: version.status,
    error: version.code,
    sha256: version.sha256,
    metadata: version.metadata,
    expires_at: entry.expiresAt === null ? null : iso(entry.expiresAt),
    created_at: iso(entry.createdAt),
    changed_at: iso(entry.changedAt),
    owner_id: entry.owner,
    failed: failed && { version: failed.number, error: failed.code, attempts: failed.attempts }
  }
}

export const listSchema = z.object({
  files: z.array(fileSchema),
  folders: z
    .array(z.string())
    .describe('with the first page: paths of the folders in the one that was asked for'),
  folders_next: z.string().nullable().describe('`folders_after` of further folders; null: these are all'),
  next: z.string().nullable().describe('`after` of the next page; null: this is the last')
})

export const versionSchema = z.object({
  version: z.int(),
  file_size: size,
  media_type: z.string(),
  upload_date: date,
  status,
  error,
  attempts,
  sha256,
  metadata,
  current: z.boolean().describe('whether a download without a version gets this one')
})

export const versionAnswer = (version: VersionRecord, current: number): z.output<typeof versionSchema> => ({
  version: version.number,
  file_size: version.sizeBytes,
  media_type: version.mediaType,
  upload_date: iso(version.uploadedAt),
  status: version.status,
  error: version.code,
  attempts: version.attempts,
  sha256: version.sha256,
  metadata: version.metadata,
  current: version.number === current
})

export const versionsSchema = z.object({
  versions: z.array(versionSchema).describe('the newest first'),
  next: z.int().nullable().describe('`before` of the next page; null: this is the last')
})

export const uploadedSchema = z.object({
  message: z.string(),
  file_id: z.string(),
  file_url: z.string().describe('GET it to download'),
  path: z.string(),
  version: z.int(),
  file_size: size,
  status
})

/** A file that was just stored. @param origin of this edge, as its client reached it */
export const uploadedAnswer = (
  origin: string,
  { entry, version, path, sizeBytes }: StoredFile
): z.output<typeof uploadedSchema> => ({
  message: 'The file was stored.',
  file_id: entry,
  file_url: `${origin}/api/files/download/${entry}`,
  path,
  version,
  file_size: sizeBytes,
  status: 'cached' // that all copies are there is found out later
})

/** What an upload has become. */
export interface StoredFile extends StoredEntry {
  readonly path: string
}

export const messageSchema = z.object({ message: z.string() })

const shareSchema = z.object({
  share: z.string().describe('names the link in DELETE; it does not open it'),
  version: z.int(),
  state: z.enum(['live', 'consumed', 'expired', 'revoked', 'suspended']),
  downloads: z.int().describe('how often it can be redeemed in all'),
  downloads_left: z.int(),
  password_required: z.boolean(),
  created_at: z.string().describe('ISO 8601'),
  expires_at: z.string().describe('ISO 8601')
})

/** The first characters of the hash of its token, as the controller names it. */
const SHARE_LENGTH = 16

export const shareAnswer = ({ link, version }: ShareRecord): z.output<typeof shareSchema> => ({
  share: link.tokenHash.slice(0, SHARE_LENGTH),
  version,
  state: link.state,
  downloads: link.downloads,
  downloads_left: link.state === 'live' ? link.downloads - link.claimed : 0,
  password_required: link.isProtected,
  created_at: iso(link.createdAt),
  expires_at: iso(link.expiresAt)
})

export const sharesSchema = z.object({
  shares: z.array(shareSchema).describe('the newest first'),
  next: z.string().nullable().describe('`after` of the next page; null: this is the last')
})

/** Where a file is: requirement C4. */
export const placedSchema = fileSchema.extend({
  chunks: z
    .array(
      z.object({
        index: z.int(),
        chunk_id: z.string().describe('CID'),
        block_id: z.string().describe('SHA-256 of its bytes, hex: what POST /api/files/commit calls it'),
        size: z.int().describe('bytes'),
        nodes: z.array(z.string()).describe('peer ids of the nodes that hold a copy')
      })
    )
    .describe('in order'),
  next: z.int().nullable().describe('`from` of the next page of chunks; null: these are the last')
})
