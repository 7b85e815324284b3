/** What a synced folder remembers. Implementations: SQLite in the folder itself (cli/sync), memory (tests and the simulator). */

import type { EntryId } from '../types.ts'
import type { BlockRef, RemoteCommit } from './remote.ts'

/** What both sides had when they last agreed about a file. One for each id, one for each path. */
export interface BaseFile {
  id: EntryId
  path: string
  version: number
  sha256: string
  sizeBytes: number
}

/** The content that a local file with this stamp had. */
export interface LocalDigest {
  path: string
  stamp: string
  /** Whether the stamp was settled before the content was read: if not, it has to be read again. */
  settled: boolean
  sizeBytes: number
  sha256: string
}

/** A commit that may have happened: noted before it is sent, so that a repeat after a crash is known as one. At most one for each path. */
export type PendingCommit = RemoteCommit

/** A file of the server that is about to be written here: noted before, so that after a crash it is not taken for a file that somebody made. At most one for each path. */
export type PendingArrival = BaseFile

/**
 * A move at the server that may have happened: noted before it is sent, so that after a crash, or when its answer was lost, it is not taken for somebody else's, which would count
 * for more than what is done here meanwhile. At most one for each file.
 */
export interface PendingMove {
  id: EntryId
  from: string
  to: string
  /** When it was sent, by this machine's clock. */
  at: number
}

/**
 * A deletion at the server that may have happened: noted before it is sent, so that what is put back here meanwhile is not deleted as if somebody else had deleted the file. At
 * most one for each file.
 */
export interface PendingRemoval {
  id: EntryId
  path: string
  version: number
  /** When it was sent, by this machine's clock. */
  at: number
}

/**
 * A file here that may have got another name: noted before, so that after a crash it is not taken for a new one, even if it was edited since. At most one for each file of the base.
 */
export interface PendingRename {
  id: EntryId
  from: string
  to: string
  /** What it had in it. */
  sha256: string
}

export interface SavedState {
  base: BaseFile[]
  digests: LocalDigest[]
  commits: PendingCommit[]
  arrivals: PendingArrival[]
  moves: PendingMove[]
  removals: PendingRemoval[]
  renames: PendingRename[]
  /** Of the server, when both sides were compared last; undefined: never. */
  epoch: string | undefined
}

export type StateChange =
  | { put: 'base'; file: BaseFile }
  | { drop: 'base'; id: EntryId }
  | { put: 'digest'; file: LocalDigest; blocks: readonly BlockRef[] }
  | { drop: 'digest'; path: string }
  | { put: 'commit'; commit: PendingCommit }
  | { drop: 'commit'; path: string }
  | { put: 'arrival'; file: PendingArrival }
  | { drop: 'arrival'; path: string }
  | { put: 'move'; move: PendingMove }
  | { drop: 'move'; id: EntryId }
  | { put: 'removal'; removal: PendingRemoval }
  | { drop: 'removal'; id: EntryId }
  | { put: 'rename'; rename: PendingRename }
  | { drop: 'rename'; id: EntryId }
  | { put: 'epoch'; epoch: string }

/** Where a block is in a local file, as it was when the file was last read. */
export interface LocalBlock {
  path: string
  stamp: string
  start: number
  sizeBytes: number
}

export interface SyncState {
  load(): Promise<SavedState>
  /** All of them, in order, or none; durable once it resolves. Dropping what is not there is no error. */
  save(changes: readonly StateChange[]): Promise<void>
  /** Blocks of the file with this stamp, in order; undefined: they are not known. */
  blocks(path: string, stamp: string): Promise<BlockRef[] | undefined>
  /** One place each for those of the digests that are somewhere. */
  find(digests: readonly string[]): Promise<ReadonlyMap<string, LocalBlock>>
}
