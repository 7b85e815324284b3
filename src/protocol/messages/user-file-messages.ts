/** Files of users: entries with paths and versions, as part of the control protocol. docs/protocol.md explains them. */

import { z } from 'zod'
import {
  CHUNKS_PER_PAGE_MAX,
  ENTRIES_PER_PAGE_MAX,
  ENTRY_SEARCH_LENGTH_MAX,
  ENTRY_VERSIONS_MAX,
  FOLDER_FILES_DELETED_MAX,
  LINK_DOWNLOADS_MAX
} from '../limits.ts'
import * as s from '../schema.ts'
import { actor } from './account-messages.ts'
import { VERSION_STATUSES } from '../../types.ts'
import { file, link, page } from './shapes.ts'

const noBodies = { requestBody: false, responseBody: false } as const

export const errorCode = z.string().regex(/^[a-z][a-z-]{0,63}$/, 'not an error code')
export const versionNumber = z.int().min(1)

export const version = z.object({
  number: versionNumber,
  status: z.enum(VERSION_STATUSES),
  file: s.fileId.nullable(),
  uploadedAt: s.timeMs,
  sizeBytes: s.count,
  indexBytes: s.count,
  encryption: s.encryption.nullable(),
  mediaType: s.mediaType,
  sha256: s.sha256Hex.nullable(),
  metadata: s.metadata,
  chunkCount: s.count,
  code: errorCode.nullable(),
  attempts: s.count
})

export const entry = z.object({
  id: s.entryId,
  owner: s.userId,
  path: s.entryPath,
  createdAt: s.timeMs,
  changedAt: s.timeMs,
  expiresAt: s.timeMs.nullable(),
  current: version,
  failed: version.nullable()
})

/** Where a page of entries begins: behind this one, in the order that is asked for. `value`: its `changedAt` or size, where that is what they are sorted by; 0 otherwise. */
export const entryCursor = z.object({
  id: s.entryId,
  owner: s.userId,
  path: s.entryPath,
  value: s.count
})

/** Whom an upload is for, and where it goes. */
export const uploadOwner = z.object({
  user: s.userId,
  path: s.entryPath,
  /** Refused with `path-taken` before a byte is sent where there is a file already; whether it is in the end, the commit says. */
  onlyNew: z.boolean().optional()
})

/** The version that a commit makes. */
export const commitEntry = z.object({
  /** Of a new entry; where there is one at the path, that gets the version. */
  id: s.entryId,
  user: s.userId,
  path: s.entryPath,
  /** Null: it never expires. Not given: as the entry had it. */
  expiresAt: s.timeMs.nullable().optional(),
  /** Refused with `path-taken` where there is a file already. */
  onlyNew: z.boolean().optional(),
  /** The version that must count at the path, 0: there is nothing; else refused with `version-conflict`, which tells in `version` what counts. */
  base: s.count.optional(),
  /** With `base`: of which file it is. */
  baseEntry: s.entryId.optional(),
  /** In place of those of openUpload. */
  metadata: s.metadata.optional(),
  attempts: s.count.optional()
})

/** A link as it is made. */
export const newLink = z.object({
  tokenHash: s.secretHash,
  deleteHash: s.secretHash,
  downloads: z.int().min(1).max(LINK_DOWNLOADS_MAX),
  expiresAt: s.timeMs,
  password: s.passwordRecord.optional(),
  proofHash: s.secretHash.optional()
})

const share = z.object({ link, version: versionNumber })
/** First 16 characters of the hash of its token. */
const shareName = z.string().regex(/^[0-9a-f]{16}$/, 'not a share')

const id = s.entryId
const limit = z.int().min(1).max(ENTRIES_PER_PAGE_MAX)

