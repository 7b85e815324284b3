/** What the metadata does with users' files: the part of the seam of metadata-store.ts, whose rules hold here too. */

import type { NewLink } from './metadata-records.ts'
import type {
  EntryId,
  EntryRecord,
  FileId,
  FileRecord,
  LinkRecord,
  SecretHash,
  ShareRecord,
  UserId,
  VersionRecord,
  VersionStatus
} from './types.ts'

export const ENTRY_SORTS = ['name', 'date', 'size'] as const
export type EntrySort = (typeof ENTRY_SORTS)[number]

/** Where a page of entries begins: behind this one. `value`: its `changedAt`, or its size, where that is what they are sorted by; 0 otherwise. */
export interface EntryCursor {
  id: EntryId
  owner: UserId
  path: string
  value: number
}

/** Of the last on a page. */
export const cursorOf = (
  { id, owner, path, changedAt, current }: EntryRecord,
  sort: EntrySort
): EntryCursor => ({
  id,
  owner,
  path,
  value: sort === 'date' ? changedAt : sort === 'size' ? current.sizeBytes : 0
})

export interface ListEntries {
  /** Undefined: everybody's. */
  owner?: UserId | undefined
  /** Only what is in it; undefined: the topmost. */
  folder?: string | undefined
  /** What is in folders below it as well. */
  recursive: boolean
  /** Part of the name, in whatever case. */
  search?: string | undefined
  /** By name: by owner, folder (as their paths are compared) and then name. Equal ones by id. */
  sort: EntrySort
  order: 'ascending' | 'descending'
  after?: EntryCursor | undefined
  limit: number
}

/** `next`: where the next page begins; null: there is none. A page can be short, or empty, and have a next one: one step looks at a bounded number of rows. */
export interface EntryPage {
  entries: EntryRecord[]
  next: EntryCursor | null
}

/** The version of a user's file that a commit makes. */
export interface CommitEntry {
  /** Of a new entry; where there is one at the path, that gets the version. */
  id: EntryId
  user: UserId
  path: string
  /** Null: it never expires; undefined: as the entry had it. */
  expiresAt?: number | null | undefined
  /** Refused where there is a version with content at the path. */
  onlyNew?: boolean | undefined
  /** What its sender knows of the path: the version that counts, 0: no content is there. `version-conflict`, with the version that counts, where that is not so. */
  base?: number | undefined
  /** With `base`: the entry that the version is of; another one at the path is refused in the same way. */
  baseEntry?: EntryId | undefined
  /** In place of those that the upload was opened with. */
  metadata?: Record<string, string> | undefined
  /** Default: 1. */
  attempts?: number | undefined
  /** Who made it, for the event; default: the user. */
  by?: UserId | undefined
  /** How long versions that are too many (ENTRY_VERSIONS_MAX) are kept for those who are reading them; default: not at all. */
  graceMs?: number | undefined
}

/** Which version of which entry. */
export interface VersionRef {
  entry: EntryId
  version: number
}

/** A file's place that was found by its manifest. */
export interface AdoptEntry {
  id: EntryId
  user: UserId
  path: string
  /** The number that it most likely had; another one where that is taken. */
  version: number
  expiresAt: number | null
}

/** Why an upload failed: a code of errors.ts, and how often was tried. */
export interface UploadFailure {
  code: string
  attempts: number
  now: number
}

/** What became of a version. Told in the transaction that changes it (metadata/operations/status-changes.ts). */
export interface StatusChange {
  owner: UserId
  entry: EntryId
  version: number
  path: string
  file: FileId | null
  sizeBytes: number
  status: VersionStatus
  code: string | null
  attempts: number
  /** The store's time. */
  at: number
}

export interface StatusCursor {
  entry: EntryId
  version: number
}

/** Who did it, for the event that tells of it (events.ts); undefined: nobody with an account. */
type By = UserId | undefined

