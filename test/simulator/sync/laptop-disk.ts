/** The disk of a machine with a synced folder: the files in it, and what the sync remembers. It outlives the process that syncs. */

import type {
  BaseFile,
  LocalDigest,
  PendingArrival,
  PendingCommit,
  PendingMove,
  PendingRemoval,
  PendingRename
} from '../../../src/sync/state.ts'
import type { BlockRef } from '../../../src/sync/remote.ts'
import type { EntryId } from '../../../src/types.ts'

export interface DiskFile {
  readonly bytes: Uint8Array
  readonly modifiedAt: number
  /** When it came to be as it is, by the machine's clock, ms. */
  readonly writtenAt: number
  readonly stamp: string
}

export interface KeptDigest {
  readonly file: LocalDigest
  readonly blocks: readonly BlockRef[]
}

/** A clock of a file system is so coarse: what is written within so long can have the time of what was there. */
const TICK_MS = 10

export class LaptopDisk {
  readonly files = new Map<string, DiskFile>()
  readonly base = new Map<EntryId, BaseFile>()
  readonly digests = new Map<string, KeptDigest>()
  readonly commits = new Map<string, PendingCommit>()
  readonly arrivals = new Map<string, PendingArrival>()
  readonly moves = new Map<EntryId, PendingMove>()
  readonly removals = new Map<EntryId, PendingRemoval>()
  readonly renames = new Map<EntryId, PendingRename>()
  /** Of the cluster, as the sync knows it. */
  epoch: string | undefined
  /** Nothing more can be written. */
  isFull = false
  /** The folder is not there: a disk that is not mounted. */
  isAway = false
  /** Share of changes that the system tells of. */
  toldShare = 1
  #stamps = 0
  readonly #watchers = new Set<(path: string | undefined) => void>()

  /** @param modifiedAt default: now */
  put(path: string, bytes: Uint8Array, now: number, modifiedAt = now): DiskFile {
    const file = { bytes, modifiedAt, writtenAt: now, stamp: `${bytes.byteLength}-${now}-${++this.#stamps}` }
    this.files.set(path, file)
    this.tell(path)
    return file
  }

  remove(path: string): void {
    this.files.delete(path)
    this.tell(path)
  }

  /** The same file under another path. */
  rename(from: string, to: string): void {
    const file = this.files.get(from)
    if (file === undefined) throw new Error(`there is no ${from}`)
    this.files.delete(from)
    this.files.set(to, file)
    this.tell(from)
    this.tell(to)
  }

  isSettled({ writtenAt }: DiskFile, now: number): boolean {
    return now - writtenAt > TICK_MS
  }

  /** @param watcher told of paths; undefined: of anything */
  watch(watcher: (path: string | undefined) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  tell(path: string | undefined): void {
    for (const watcher of this.#watchers) watcher(path)
  }
}
