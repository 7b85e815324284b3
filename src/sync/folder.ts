/** The folder on this machine, as the engine sees it. Implementations: the file system (cli/sync), memory (tests and the simulator). */

import type { ByteRange } from '../types.ts'

/**
 * A regular file. Paths have `/` between their parts and are in Unicode form NFC, wherever the file system has them in another one.
 * What belongs to the sync itself (STATE_FOLDER and all below) is never told and never written.
 */
export interface LocalFile {
  path: string
  sizeBytes: number
  /** When its content was modified, ms; whole numbers. */
  modifiedAt: number
  /** Changes whenever the content may have: of the file's size, times and number on its disk. Compared, not read. */
  stamp: string
  /** False while a further change could leave the stamp as it is (clocks of file systems are coarse): what is read now has to be read again later. */
  settled: boolean
}

/** Folder within the synced one that holds the state, the marker and what is being written. */
export const STATE_FOLDER = '.peerbin-sync'

export const LOCAL_PROBLEMS = [
  'symlink',
  'special-file',
  'unreadable',
  'changing',
  'name-refused',
  'name-taken'
] as const
/**
 * Why something in the folder is left out: a symbolic link; a device, socket or pipe; no permission, or an error of the disk; a file that does not stand still while it is read; a
 * name that servers or other systems do not take; a name that differs from another one here in its Unicode form only.
 */
export type LocalProblemCode = (typeof LOCAL_PROBLEMS)[number]

/** Something that is there and cannot be looked at: nothing at or below its path counts as gone. */
export interface LocalProblem {
  path: string
  code: LocalProblemCode
}

export interface LocalListing {
  files: LocalFile[]
  problems: LocalProblem[]
}

/** What may be at a path that is written: the file with this stamp, or nothing. */
export type ExpectedStamp = string | undefined

export interface SyncFolder {
  /** Everything there is, by pages. @throws sync-folder: the folder, or the marker in it, is not there (a disk that is not mounted) */
  scan(signal: AbortSignal): AsyncIterable<LocalListing>
  /** What is at a path; undefined: nothing, or a folder. @throws sync-folder */
  look(path: string): Promise<LocalFile | LocalProblem | undefined>
  /**
   * Bytes of the file with this stamp. Ends with an error when it is or becomes another one meanwhile, even after all bytes were given.
   * @throws local-changed, local-file
   */
  read(path: string, stamp: string, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * Makes or replaces a file, and the folders above it, in one step, once all bytes are durable: before and after a crash there is the old or the new one.
   * When it fails, everything is as before.
   * @throws local-changed: what is there is not what was expected, or came meanwhile; local-full; local-file, whatever `bytes` throws
   */
  write(
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    what: { expected: ExpectedStamp; modifiedAt: number },
    signal: AbortSignal
  ): Promise<LocalFile>
  /** Gives the file with this stamp another path where nothing is, in one step. Folders above it that are empty then go. @throws local-changed, local-file */
  rename(from: string, stamp: string, to: string): Promise<LocalFile>
  /** Removes the file with this stamp, and folders above it that are empty then. @throws local-changed, local-file */
  remove(path: string, stamp: string): Promise<void>
  /** Paths at which something may have changed, as they come; an empty list: anything. Only a hint: may tell too much, too little, or nothing. */
  hints(signal: AbortSignal): AsyncIterable<readonly string[]>
}