/** Each that changes something writes an event of it into its owner's stream, in the same step. */
export interface EntryRecords {
  /** Undefined for one that is not known (any more). */
  getEntry(id: EntryId): Promise<EntryRecord | undefined>
  /** By its path, in whatever case; the number that the next version there will get; and whether none can be there, since a folder is, or a file above. */
  findEntry(
    owner: UserId,
    path: string
  ): Promise<{ entry: EntryRecord | undefined; next: number; isBlocked: boolean }>
  /** Undefined for one that is not known (any more), or whose entry is not. */
  getVersion(id: EntryId, version: number): Promise<VersionRecord | undefined>
  listEntries(request: ListEntries): Promise<EntryPage>
  /** Folders directly in `folder` (undefined: the topmost), by name, behind `after`. With `now`, only those in which something has not expired by then. */
  listFolders(request: {
    owner: UserId
    folder?: string | undefined
    after?: string | undefined
    limit: number
    now?: number | undefined
  }): Promise<string[]>
  /** The newest first, below `before`. */
  listVersions(id: EntryId, before: number | undefined, limit: number): Promise<VersionRecord[]>
  /**
   * `file-unknown`; `path-taken` where another one is; `path-conflict` where a folder is, or a file above. By unique keys, so that of many only one gets a path.
   * `version` here and below: `version-conflict`, with the version that counts, unless it is this one. `basePath` too, unless the file is there, in whatever case; of one that is at
   * `path` already that is not asked: it may have been a repeat of this that brought it there.
   */
  moveEntry(request: {
    id: EntryId
    version?: number | undefined
    basePath?: string | undefined
    path: string
    now: number
    by?: By
  }): Promise<EntryRecord>
  /**
   * Everything in a folder and below moves, or nothing does: `file-unknown` where nothing is, `folder-too-large` for more than `limit` files, `invalid-field` where a path would be
   * too long, and `path-taken` or `path-conflict` with the first path (`details.path`) that cannot be had. A folder may be where it goes, and then has what was in both. Answers how many moved.
   */
  moveFolder(request: {
    owner: UserId
    from: string
    to: string
    limit: number
    now: number
    by?: By
  }): Promise<number>
  /** `metadata` is the current version's from then on. `file-unknown`, `version-conflict`. */
  changeEntry(request: {
    id: EntryId
    version?: number | undefined
    metadata?: Record<string, string> | undefined
    expiresAt?: number | null | undefined
    now: number
    by?: By
  }): Promise<EntryRecord>
  /**
   * A new version with the content of an earlier one; nothing when the current one has that content. `file-unknown`, `version-unknown`, `upload-failed`. A version that is dropped
   * at the same moment was restored before, or is unknown.
   */
  restoreVersion(request: {
    id: EntryId
    version: number
    now: number
    graceMs: number
    by?: By
  }): Promise<EntryRecord>
  /** Of the current one, the newest with content counts then; with the last one the entry goes as by deleteEntry: undefined. `file-unknown`, `version-unknown`. */
  deleteVersion(request: {
    id: EntryId
    version: number
    now: number
    graceMs: number
    by?: By
  }): Promise<EntryRecord | undefined>
  /** Drops all with content but the newest `keep`, and records of failures older than those. Answers how many. `file-unknown`. */
  pruneVersions(request: {
    id: EntryId
    keep: number
    now: number
    graceMs: number
    by?: By
  }): Promise<number>
  /**
   * Gone from everything at once, with its path, its share links (revoked) and the space of its versions; their content goes after `graceMs`, for those who are reading it.
   * `deleted` false: it was deleted before, and that is remembered still. Answers its links that were revoked, by this or before. `file-unknown`; `version-conflict` for one
   * that is not deleted.
   */
  deleteEntry(request: {
    id: EntryId
    version?: number | undefined
    basePath?: string | undefined
    now: number
    graceMs: number
    by?: By
  }): Promise<{
    deleted: boolean
    owner: UserId
    links: Array<{ tokenHash: SecretHash; deleteHash: SecretHash }>
  }>
  /**
   * A link to the content of a version (undefined: the current one), which is kept as long as either, and called as the entry is now. Idempotent by its token. One that is made while the entry is deleted ends
   * with it, or is refused. `file-unknown`, `version-unknown`, `upload-failed`, `shares-full`; `upload-conflict` for a token or delete secret that another link has.
   */
  shareEntry(request: {
    id: EntryId
    version?: number | undefined
    link: NewLink
    now: number
    by?: By
  }): Promise<{ link: LinkRecord; file: FileRecord; version: number }>
  /** The newest first; those that ended too, while they are remembered. */
  listShares(
    id: EntryId,
    after: { createdAt: number; tokenHash: SecretHash } | undefined,
    limit: number
  ): Promise<ShareRecord[]>
  /** One of them, by the first characters of its token's hash. */
  findShare(
    id: EntryId,
    prefix: string
  ): Promise<{ tokenHash: SecretHash; deleteHash: SecretHash } | undefined>
  /**
   * One bounded step: entries whose time has come are deleted, content whose grace is over is let go, and so are records of failures older than `failedMs` (with their entry, if
   * nothing else is in it). Answers how many rows it changed.
   */
  settleEntries(times: { now: number; graceMs: number; failedMs: number }, limit: number): Promise<number>
  /**
   * One bounded step: of the versions that are `cached`, behind `after`, those of which every chunk has `copies` recorded copies become `uploaded_successfully`. `limit`: pieces
   * looked at; where it has come to in a large file is kept. Answers how many changed, and where to go on; null: all were looked at.
   */
  settleStatuses(request: {
    copies: number
    after?: StatusCursor | undefined
    limit: number
    now: number
  }): Promise<{ changed: number; next: StatusCursor | null }>
}
