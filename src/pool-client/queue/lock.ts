import { DatabaseSync } from 'node:sqlite'
import { PeerbinError } from '../../errors.ts'

/** SQLITE_BUSY, https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5

/**
 * A lock that dies with its process: byte-range locks of an empty SQLite database, as compose/folder-lock.ts has them. Undefined: somebody else holds it.
 * @throws `local-file`
 */
export function tryLock(file: string): Disposable | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined
    throw new PeerbinError('local-file', `cannot lock ${file}`, { cause: error })
  }
  const held = database
  return {
    [Symbol.dispose]: () => {
      if (held.isOpen) held.close()
    }
  }
}
