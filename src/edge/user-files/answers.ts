/** Files of users as HTTP tells them. */

import { z } from 'zod'

export const STATUSES = ['cached', 'uploaded_successfully', 'upload_failed'] as const

const metadata = z.record(z.string(), z.string()).describe("the uploader's own pairs")
const sha256 = z.string().nullable().describe('hex; null: nothing of this version was kept')
const size = z.int().describe('bytes; of an upload that failed, 0')
const status = z
  .enum(STATUSES)
  .describe(
    'cached: held durably by two nodes at least, further copies are being made; uploaded_successfully: all copies are there; upload_failed: nothing of it was kept'
  )
const error = z.string().nullable().describe('why an upload failed: a code of docs/errors.md')

export const fileSchema = z.object({
  file_id: z.string().describe('UUID; stays the same over versions and renaming'),
  file_name: z.string().describe('last part of the path'),
  path: z.string().describe('folders and name, with / between them'),
  file_size: size,
  media_type: z.string(),
  upload_date: z.string().describe('of this version, ISO 8601'),
  version: z.int().describe('1, 2, …; the newest that is there, unless another was asked for'),
  status,
  error,
  sha256,
  metadata,
  expires_at: z.string().nullable().describe('ISO 8601: the file is deleted then; null: never'),
  created_at: z.string().describe('when its first version came, ISO 8601'),
  changed_at: z.string().describe('last change of any kind, ISO 8601'),
  owner_id: z.string().describe('UUID of the user')
})
export type FileAnswer = z.output<typeof fileSchema>

export const listSchema = z.object({
  files: z.array(fileSchema),
  folders: z.array(z.string()).describe('paths of the folders in the folder that was asked for'),
  next: z.string().nullable().describe('`after` of the next page; null: this is the last')
})

export const versionSchema = z.object({
  version: z.int(),
  file_size: size,
  media_type: z.string(),
  upload_date: z.string().describe('ISO 8601'),
  status,
  error,
  attempts: z.int().describe('most attempts that one copy of its chunks took'),
  sha256,
  metadata,
  current: z.boolean().describe('whether a download without a version gets this one')
})
export type VersionAnswer = z.output<typeof versionSchema>

export const versionsSchema = z.object({
  versions: z.array(versionSchema).describe('the newest first'),
  next: z.string().nullable().describe('`after` of the next page; null: this is the last')
})

export const uploadedSchema = z.object({
  message: z.string(),
  file_id: z.string(),
  file_url: z.string().describe('GET it to download'),
  path: z.string(),
  version: z.int(),
  file_size: size,
  sha256: z.string(),
  status
})
export type UploadedAnswer = z.output<typeof uploadedSchema>

export const messageSchema = z.object({ message: z.string() })

export const sharesSchema = z.object({
  shares: z.array(
    z.object({
      share: z.string().describe('names the link in DELETE; it does not open it'),
      version: z.int(),
      state: z.enum(['live', 'consumed', 'expired', 'revoked', 'suspended']),
      downloads: z.int().describe('how often it can be redeemed in all'),
      downloads_left: z.int(),
      password_required: z.boolean(),
      created_at: z.string().describe('ISO 8601'),
      expires_at: z.string().describe('ISO 8601')
    })
  )
})

/** Where a file is: requirement C4. */
export const placedSchema = fileSchema.extend({
  chunks: z
    .array(
      z.object({
        index: z.int(),
        chunk_id: z.string().describe('CID'),
        size: z.int().describe('bytes'),
        nodes: z.array(z.string()).describe('peer ids of the nodes that hold a copy')
      })
    )
    .describe('in order'),
  next: z.int().nullable().describe('`from` of the next page of chunks; null: these are the last')
})
