/** What the engine of a synced folder takes and tells. */

import type { ErrorCode } from '../errors.ts'
import type { Clock, Logger, Random } from '../interfaces.ts'
import type { LocalProblemCode, SyncFolder } from './folder.ts'
import type { SyncRemote } from './remote.ts'
import type { SyncState } from './state.ts'

export interface SyncParts {
  remote: SyncRemote
  folder: SyncFolder
  state: SyncState
  clock: Clock
  random: Random
  logger: Logger
}

export interface SyncOptions {
  /** Name of this machine, for the names of conflicting copies. */
  host: string
  /** Paths that are neither sent nor fetched, nor deleted on either side. */
  excluded?: (path: string) => boolean
  /** Deletes even when so much is gone on one side that it looks like an accident. */
  confirmDeletes?: boolean
  /** Compares and says what would be done, without doing it. */
  dryRun?: boolean
  /** Told of each step, once it is done. */
  onStep?: (step: SyncStep) => void
  /** Told how far a round is, often. */
  onProgress?: (progress: SyncProgress) => void
  /** Most that travels or is written at once. Default 8 MiB. */
  bytesAtOnceMax?: number
  /** Most files that are worked on at once. Default 32. */
  filesAtOnceMax?: number
}

export interface SyncProgress {
  /** `look`: listing both sides; `read`: reading local files that changed; `work`: sending, fetching, moving, deleting. */
  phase: 'look' | 'read' | 'work'
  /** Of this phase: files that are through, and all that are known so far. */
  files: number
  filesTotal: number
  /** Bytes read, or sent and fetched, in this phase. */
  bytes: number
}

export type SyncStepKind =
  | 'upload'
  | 'download'
  | 'move-local'
  | 'move-remote'
  | 'remove-local'
  | 'remove-remote'
  | 'conflict'

/** Something that was done (in a dry run: would be done). */
export interface SyncStep {
  kind: SyncStepKind
  path: string
  /** Of a move, and of a conflict: where the file is now. */
  to?: string
  sizeBytes: number
  /** Bytes of it that travelled. */
  sentBytes: number
}

/** Something that could not be brought in step, and is tried again with the next round. */
export interface SyncSkip {
  path: string
  code: LocalProblemCode | ErrorCode
}

/** What came of a round. */
export interface SyncSummary {
  uploaded: number
  downloaded: number
  movedLocal: number
  movedRemote: number
  removedLocal: number
  removedRemote: number
  conflicts: number
  /** Bytes of blocks that were sent, and bytes that were fetched. */
  sentBytes: number
  fetchedBytes: number
  /** Files that are the same on both sides now. */
  files: number
  skipped: SyncSkip[]
  /** Deletions that were not done because they look like an accident: see SyncOptions.confirmDeletes. */
  refusedDeletes: { local: number; remote: number }
}
