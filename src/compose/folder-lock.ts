import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PeerbinError } from '../errors.ts'

/** Held until released, or until the process ends in whatever way: the operating system gives it back. */
export interface FolderLock {
  release(): void
}

const LOCK_FILE = 'lock'
/** SQLITE_BUSY, https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5

/**
 * Locks a folder that exists: `exclusive` for its one user, `shared` for processes that may use it together. An empty SQLite database serves as lock file,
 * because its byte-range locks work on every platform, die with the process, and hold between two users within one process too.
 *
 * @throws `data-in-use` when another user has it; `local-file` when the lock file cannot be made.
 */
export function lockFolder(folder: string, mode: 'exclusive' | 'shared'): FolderLock {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(join(folder, LOCK_FILE), { timeout: 0 })
    // a transaction that stays open holds the lock; a shared one begins with the first read
    database.exec(mode === 'exclusive' ? 'BEGIN EXCLUSIVE' : 'BEGIN; SELECT count(*) FROM sqlite_schema')
  } catch (error) {
    database?.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY)
      throw new PeerbinError('data-in-use', `${folder} is in use by another process`, { cause: error })
    throw new PeerbinError('local-file', `cannot lock the data folder ${folder}`, { cause: error })
  }
  const held = database
  return {
    release: () => {
      if (held.isOpen) held.close()
    }
  }
}
