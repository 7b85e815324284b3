import { mkdir } from 'node:fs/promises'
import { PeerbinError } from '../../errors.ts'
import type { SnapshotName, SnapshotStore } from '../../interfaces.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { isDamage, openDatabase, openError, storeError, type Database } from './leveldb.ts'
import { Operations } from './operations.ts'
import {
  decodePieceRecord,
  encodePieceRecord,
  nameOfKey,
  pieceKey,
  pieceKeys,
  recordKey,
  recordKeys,
  recordOf,
  SNAPSHOT_FORMAT_VERSION,
  snapshotFormatKey
} from './snapshot-record.ts'

const MIB = 1024 * 1024
const OPTIONS = {
  writeBufferSize: 8 * MIB,
  maxFileSize: 8 * MIB,
  blockSize: 4096,
  cacheSize: 64 * 1024 // a piece is read once, if ever
}
/** LevelDB gives space back only when it rewrites its tables; doing so costs as much as what is still kept. */
const COMPACT_AFTER_BYTES = 32 * MIB

type Operation = { type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array }

/**
 * Snapshots in a LevelDB of their own (snapshot-record.ts has the layout). A piece and its record are written in one synced batch. After a
 * write that failed nobody knows what is on the disk, so nothing more is written until the next start.
 */
export class LevelSnapshotStore implements SnapshotStore {
  readonly #folder: string
  readonly #onFailure: (failure: PeerbinError) => void
  readonly #operations = new Operations()
  #database: Database | undefined
  #failure: PeerbinError | undefined
  #removedBytes = 0
  #compacting: Promise<void> | undefined

  /** @param deps `folder` is made when it is not there; `onFailure` is told once of a write that failed, and must not throw. */
  constructor(deps: { readonly folder: string; readonly onFailure?: (failure: PeerbinError) => void }) {
    this.#folder = deps.folder
    this.#onFailure = deps.onFailure ?? (() => {})
  }

  /** @throws `data-in-use`, `data-incompatible`, `store-failed` */
  async open(): Promise<void> {
    if (this.#database !== undefined) return
    await mkdir(this.#folder, { recursive: true }).catch((error: unknown) => {
      throw storeError(error, `make ${this.#folder}`)
    })
    const database = await openDatabase(this.#folder, OPTIONS)
    try {
      await this.#checkFormat(database)
    } catch (error) {
      await database.close()
      throw openError(error, this.#folder)
    }
    this.#database = database
    this.#operations.open()
  }

  async close(): Promise<void> {
    await this.#operations.close()
    await this.#compacting
    const database = this.#database
    this.#database = undefined
    await database?.close()
  }

  put(name: SnapshotName, bytes: Uint8Array): Promise<void> {
    return this.#operations.run(async () => {
      const key = recordKey(name)
      if (bytes.byteLength > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
      await this.#write([
        { type: 'put', key: pieceKey(name), value: bytes },
        { type: 'put', key, value: encodePieceRecord(key, recordOf(bytes)) }
      ])
    })
  }

  get(name: SnapshotName): Promise<Uint8Array | undefined> {
    return this.#operations.run(async () => {
      const key = recordKey(name)
      const [value, bytes] = await this.#read(key, pieceKey(name))
      if (value === undefined && bytes === undefined) return undefined
      const record = value === undefined ? undefined : decodePieceRecord(key, value)
      if (record === undefined || bytes === undefined || !isSame(recordOf(bytes), record)) {
        throw new PeerbinError('chunk-corrupt', 'This piece of a snapshot is damaged.')
      }
      return bytes
    })
  }

  /** Pieces whose record is damaged are left out. */
  list(): Promise<Array<SnapshotName & { sizeBytes: number }>> {
    return this.#operations.run(async () => {
      const names: Array<SnapshotName & { sizeBytes: number }> = []
      try {
        for await (const [key, value] of this.#opened().iterator(recordKeys)) {
          const name = nameOfKey(key)
          const record = decodePieceRecord(key, value)
          if (name !== undefined && record !== undefined) names.push({ ...name, sizeBytes: record.sizeBytes })
        }
      } catch (error) {
        throw storeError(error, 'list snapshots')
      }
      return names
    })
  }

  remove(names: readonly SnapshotName[]): Promise<void> {
    return this.#operations.run(async () => {
      for (const name of names) {
        const key = recordKey(name)
        // what is damaged is to be removed as well; its size would only tell when to compact
        const [value] = await this.#read(key).catch(() => [undefined])
        this.#removedBytes += value === undefined ? 0 : (decodePieceRecord(key, value)?.sizeBytes ?? 0)
      }
      await this.#write(
        names.flatMap((name) => [recordKey(name), pieceKey(name)].map((key) => ({ type: 'del', key })))
      )
      if (this.#removedBytes >= COMPACT_AFTER_BYTES) this.#compact()
    })
  }

  async #checkFormat(database: Database): Promise<void> {
    const format: Uint8Array | undefined = await database.get(snapshotFormatKey)
    if (format === undefined) {
      const value = Uint8Array.of(SNAPSHOT_FORMAT_VERSION)
      await database.batch([{ type: 'put', key: snapshotFormatKey, value }], { sync: true })
    } else if (format[0] !== SNAPSHOT_FORMAT_VERSION) {
      throw new PeerbinError(
        'data-incompatible',
        `The snapshots in ${this.#folder} have format ${String(format[0])}, and this program reads ${SNAPSHOT_FORMAT_VERSION}.`
      )
    }
  }

  async #read(...keys: Uint8Array[]): Promise<Array<Uint8Array | undefined>> {
    try {
      return await this.#opened().getMany(keys, { fillCache: false })
    } catch (error) {
      if (isDamage(error)) throw new PeerbinError('chunk-corrupt', '', { cause: error })
      throw storeError(error, 'read a snapshot')
    }
  }

  async #write(operations: Operation[]): Promise<void> {
    this.#refuseAfterFailure()
    try {
      await this.#opened().batch(operations, { sync: true })
    } catch (error) {
      const failure = storeError(error, 'write a snapshot')
      if (this.#failure === undefined) this.#onFailure(failure)
      this.#failure ??= failure
      throw failure
    }
    this.#refuseAfterFailure() // another write failed while this one ran: its sync may have covered up for that
  }

  #refuseAfterFailure(): void {
    if (this.#failure === undefined) return
    throw new PeerbinError('store-failed', 'An earlier write of a snapshot failed.', { cause: this.#failure })
  }

  /** Behind whoever removed something; one at a time. */
  #compact(): void {
    const database = this.#opened()
    this.#removedBytes = 0
    this.#compacting ??= database
      .compactRange(pieceKeys.gte, pieceKeys.lt)
      // nothing is lost: the space comes back later, and a LevelDB that cannot write refuses the next put too
      .catch(() => undefined)
      .finally(() => {
        this.#compacting = undefined
      })
  }

  /** Only inside `operations.run`, which lets nothing in before it is there or after it has gone. */
  #opened(): Database {
    if (this.#database === undefined) throw new Error('the snapshot store is not open')
    return this.#database
  }
}

const isSame = (a: { sizeBytes: number; crc: number }, b: { sizeBytes: number; crc: number }): boolean =>
  a.sizeBytes === b.sizeBytes && a.crc === b.crc