/** All of them: `permission-denied` unless the actor owns the file or is an administrator, `file-unknown` when there is none (any more). */
export const userFileMessages = {
  /** `version`: of that version too. @throws `version-unknown` */
  getEntry: {
    request: z.object({ actor, id, version: versionNumber.optional() }),
    response: z.object({ entry, version, now: s.timeMs }),
    ...noBodies
  },
  /** Null where there is no file. `next`: the number that the next upload to the path will get if nobody is faster. */
  findEntry: {
    request: z.object({ actor, owner: s.userId, path: s.entryPath }),
    response: z.object({ entry: entry.nullable(), next: versionNumber }),
    ...noBodies
  },
  /**
   * `owner` not given: everybody's, for administrators. `folder` not given: the topmost. `search`: in names, whatever their case. By name they are sorted by folder first. A page
   * ends early where it would not fit into a message, or where few of many are found: there is more while `next` is not null.
   */
  listEntries: {
    request: z.object({
      actor,
      owner: s.userId.optional(),
      folder: s.entryPath.optional(),
      recursive: z.boolean(),
      search: z.string().min(1).max(ENTRY_SEARCH_LENGTH_MAX).optional(),
      sort: z.enum(['name', 'date', 'size']),
      order: z.enum(['ascending', 'descending']),
      after: entryCursor.optional(),
      limit
    }),
    response: z.object({
      entries: z.array(entry).max(ENTRIES_PER_PAGE_MAX),
      next: entryCursor.nullable(),
      now: s.timeMs
    }),
    ...noBodies
  },
  /** Folders directly in a folder, by name; `after`: the last of the page before, if that said that there are more. */
  listFolders: {
    request: z.object({
      actor,
      owner: s.userId,
      folder: s.entryPath.optional(),
      after: s.entryPath.optional(),
      limit
    }),
    response: z.object({ folders: z.array(s.entryPath).max(ENTRIES_PER_PAGE_MAX), more: z.boolean() }),
    ...noBodies
  },
  /** The newest first, those that failed among them; `before`: the last of the page before, if that said that there are more. */
  listVersions: {
    request: z.object({ actor, id, before: versionNumber.optional(), limit }),
    response: z.object({
      versions: z.array(version).max(ENTRIES_PER_PAGE_MAX),
      current: versionNumber,
      more: z.boolean()
    }),
    ...noBodies
  },
  /** `version` here and below: refused unless that is the one that counts. `basePath`: unless it is there, in whatever case, or at `path` already. @throws `path-taken`, `path-conflict`, `version-conflict` */
  moveEntry: {
    request: z.object({
      actor,
      id,
      version: versionNumber.optional(),
      basePath: s.entryPath.optional(),
      path: s.entryPath
    }),
    response: z.object({ entry }),
    ...noBodies
  },
  /** Everything in a folder, or nothing where `conflict` says what is in the way, and at which path. `file-unknown`: there is no such folder. @throws `folder-too-large`, `invalid-field` */
  moveFolder: {
    request: z.object({ actor, owner: s.userId, from: s.entryPath, to: s.entryPath }),
    response: z.object({
      moved: s.count,
      conflict: z.object({ code: z.enum(['path-taken', 'path-conflict']), path: s.entryPath }).optional()
    }),
    ...noBodies
  },
  /** At most `limit` files in a folder and below. `more`: not everything was deleted, and the message is to be sent again. `file-unknown`: there is no such folder (any more). */
  deleteFolder: {
    request: z.object({
      actor,
      owner: s.userId,
      folder: s.entryPath,
      limit: z.int().min(1).max(FOLDER_FILES_DELETED_MAX)
    }),
    response: z.object({ deleted: s.count, more: z.boolean() }),
    ...noBodies
  },
  /** `metadata`: of the current version, in place of what it had. `expiresAt` null: never. */
  changeEntry: {
    request: z.object({
      actor,
      id,
      version: versionNumber.optional(),
      metadata: s.metadata.optional(),
      expiresAt: s.timeMs.nullable().optional()
    }),
    response: z.object({ entry }),
    ...noBodies
  },
  /** Makes a new version of an earlier one's content; of the one that counts already nothing. @throws `version-unknown`, `upload-failed` */
  restoreVersion: {
    request: z.object({ actor, id, version: versionNumber }),
    response: z.object({ entry }),
    ...noBodies
  },
  /** Of the current one the version before counts then; with the last one the entry goes: null. @throws `version-unknown` */
  deleteVersion: {
    request: z.object({ actor, id, version: versionNumber }),
    response: z.object({ entry: entry.nullable() }),
    ...noBodies
  },
  /** All versions but the newest `keep`. */
  pruneVersions: {
    request: z.object({ actor, id, keep: z.int().min(1).max(ENTRY_VERSIONS_MAX) }),
    response: z.object({ pruned: s.count }),
    ...noBodies
  },
  /** With its versions and share links. False: it was deleted a moment ago, and this may be a repeat. @throws `version-conflict` */
  deleteEntry: {
    request: z.object({
      actor,
      id,
      version: versionNumber.optional(),
      basePath: s.entryPath.optional()
    }),
    response: z.object({ deleted: z.boolean() }),
    ...noBodies
  },
  /** For a download: the content of a version, with the first page of its chunks; more by listFileChunks. @throws `version-unknown`, `upload-failed` */
  openContent: {
    request: z.object({ actor, id, version: versionNumber.optional() }),
    response: z.object({ file, chunks: page, entry, version, now: s.timeMs }),
    ...noBodies
  },
  /** `version` not given: the current one. Repeats (by `tokenHash`) answer the same. @throws `version-unknown`, `upload-failed`, `shares-full` */
  shareEntry: {
    request: z.object({ actor, id, version: versionNumber.optional(), link: newLink }),
    response: z.object({ link, file, version: versionNumber, now: s.timeMs }),
    ...noBodies
  },
  /** The newest first, those that ended among them, for as long as links are remembered. `after`: the last of the page before. */
  listShares: {
    request: z.object({
      actor,
      id,
      after: z.object({ createdAt: s.timeMs, tokenHash: s.secretHash }).optional(),
      limit: z.int().min(1).max(CHUNKS_PER_PAGE_MAX)
    }),
    response: z.object({ shares: z.array(share).max(CHUNKS_PER_PAGE_MAX), now: s.timeMs }),
    ...noBodies
  },
  /** @throws `share-unknown` */
  revokeShare: {
    request: z.object({ actor, id, share: shareName }),
    response: z.object({ link }),
    ...noBodies
  },
  /** What a user's files take up, uploads under way included. `quotaBytes` null: there is no limit. */
  spaceOf: {
    request: z.object({ actor, user: s.userId }),
    response: z.object({ usedBytes: s.count, quotaBytes: s.count.nullable() }),
    ...noBodies
  },
  /** For administrators: what the files of all users take up, and what share links lead to that belong to nobody; uploads under way included. */
  spaceOfAll: {
    request: z.object({ actor }),
    response: z.object({ usersBytes: s.count, linksBytes: s.count }),
    ...noBodies
  }
} as const
