/**
 * Operations that wait run together in one transaction with one fsync. Each is in a savepoint of its own, so that one that is refused takes back only what
 * it did itself; all are answered after COMMIT, the refused ones too, because what they saw counts only then. Reads run between transactions, so they see
 * what is committed and wait for no fsync.
 */

import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import type { Logger } from '../../interfaces.ts'
import { isDiskFull, isSqliteError } from './sqlite-errors.ts'

/** Operations in one transaction. The process does nothing else meanwhile: at about 0.2 ms each, this is 25 ms. */
const BATCH_MAX = 128

interface Waiting {
  work: () => Promise<unknown>
  resolve: (value: unknown) => void
  reject: (error: PeerbinError) => void
}

export interface GroupCommitDeps {
  readonly database: DatabaseSync
  /** Operations that may wait; more are turned away with `busy`. */
  readonly waitingMax: number
  readonly logger: Logger
  /** Called once, when nothing can be acknowledged any more until the file was opened again. */
  readonly onFailure: (failure: PeerbinError) => void
  /** Called after each transaction. */
  readonly onCommitted?: () => void
}

export class GroupCommit {
  readonly #deps: GroupCommitDeps
  #reads: Waiting[] = []
  #writes: Waiting[] = []
  #running: Promise<void> | undefined
  #isClosing = false
  /** Set by a failure after which the state of the file is in doubt: nothing is acknowledged any more. */
  #failure: PeerbinError | undefined

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps
  }

  /** Runs `work` on committed data, between two transactions. It must not change what is stored. */
  read<T>(work: () => Promise<T>): Promise<T> {
    return this.#enqueue(this.#reads, work)
  }

  /**
   * Runs `work` in a transaction; resolves once that is on the disk.
   * @throws what `work` throws, `store-failed` when the outcome is unknown, `busy` when too many wait
   */
  write<T>(work: () => Promise<T>): Promise<T> {
    return this.#enqueue(this.#writes, work)
  }

  /** Takes no more, and resolves when what waits has been done. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#running
  }

  #enqueue<T>(queue: Waiting[], work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isClosing) throw new PeerbinError('shutting-down')
      if (this.#failure !== undefined) throw this.#failure
      if (this.#reads.length + this.#writes.length >= this.#deps.waitingMax)
        throw new PeerbinError('busy', '', { retryAfterMs: 1000 })
      queue.push({ work, resolve: (value) => resolve(value as T), reject })
      this.#running ??= this.#run()
    })
  }

  async #run(): Promise<void> {
    do {
      await nextTurn() // what arrives in the same turn of the event loop joins this batch
      const reads = this.#reads
      this.#reads = []
      for (const entry of reads) await this.#runRead(entry)
      await this.#runWrites(this.#writes.splice(0, BATCH_MAX))
    } while (this.#reads.length + this.#writes.length > 0)
    this.#running = undefined
  }

  async #runRead({ work, resolve, reject }: Waiting): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure
      resolve(await work())
    } catch (error) {
      reject(this.#understood(error))
    }
  }

  async #runWrites(batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 0) return
    const { database } = this.#deps
    if (this.#failure !== undefined) return rejectAll(batch, this.#failure)
    try {
      database.exec('begin immediate')
      const answers: Array<() => void> = []
      for (const entry of batch) answers.push(await this.#runWrite(entry))
      database.exec('commit')
      this.#deps.onCommitted?.()
      for (const answer of answers) answer()
    } catch (error) {
      rejectAll(batch, this.#fail(error))
    }
  }

  /** Runs one operation in its savepoint; answers how to tell its caller once the batch is committed. */
  async #runWrite({ work, resolve, reject }: Waiting): Promise<() => void> {
    const { database } = this.#deps
    database.exec('savepoint operation')
    try {
      const value = await work()
      database.exec('release operation')
      return () => resolve(value)
    } catch (error) {
      // after some errors SQLite has rolled back everything by itself, or the file cannot be relied on
      if (!database.isTransaction || isFatal(error)) throw error
      database.exec('rollback to operation')
      database.exec('release operation')
      return () => reject(this.#understood(error))
    }
  }

  /** The transaction has failed as a whole. */
  #fail(error: unknown): PeerbinError {
    const { database, logger } = this.#deps
    const failure = new PeerbinError('store-failed', '', { cause: error })
    logger.error('the metadata could not be written', { err: error })
    // a full disk gets space again; after anything else (a failed write or fsync) pages may be lost that the next commit would build on
    let canGoOn = isDiskFull(error)
    try {
      if (database.isTransaction) database.exec('rollback')
    } catch (rollbackError) {
      // nothing was acknowledged, and the next opening recovers from the log
      logger.error('the metadata could not roll back', { err: rollbackError })
      canGoOn = false
    }
    if (!canGoOn && this.#failure === undefined) {
      this.#failure = failure
      this.#deps.onFailure(failure)
    }
    return failure
  }

  #understood(error: unknown): PeerbinError {
    if (isFatal(error)) return this.#fail(error)
    return asPeerbinError(error, isSqliteError(error) ? 'store-failed' : 'internal')
  }
}

function rejectAll(batch: readonly Waiting[], failure: PeerbinError): void {
  for (const entry of batch) entry.reject(failure)
}

/** An error of SQLite that is not about one operation's own values. */
const isFatal = (error: unknown): boolean => isSqliteError(error) && !isAboutValues(error.errcode)

/** SQLITE_ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE: a mistake in one operation. https://www.sqlite.org/rescode.html */
const isAboutValues = (errcode: number): boolean => [1, 18, 19, 20, 25].includes(errcode & 0xff)
