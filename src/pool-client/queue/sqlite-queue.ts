/** A queue on disk: records in a SQLite database, bytes in files beside it. Several processes may add to it and look at it; one at a time sends. */

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import type { Clock, Random } from '../../interfaces.ts'
import { randomUuid } from '../../runtime/random.ts'
import { BytesFolder } from './bytes-folder.ts'
import type { Copied } from './bytes-folder.ts'
import { tryLock } from './lock.ts'
import { asLocal, guarded, QueueDatabase } from './queue-database.ts'
import { fileOf, number, text } from './queue-tables.ts'
import type {
  BatchLimits,
  NewFile,
  QueuedBatch,
  QueuedFile,
  QueueStore,
  QueueSummary,
  Refusal
} from './store.ts'

/** Bytes that no record names belong to an addition under way, or to one whose process died: after so long to the latter. */
const ORPHAN_MS = 60 * 60 * 1000
/** What a file takes in an announcement beside its name and metadata, in bytes. */
const ANNOUNCED_BYTES = 256
/** Below what an edge takes of an announcement: 8 MiB. */
const ANNOUNCEMENT_BYTES_MAX = 6 * 1024 * 1024
/** Files on this machine that are remembered, so that they are not read again; the server knows what it has anyway. */
const ORIGINS_MAX = 200_000

export interface QueueLimits {
  readonly filesMax: number
  readonly bytesMax: number
}

export interface SqliteQueueOptions {
  /** Made where it is not there. */
  readonly folder: string
  readonly limits: QueueLimits
  readonly clock: Clock
  readonly random: Random
  /** Tests end the process here: what has just happened. */
  readonly onStep?: ((step: string) => void | Promise<void>) | undefined
}

/** What became of an addition. `known`: the same file waits already, or was taken from this path before. */
export type Added = { readonly state: 'queued' | 'known'; readonly id: number | null }

export type Addition = NewFile & { readonly bytes: AsyncIterable<Uint8Array> }

interface Copy {
  readonly position: number
  readonly file: NewFile
  readonly key: string
  /** Undefined: it could not be made. */
  readonly copied: Copied | undefined
}

export class SqliteQueue implements QueueStore {
  readonly #options: SqliteQueueOptions
  readonly #database: QueueDatabase
  readonly #bytes: BytesFolder

  /** @throws local-file, data-incompatible, local-full */
  constructor(options: SqliteQueueOptions) {
    this.#options = options
    this.#bytes = guarded(() => new BytesFolder(join(options.folder, 'files')))
    this.#database = new QueueDatabase(join(options.folder, 'queue.db'))
  }

