import { PeerbinError } from '../../errors.ts'
import { DIGEST_BYTES } from '../../protocol/ids.ts'
import {
  FORMATS_READ,
  FORMAT_VERSION,
  chunkKey,
  chunkKeys,
  decodeRecord,
  decodeRemoval,
  digestOfKey,
  encodeRecord,
  encodeRemoval,
  formatKey,
  removedKey,
  removedKeys,
  type ChunkRecord
} from './chunk-record.ts'
import { WriteLatch, isDamage, openDatabase, openError, storeError, type Database } from './leveldb.ts'
import type { SequenceRange } from './slice-table.ts'

const KIB = 1024
/** Records are small: LevelDB's own defaults suit them, and a million of them are about 80 MB. */
const OPTIONS = {
  writeBufferSize: 4096 * KIB,
  maxFileSize: 2048 * KIB,
  cacheSize: 8192 * KIB,
  blockSize: 4 * KIB
}
/** Records taken from LevelDB in one go; classic-level's own limit of 16 KiB would cost a thread hop for every 200. */
const PAGE_RECORDS_MAX = 1000
const PAGE_BYTES = 256 * KIB

/** A record whose bytes are damaged, so that nothing but its key is known. */
export const UNREADABLE = 'unreadable'

/** What the index says of a chunk it has a key for. */
export type FoundRecord = ChunkRecord | typeof UNREADABLE

export interface IndexEntry {
  digest: Uint8Array
  record: FoundRecord
}

/** Which chunks are held, by digest, and which slices have still to be removed: a LevelDB of its own, every change synced. */
export class ChunkIndex {
  readonly #database: Database
  readonly #latch = new WriteLatch()

  private constructor(database: Database) {
    this.#database = database
  }

  /** @throws `data-in-use`, `data-incompatible` when another version of peerbin wrote it, `store-failed` */
  static async open(folder: string): Promise<ChunkIndex> {
    const database = await openDatabase(folder, OPTIONS)
    try {
      const stored = (await database.get(formatKey))?.[0]
      const format = stored ?? FORMAT_VERSION
      if (!FORMATS_READ.includes(format)) {
        throw new PeerbinError(
          'data-incompatible',
          `The chunk store in ${folder} has format ${format}, and this program reads ${FORMATS_READ.join(', ')}.`
        )
      }
      // before any record of this format is written: an older program then refuses the folder, and does not misread it
      const current = { type: 'put' as const, key: formatKey, value: Uint8Array.of(FORMAT_VERSION) }
      if (stored !== FORMAT_VERSION) await database.batch([current], { sync: true })
    } catch (error) {
      await database.close()
      throw openError(error, folder)
    }
    return new ChunkIndex(database)
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  /** What is recorded of a chunk; read a second time before it is called unreadable. @throws `store-failed` */
  async get(digest: Uint8Array): Promise<FoundRecord | undefined> {
    const found = await this.#read(digest)
    return found === UNREADABLE ? await this.#read(digest) : found
  }

  /**
   * Records a chunk; with `replaces`, the slices of that sequence are noted for removal in the same atomic step.
   * @param options `sync: false` for what may be lost in a power cut
   */
  async put(
    digest: Uint8Array,
    record: ChunkRecord,
    options: { replaces?: number | undefined; sync?: boolean } = {}
  ): Promise<void> {
    const put = { type: 'put' as const, key: chunkKey(digest), value: encodeRecord(digest, record) }
    const removal =
      options.replaces === undefined ? [] : [noteOf({ first: options.replaces, last: options.replaces })]
    await this.#write([put, ...removal], options.sync ?? true)
  }

  /** Forgets a chunk; its slices, when their sequence is known, are noted for removal in the same atomic step. */
  async remove(digest: Uint8Array, sequence: number | undefined): Promise<void> {
    const removal = sequence === undefined ? [] : [noteOf({ first: sequence, last: sequence })]
    await this.#write([{ type: 'del', key: chunkKey(digest) }, ...removal], true)
  }

  /** Notes slices for removal that no record refers to. */
  async noteRemoval(range: SequenceRange): Promise<void> {
    await this.#write([noteOf(range)], true)
  }

  /** These slices are gone. */
  async forgetRemovals(ranges: readonly SequenceRange[]): Promise<void> {
    await this.#write(
      ranges.map((range) => ({ type: 'del' as const, key: removedKey(range.first) })),
      true
    )
  }

  /** Slices that are still to be removed, in order; damaged notes are left out, and their slices stay. */
  async listRemovals(limit: number): Promise<SequenceRange[]> {
    const ranges: SequenceRange[] = []
    for await (const [key, value] of this.#entries(removedKeys)) {
      const range = decodeRemoval(key, value)
      if (range !== undefined) ranges.push(range)
      if (ranges.length === limit) break
    }
    return ranges
  }

  /** Greatest sequence that is noted for removal; 0 when there is none. Where a note looks damaged all are read a second time. */
  async lastRemoval(): Promise<number> {
    const first = await this.#readLastRemoval()
    if (first.damaged === 0) return first.greatest
    return Math.max(first.greatest, (await this.#readLastRemoval()).greatest)
  }

  async #readLastRemoval(): Promise<{ greatest: number; damaged: number }> {
    let greatest = 0
    let damaged = 0
    for await (const [key, value] of this.#entries(removedKeys)) {
      const range = decodeRemoval(key, value)
      if (range === undefined) damaged++
      else greatest = Math.max(greatest, range.last)
    }
    return { greatest, damaged }
  }

  /** Records in order of digest, after `after`; each is read a second time before it is called unreadable. */
  async *records(
    options: { after?: Uint8Array | undefined; pageRecords?: number | undefined } = {}
  ): AsyncGenerator<IndexEntry> {
    const { after, pageRecords } = options
    const range = after === undefined ? chunkKeys : { gt: chunkKey(after), lt: chunkKeys.lt }
    for await (const [key, value] of this.#entries(range, pageRecords)) {
      const digest = digestOfKey(key)
      if (digest.byteLength !== DIGEST_BYTES) continue // a damaged key names nothing
      // not from the cache: what a walk reads does not get into it
      yield { digest, record: decodeRecord(digest, value) ?? (await this.#read(digest)) ?? UNREADABLE }
    }
  }

  async #read(digest: Uint8Array): Promise<FoundRecord | undefined> {
    try {
      const value: Uint8Array | undefined = await this.#database.get(chunkKey(digest))
      return value === undefined ? undefined : (decodeRecord(digest, value) ?? UNREADABLE)
    } catch (error) {
      if (isDamage(error)) return UNREADABLE
      throw storeError(error, 'read the record of a chunk')
    }
  }

  async *#entries(
    range: { gte?: Uint8Array; gt?: Uint8Array; lt: Uint8Array },
    pageRecords = PAGE_RECORDS_MAX
  ): AsyncGenerator<[Uint8Array, Uint8Array]> {
    const size = Math.min(pageRecords, PAGE_RECORDS_MAX)
    const iterator = this.#database.iterator({ ...range, highWaterMarkBytes: PAGE_BYTES })
    try {
      for (let page = await iterator.nextv(size); page.length > 0; page = await iterator.nextv(size))
        yield* page
    } catch (error) {
      throw storeError(error, 'walk its records')
    } finally {
      await iterator.close()
    }
  }

  async #write(operations: Operation[], sync: boolean): Promise<void> {
    await this.#latch.run('write the record of a chunk', () => this.#database.batch(operations, { sync }))
  }
}

type Operation = { type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array }

function noteOf(range: SequenceRange): Operation {
  const [key, value] = encodeRemoval(range.first, range.last)
  return { type: 'put', key, value }
}
