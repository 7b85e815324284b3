/** The database of a queue: statements, transactions, and errors in words. */

import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { PeerbinError } from '../../errors.ts'
import { number, TABLES } from './queue-tables.ts'

/** Of the tables. What was written by a later version is not opened. */
const SCHEMA = 1
/** Two processes that write at once wait for each other. */
const BUSY_MS = 10_000
/** SQLITE_FULL, https://sqlite.org/rescode.html#full */
const SQLITE_FULL = 13

export class QueueDatabase {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /** @throws local-file, data-incompatible, local-full */
  constructor(file: string) {
    this.#database = guarded(() => {
      const database = new DatabaseSync(file, { timeout: BUSY_MS })
      // what is taken in is a promise: synced before it is told
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
      database.exec('BEGIN IMMEDIATE')
      const version = number(database.prepare('PRAGMA user_version').get()?.['user_version'])
      if (version === 0) database.exec(`${TABLES}; PRAGMA user_version = ${SCHEMA}`)
      database.exec('COMMIT')
      if (version <= SCHEMA) return database
      database.close()
      throw new PeerbinError('data-incompatible', 'this queue is of a later version of peerbin')
    })
  }

  /** The first row; nothing in it where there is none. */
  row(sql: string): Record<string, unknown> {
    return this.statement(sql).get() ?? {}
  }

  run(sql: string, ...values: (string | number)[]): void {
    this.statement(sql).run(...values)
  }

  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const prepared = this.#database.prepare(sql)
    this.#statements.set(sql, prepared)
    return prepared
  }

  /** All of it or nothing, on the disk when it returns. */
  transaction<T>(work: () => T): T {
    return guarded(() => {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        this.#database.exec('COMMIT')
        return result
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    })
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

/** What SQLite throws, as what it means. */
export function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asLocal(error, 'the queue on this machine')
  }
}

export function asLocal(error: unknown, what: string): PeerbinError {
  if (error instanceof PeerbinError) return error
  const isFull =
    error instanceof Error &&
    (('errcode' in error && error.errcode === SQLITE_FULL) || ('code' in error && error.code === 'ENOSPC'))
  return new PeerbinError(isFull ? 'local-full' : 'local-file', what, { cause: error })
}
