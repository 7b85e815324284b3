/** The user's files at the server, as the engine of a synced folder sees them. Implementations: HTTP (cli/sync), memory (tests and the simulator). */

import type { ByteRange, EntryId } from '../types.ts'

/** A file as it is at the server: the version that counts. Paths are those below the folder that is synced. */
export interface RemoteFile {
  id: EntryId
  path: string
  version: number
  sizeBytes: number
  /** Lower-case hex. */
  sha256: string
  changedAt: number
  /** `type/subtype` */
  mediaType: string
  /** The user's own pairs; the engine keeps the time of a file under MODIFIED_AT_KEY and leaves the others as they are. */
  metadata: Record<string, string>
}

/** Key of a file's metadata: when its content was modified on the machine it came from, ISO 8601. */
export const MODIFIED_AT_KEY = 'modified_at'

/** Of files of which nobody said what they are, as `peerbin put` sends them. */
export const MEDIA_TYPE = 'application/octet-stream'

/** What of a cursor is the server's epoch; another one: the server was recovered or restored, and may have lost what it said before. */
export const epochOf = (cursor: string): string => cursor.slice(0, Math.max(0, cursor.indexOf('.')))

/** A part of a file, named by its content. */
export interface BlockRef {
  /** SHA-256, lower-case hex. */
  digest: string
  sizeBytes: number
}

/** Which version of which file is meant: a precondition of what changes it. */
export interface RemoteVersion {
  id: EntryId
  version: number
}

/** And where it is. */
export interface RemotePlace extends RemoteVersion {
  path: string
}

/** What became of files since a cursor: states, not steps, so that it does not matter how often or in which order they are told. */
export interface RemoteChanges {
  /** Files that came or changed, as they are now or were at some moment after `cursor`'s. */
  files: RemoteFile[]
  /** Files that are not there any more (or not below the folder that is synced). */
  gone: EntryId[]
  /** Where to go on. */
  cursor: string
  /** Whether there is more already. */
  more: boolean
}

/** A new file or a new version of one, from blocks that the server has. */
export interface RemoteCommit {
  /** UUID. The same again answers the same and does nothing: an answer can get lost. */
  commitId: string
  path: string
  /** In order; one at least. */
  blocks: readonly BlockRef[]
  sha256: string
  sizeBytes: number
  /** What it is the next version of; undefined: nothing may be at the path. */
  base: RemoteVersion | undefined
  mediaType: string
  metadata: Record<string, string>
}

export interface SyncRemote {
  /** Where changes begin that tell of all that happens after this moment; asked for before a listing. `EPOCH.PLACE`: see epochOf. */
  cursor(signal: AbortSignal): Promise<string>
  /** All files, by pages. Those that change meanwhile may be told as they were, twice, or not at all: `changes` tells of them. */
  list(signal: AbortSignal): AsyncIterable<RemoteFile[]>
  /**
   * What changed after a cursor, a bounded number at once; waits up to `waitMs` for something and then answers with nothing.
   * 'lost': what happened since is not known any more, and a new listing is needed.
   */
  changes(after: string, waitMs: number, signal: AbortSignal): Promise<RemoteChanges | 'lost'>
  /** Digests of those blocks that have to be sent before a commit can name them. */
  missing(blocks: readonly BlockRef[], signal: AbortSignal): Promise<ReadonlySet<string>>
  /** Resolves once the block is durable there. @throws checksum-mismatch, quota-exceeded, … */
  putBlock(bytes: Uint8Array, digest: string, signal: AbortSignal): Promise<void>
  /**
   * @throws version-conflict: the version that counts is not that of `base`; file-unknown: the file is gone; path-taken, path-conflict: something is at the
   * path (or is a folder there); blocks-missing: some of the blocks are not there (any more); quota-exceeded, type-forbidden, …
   */
  commit(file: RemoteCommit, signal: AbortSignal): Promise<RemoteFile>
  /** The blocks of a version in order, as it was committed. @throws file-unknown, version-unknown */
  blocksOf(file: RemoteVersion, signal: AbortSignal): Promise<BlockRef[]>
  /** Bytes of a version. @throws file-unknown, version-unknown */
  read(file: RemoteVersion, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * Another path. A repeat answers the same.
   * @throws version-conflict: another version counts, or the file is at neither path; file-unknown, path-taken, path-conflict
   */
  move(file: RemotePlace, path: string, signal: AbortSignal): Promise<RemoteFile>
  /** @throws version-conflict: another version counts, or the file is somewhere else; file-unknown */
  remove(file: RemotePlace, signal: AbortSignal): Promise<void>
}