  /** For whom it is; the first to be named stays. @throws `usage` for another */
  bind(owner: string): void {
    const found = guarded(() => {
      this.#database.run(`INSERT INTO about (name, value) VALUES ('owner', ?) ON CONFLICT DO NOTHING`, owner)
      return text(this.#database.row(`SELECT value FROM about WHERE name = 'owner'`)['value'])
    })
    if (found !== owner)
      throw new PeerbinError(
        'usage',
        'this queue belongs to another pool or member: give it a folder of its own'
      )
  }

  /** Sending, for one process at a time; undefined while another one has it. */
  trySend(): Disposable | undefined {
    return tryLock(join(this.#options.folder, 'sender.lock'))
  }

  /** Whether a file of this machine was taken in as it is now. */
  knows(origin: { path: string; stamp: string }): boolean {
    return guarded(
      () =>
        this.#database
          .statement('SELECT 1 FROM origin WHERE path = ? AND stamp = ?')
          .get(origin.path, origin.stamp) !== undefined
    )
  }

  /**
   * Takes files in: their bytes are copied and synced, then all their records are made in one step, so that no batch has some of them only; when this resolves, they will be sent.
   * @param onFailure hears of files that cannot be taken, which are left out; without it nothing is taken then
   * @throws `file-conflict` where one of this name and timestamp waits that has other bytes, `empty-file`, `local-full`, `local-file`, what `bytes` throws
   */
  async add(
    files: readonly Addition[],
    onFailure?: (position: number, error: PeerbinError) => void
  ): Promise<(Added | undefined)[]> {
    const copies: Copy[] = []
    const fail = (position: number, error: unknown): void => {
      const known = asLocal(error, 'cannot put the file into the queue')
      if (onFailure === undefined) throw known
      onFailure(position, known)
    }
    try {
      let left = this.#options.limits.bytesMax - this.summary().bytes
      for (const [position, file] of files.entries()) {
        const key = randomUuid(this.#options.random)
        copies.push({ position, file, key, copied: undefined })
        try {
          const copied = await this.#bytes.copy(key, file.bytes, left, full)
          copies[position] = { position, file, key, copied }
          left -= copied.sizeBytes
        } catch (error) {
          fail(position, error)
        }
      }
      await this.#step('add.copied')
      const added = this.#recordAll(copies, fail)
      await this.#step('add.recorded')
      await this.#discard(copies.filter(({ position }) => added[position]?.state !== 'queued'))
      return added
    } catch (error) {
      await this.#discard(copies)
      throw asLocal(error, 'cannot put the files into the queue')
    }
  }

  async #discard(copies: readonly Copy[]): Promise<void> {
    for (const { key } of copies) await this.#bytes.remove(key)
  }

  #recordAll(
    copies: readonly Copy[],
    fail: (position: number, error: unknown) => void
  ): (Added | undefined)[] {
    return this.#database.transaction(() =>
      copies.map(({ position, file, key, copied }) => {
        if (copied === undefined) return undefined
        try {
          return this.#record(file, key, copied)
        } catch (error) {
          fail(position, error)
          return undefined
        }
      })
    )
  }

  #record(file: NewFile, key: string, copy: Copied): Added {
    const same = this.#database
      .statement('SELECT id, sha256 FROM file WHERE name = ? AND at = ?')
      .get(file.name, file.at)
    if (same !== undefined && text(same['sha256']) !== copy.sha256)
      throw new PeerbinError(
        'file-conflict',
        `another file of the name ${file.name} and of the same timestamp waits already, with other bytes`
      )
    if (same === undefined && this.summary().files >= this.#options.limits.filesMax) throw full()
    this.#remember(file.origin)
    if (same !== undefined) return { state: 'known', id: number(same['id']) }
    const { lastInsertRowid } = this.#database
      .statement(
        'INSERT INTO file (name, at, size, sha256, media_type, metadata, bytes, queued_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
      )
      .run(
        file.name,
        file.at,
        copy.sizeBytes,
        copy.sha256,
        file.mediaType,
        JSON.stringify(file.metadata),
        key,
        this.#options.clock.now()
      )
    return { state: 'queued', id: Number(lastInsertRowid) }
  }

  #remember(origin: NewFile['origin']): void {
    if (origin === undefined) return
    this.#database.run('INSERT OR REPLACE INTO origin (path, stamp) VALUES (?, ?)', origin.path, origin.stamp)
    this.#database.run('DELETE FROM origin WHERE number <= (SELECT max(number) FROM origin) - ?', ORIGINS_MAX)
  }

