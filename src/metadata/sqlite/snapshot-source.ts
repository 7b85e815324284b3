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
import { joinChangesets } from './changesets.ts'
import type { GroupCommit } from './group-commit.ts'
import { IN_MEMORY, numberOf } from './open-database.ts'

type Session = ReturnType<DatabaseSync['createSession']>

const PIECE_BYTES = 1024 * 1024

/**
 * Rows changed after which changes are taken out of the session: at 3 µs each the process does nothing else for 30 ms. A node that restarts moves the boot of all
 * its copies, which may be a million.
 */
const ROWS_AT_ONCE = 10_000

/** Changes that wait to be asked for, at about 70 bytes a row; beyond this they are given up, so that those that nobody takes do not grow for ever. */
export const CHANGES_WAITING_BYTES_MAX = 128 * 1024 * 1024

/** SQLite's own default, in pages. */
const CHECKPOINT_PAGES = 1000

export interface SnapshotSourceDeps {
  readonly file: string
  readonly database: DatabaseSync
  readonly commits: GroupCommit
  readonly changesWaitingBytesMax: number
}

/** What has changed since the base or the last call. */
interface Series {
  session: Session
  /** Count of rows changed when the session began. */
  from: number
  /** Changesets that were taken out of earlier sessions. */
  waiting: Uint8Array[]
}

/** Where an unfinished copy of the file stands; whoever opens the file removes it. */
export const copyOf = (file: string): string => `${file}.base`

export class SqliteSnapshotSource implements SnapshotSource {
  readonly #deps: SnapshotSourceDeps
  readonly #rowsChanged: () => number
  #series: Series | undefined
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
      if (!isWhole) this.#endSeries() // nobody has what its changes would follow
    }
  }

  /** @throws `not-found` when there is no base that changes could follow: none was taken to its end, or too much was changed since */
  async changes(): Promise<Uint8Array | undefined> {
    return await this.#deps.commits.read(async () => {
      if (this.#series === undefined)
        throw new PeerbinError('not-found', 'There is no base that the changes could follow.')
      this.#takeOut(this.#series)
      const changesets = this.#series.waiting.splice(0)
      return changesets.length === 0 ? undefined : joinChangesets(changesets)
    })
  }

  /** Keeps what the session remembers small; called after each transaction. */
  committed(): void {
    const series = this.#series
    if (series === undefined || this.#rowsChanged() - series.from < ROWS_AT_ONCE) return
    try {
      this.#takeOut(series)
    } catch {
      // what was committed is committed, and is answered; whoever asks for the changes is told that there are none
      return this.#endSeries()
    }
    const bytes = series.waiting.reduce((sum, each) => sum + each.byteLength, 0)
    if (bytes > this.#deps.changesWaitingBytesMax) this.#endSeries()
  }

  /** Before the database is closed, which ends sessions. */
  async stop(): Promise<void> {
    this.#endSeries()
    // its own caller is told when it fails
    await this.#copying?.catch(() => undefined)
  }

  /** After the database was closed. */
  release(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #beginSeries(): void {
    this.#endSeries()
    this.#series = { ...this.#newSession(), waiting: [] }
  }

  #endSeries(): void {
    this.#series?.session.close()
    this.#series = undefined
  }

  #newSession(): Pick<Series, 'session' | 'from'> {
    return { session: this.#deps.database.createSession(), from: this.#rowsChanged() }
  }

  /** Between two transactions, so that the next session begins where this one ends. */
  #takeOut(series: Series): void {
    const changeset = series.session.changeset()
    if (changeset.byteLength === 0) return
    series.waiting.push(changeset)
    series.session.close()
    Object.assign(series, this.#newSession())
  }

  async *#serialized(): AsyncGenerator<Uint8Array, void, undefined> {
    const { commits, database } = this.#deps
    const bytes = await commits.read(async () => {
      this.#beginSeries()
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
    this.#beginSeries()
    this.#descriptor ??= openSync(file, 'r')
    const pages = numberOf(database, 'pragma page_count')
    return { fd: this.#descriptor, sizeBytes: pages * numberOf(database, 'pragma page_size') }
  }
}

function bytesOf(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  throw new PeerbinError('internal', 'a stream of bytes gave something else')
}
