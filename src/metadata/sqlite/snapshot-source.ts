/**
 * Copies of the file while it is in use, at no cost to those who wait for their operations.
 *
 * In WAL mode the file itself changes only at a checkpoint: commits go to the log. So between two transactions everything in the log is brought into the
 * file, checkpoints are put off, and a session of SQLite begins to note changes: the file is then exactly what the session starts from, and can be read
 * by ordinary means while writing goes on. It is copied to a temporary file first, so that checkpoints wait for a disk and not for whoever reads the stream.
 */

import { closeSync, createReadStream, createWriteStream, openSync, rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { pipeline } from 'node:stream/promises'
import { PeerbinError } from '../../errors.ts'
import type { SnapshotSource } from '../../metadata-store.ts'
import type { GroupCommit } from './group-commit.ts'
import { IN_MEMORY, numberOf } from './open-database.ts'

type Session = ReturnType<DatabaseSync['createSession']>

const PIECE_BYTES = 1024 * 1024

/** Rows changed after which a session is given up, so that one whose changes nobody takes does not grow for ever: at about 200 bytes each, 200 MB. */
export const ROWS_CHANGED_MAX = 1_000_000

/** SQLite's own default, in pages. */
const CHECKPOINT_PAGES = 1000

export interface SnapshotSourceDeps {
  readonly file: string
  readonly database: DatabaseSync
  readonly commits: GroupCommit
  readonly rowsChangedMax: number
}

/** Where an unfinished copy of the file stands; whoever opens the file removes it. */
export const copyOf = (file: string): string => `${file}.base`

export class SqliteSnapshotSource implements SnapshotSource {
  readonly #deps: SnapshotSourceDeps
  readonly #rowsChanged: () => number
  #session: { notes: Session; from: number } | undefined
  #isTaking = false
  #copying: Promise<void> | undefined
  /**
   * The file, opened for reading once and closed after SQLite has closed it: closing any descriptor of a file drops all locks that the process has on it
   * (POSIX), and with them the one that keeps other processes out. https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
   */
  #descriptor: number | undefined

  constructor(deps: SnapshotSourceDeps) {
    this.#deps = deps
    const count = deps.database.prepare('select total_changes() as n')
    this.#rowsChanged = () => Number(count.get()?.['n'] ?? 0)
  }

  /**
   * @throws `busy` while another one is being taken, `local-file` when there is no room for the copy
   */
  async *base(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isTaking) throw new PeerbinError('busy', 'a copy of the metadata is being taken already')
    this.#isTaking = true
    let isWhole = false
    try {
      yield* this.#deps.file === IN_MEMORY ? this.#serialized() : this.#copied()
      isWhole = true
    } finally {
      this.#isTaking = false
      if (!isWhole) this.#endSession() // nobody has what its changes would follow
    }
  }

  /** @throws `not-found` when there is no base that changes could follow: none was taken to its end, or too much was changed since */
  async changes(): Promise<Uint8Array | undefined> {
    return await this.#deps.commits.read(async () => {
      if (this.#session === undefined)
        throw new PeerbinError('not-found', 'There is no base that the changes could follow.')
      const changes = this.#session.notes.changeset()
      if (changes.byteLength === 0) return undefined
      this.#beginSession()
      return changes
    })
  }

  /** Counts what the session has to remember; called after each transaction. */
  committed(): void {
    if (this.#session === undefined) return
    const changed = this.#rowsChanged() - this.#session.from
    if (changed > this.#deps.rowsChangedMax) this.#endSession()
  }

  /** Before the database is closed, which ends sessions. */
  async stop(): Promise<void> {
    this.#endSession()
    // its own caller is told when it fails
    await this.#copying?.catch(() => undefined)
  }

  /** After the database was closed. */
  release(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #beginSession(): void {
    this.#session?.notes.close()
    this.#session = { notes: this.#deps.database.createSession(), from: this.#rowsChanged() }
  }

  #endSession(): void {
    this.#session?.notes.close()
    this.#session = undefined
  }

  async *#serialized(): AsyncGenerator<Uint8Array, void, undefined> {
    const { commits, database } = this.#deps
    const bytes = await commits.read(async () => {
      this.#beginSession()
      return database.serialize()
    })
    for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
  }

  async *#copied(): AsyncGenerator<Uint8Array, void, undefined> {
    const copy = copyOf(this.#deps.file)
    try {
      this.#copying = this.#copyTo(copy)
      await this.#copying
      for await (const piece of createReadStream(copy, { highWaterMark: PIECE_BYTES })) yield bytesOf(piece)
    } finally {
      rmSync(copy, { force: true })
    }
  }

  async #copyTo(copy: string): Promise<void> {
    const { commits, database, file } = this.#deps
    const { fd, sizeBytes } = await commits.read(async () => this.#freeze())
    try {
      const source = createReadStream(file, {
        fd,
        autoClose: false, // see #descriptor
        start: 0,
        end: sizeBytes - 1,
        highWaterMark: PIECE_BYTES
      })
      await pipeline(source, createWriteStream(copy))
    } catch (error) {
      throw new PeerbinError('local-file', `${copy} cannot be written`, { cause: error })
    } finally {
      if (database.isOpen) database.exec(`pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    }
  }

  /** From here on the file stands still, and the session notes what is committed. */
  #freeze(): { fd: number; sizeBytes: number } {
    const { database, file } = this.#deps
    const isBusy = numberOf(database, 'pragma wal_checkpoint(truncate)') !== 0
    if (isBusy) throw new PeerbinError('busy', 'the log of the metadata is in use')
    database.exec('pragma wal_autocheckpoint = 0')
    this.#beginSession()
    this.#descriptor ??= openSync(file, 'r')
    const pages = numberOf(database, 'pragma page_count')
    return { fd: this.#descriptor, sizeBytes: pages * numberOf(database, 'pragma page_size') }
  }
}

function bytesOf(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  throw new PeerbinError('internal', 'a stream of bytes gave something else')
}