  nextBatch(limits: BatchLimits, newId: () => string, now: number): QueuedBatch | undefined {
    return this.#database.transaction(() => {
      const begun = this.#database.statement('SELECT id FROM batch ORDER BY number LIMIT 1').get()
      if (begun !== undefined) return this.#batch(text(begun['id']))
      const chosen = this.#choose(limits, now)
      if (chosen.length === 0) return undefined
      const id = newId()
      this.#database.run('INSERT INTO batch (id) VALUES (?)', id)
      for (const [position, { id: file }] of chosen.entries())
        this.#database.run('UPDATE file SET batch = ?, position = ? WHERE id = ?', id, position, file)
      return this.#batch(id)
    })
  }

  #choose({ filesMax, bytesMax }: BatchLimits, now: number): QueuedFile[] {
    const rows = this.#database
      .statement(
        'SELECT * FROM file WHERE batch IS NULL AND refused IS NULL AND not_before <= ? ORDER BY at, id LIMIT ?'
      )
      .all(now, filesMax)
    const chosen: QueuedFile[] = []
    let bytes = 0
    let announced = 0
    for (const file of rows.map(fileOf)) {
      bytes += file.sizeBytes
      announced +=
        ANNOUNCED_BYTES + Buffer.byteLength(JSON.stringify([file.name, file.mediaType, file.metadata]))
      if (chosen.length > 0 && (bytes > bytesMax || announced > ANNOUNCEMENT_BYTES_MAX)) break
      chosen.push(file)
    }
    return chosen
  }

  #batch(id: string): QueuedBatch {
    const rows = this.#database.statement('SELECT * FROM file WHERE batch = ? ORDER BY position').all(id)
    return { id, files: rows.map(fileOf) }
  }

  async sent(batch: string): Promise<void> {
    const keys = this.#database.transaction(() => {
      const rows = this.#database.statement('SELECT bytes FROM file WHERE batch = ?').all(batch)
      this.#database.run('DELETE FROM file WHERE batch = ?', batch)
      this.#database.run('DELETE FROM batch WHERE id = ?', batch)
      this.#database.run('UPDATE total SET sent = sent + ?', rows.length)
      return rows.map((row) => text(row['bytes']))
    })
    await this.#step('sent.recorded')
    for (const key of keys) await this.#bytes.remove(key)
  }

  dissolve(batch: string): void {
    this.#database.transaction(() => this.#dissolve(batch))
  }

  #dissolve(batch: string): void {
    this.#database.run('UPDATE file SET batch = NULL, position = NULL WHERE batch = ?', batch)
    this.#database.run('DELETE FROM batch WHERE id = ?', batch)
  }

  refuse(batch: string, files: readonly number[], why: Refusal | { notBefore: number }): void {
    this.#database.transaction(() => {
      this.#dissolve(batch)
      for (const id of files) {
        if ('notBefore' in why)
          this.#database.run('UPDATE file SET not_before = ? WHERE id = ?', why.notBefore, id)
        else
          this.#database.run('UPDATE file SET refused = ?, reason = ? WHERE id = ?', why.code, why.text, id)
      }
    })
  }

  /** All that is here, the oldest timestamps first, a page at a time: after `after`, of those before. */
  list(options: { after?: { at: number; id: number } | undefined; limit: number }): QueuedFile[] {
    const { after = { at: -8.64e15, id: 0 }, limit } = options
    return guarded(() =>
      this.#database
        .statement('SELECT * FROM file WHERE (at, id) > (?, ?) ORDER BY at, id LIMIT ?')
        .all(after.at, after.id, limit)
        .map(fileOf)
    )
  }

  /** Whether it waits, was refused, or is gone (sent, or dropped). */
  find(id: number): QueuedFile | undefined {
    return guarded(() => {
      const row = this.#database.statement('SELECT * FROM file WHERE id = ?').get(id)
      return row === undefined ? undefined : fileOf(row)
    })
  }

  /** What was set aside is sent again. @param ids default: all @returns how many */
  retry(ids?: readonly number[]): number {
    const sql = 'UPDATE file SET refused = NULL, reason = NULL, not_before = 0 WHERE refused IS NOT NULL'
    return this.#database.transaction(() => {
      if (ids === undefined) return Number(this.#database.statement(sql).run().changes)
      return ids.reduce(
        (sum, id) => sum + Number(this.#database.statement(`${sql} AND id = ?`).run(id).changes),
        0
      )
    })
  }

  /**
   * Takes files out that are not to be sent. What is being sent cannot be taken back: it is left. @param ids default: all that were set aside
   * @returns how many
   */
  async drop(ids?: readonly number[]): Promise<number> {
    const keys = this.#database.transaction(() => {
      const rows =
        ids === undefined
          ? this.#database.statement('DELETE FROM file WHERE refused IS NOT NULL RETURNING bytes').all()
          : ids.flatMap((id) =>
              this.#database
                .statement('DELETE FROM file WHERE batch IS NULL AND id = ? RETURNING bytes')
                .all(id)
            )
      return rows.map((row) => text(row['bytes']))
    })
    for (const key of keys) await this.#bytes.remove(key)
    return keys.length
  }

  summary(): QueueSummary {
    return guarded(() => {
      const waiting = this.#database.row(
        'SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes, count(refused) AS refused FROM file'
      )
      const refused = number(waiting['refused'])
      return {
        files: number(waiting['files']) - refused,
        bytes: number(waiting['bytes']),
        refused,
        sent: number(this.#database.row('SELECT sent FROM total')['sent'])
      }
    })
  }

  nextAt(): number | null {
    return guarded(() => {
      const row = this.#database.row(
        'SELECT min(not_before) AS at FROM file WHERE refused IS NULL AND batch IS NULL'
      )
      return typeof row['at'] === 'number' ? row['at'] : null
    })
  }

  async bytes(file: QueuedFile): Promise<Blob> {
    const row = guarded(() => this.#database.statement('SELECT bytes FROM file WHERE id = ?').get(file.id))
    if (row === undefined) throw new PeerbinError('local-file', `${file.name} is not in the queue any more`)
    try {
      return await this.#bytes.blob(text(row['bytes']), file.sizeBytes, file.mediaType)
    } catch (error) {
      throw asLocal(error, `the queue's copy of ${file.name} cannot be read`)
    }
  }

  async verify(file: QueuedFile): Promise<boolean> {
    const hash = createHash('sha256')
    const blob = await this.bytes(file)
    for await (const piece of blob.stream()) hash.update(piece)
    return hash.digest('hex') === file.sha256
  }

  /** Removes bytes that processes left behind which died. For whoever sends. */
  async sweep(): Promise<void> {
    const known = this.#database.statement('SELECT 1 FROM file WHERE bytes = ?')
    const isKnown = (key: string): boolean => guarded(() => known.get(key)) !== undefined
    await this.#bytes.sweep(isKnown, this.#options.clock.now() - ORPHAN_MS)
  }

  close(): void {
    this.#database.close()
  }

  async #step(step: string): Promise<void> {
    await this.#options.onStep?.(step)
  }
}

const full = (): PeerbinError =>
  new PeerbinError('local-full', 'the queue is full: what waits has to be sent, or dropped, first')
