import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { Budget } from '../../runtime/budget.ts'
import { SLICE_BYTES, sequenceOfSliceKey, sliceCount, sliceKey } from './chunk-record.ts'
import { isDamage, openDatabase, storeError, type Database } from './leveldb.ts'

const MIB = 1024 * 1024
/**
 * Tables of this size come out of each flush and are only moved after that. Twice as much is held in memory, and as much free disk is needed to
 * open again (48 MiB with what one batch goes over): the space reserve and its ballast must be larger. A larger one was not found to be faster.
 */
const WRITE_BUFFER_BYTES = 16 * MIB
/** Tables that a removal rewrites are at most so large. */
const TABLE_BYTES = 64 * MIB
/** Slices are read once and whole: a cache of blocks would hold what nobody asks for again. */
const CACHE_BYTES = 1 * MIB
const BLOCK_BYTES = 64 * 1024
/**
 * Writes handed to LevelDB at once. It does them one after the other, each on one of libuv's four threads, which waits: so the others stay free
 * for reads, and one write is being copied while another is synced.
 */
const WRITES_AT_ONCE = 2
/** Far above what limited.ts lets through; a bound all the same. */
const WRITERS_WAITING_MAX = 10_000
/** Removals this near to each other share the tables that are rewritten, so they are one compaction. */
const GAP_MAX = (2 * TABLE_BYTES) / CHUNK_BYTES_MAX
/** One compaction reads at most so many chunks (1 GiB), so that closing never waits long for one. */
const SPAN_MAX = 256
/** A key after every slice that can be: the sequence is a safe integer. */
const END_KEY = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)

/** Sequences first…last, both included. */
export interface SequenceRange {
  first: number
  last: number
}

/**
 * The bytes of chunks in a LevelDB of their own, in order of arrival: every flush then makes a table that overlaps no other, and compaction
 * moves tables without rewriting them (docs/decisions/0002-chunks-in-order-of-arrival.md).
 */
export class SliceTable {
  readonly #database: Database
  readonly #writes = new Budget(WRITES_AT_ONCE, WRITERS_WAITING_MAX)

  private constructor(database: Database) {
    this.#database = database
  }

  static async open(folder: string): Promise<SliceTable> {
    const database = await openDatabase(folder, {
      writeBufferSize: WRITE_BUFFER_BYTES,
      maxFileSize: TABLE_BYTES,
      cacheSize: CACHE_BYTES,
      blockSize: BLOCK_BYTES
    })
    return new SliceTable(database)
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  /** Greatest sequence that has a slice; 0 when there is none. */
  async lastSequence(): Promise<number> {
    try {
      for await (const key of this.#database.keys({ reverse: true, limit: 1 })) return sequenceOfSliceKey(key)
      return 0
    } catch (error) {
      throw storeError(error, 'find the newest chunk')
    }
  }

  /** Durable when it resolves. The bytes are copied before that and may be reused then. */
  async append(sequence: number, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const lane = await this.#writes.acquire(1, signal)
    try {
      const slices = Array.from({ length: sliceCount(bytes.byteLength) }, (_, slice) => ({
        type: 'put' as const,
        key: sliceKey(sequence, slice),
        value: bytes.subarray(slice * SLICE_BYTES, (slice + 1) * SLICE_BYTES)
      }))
      // an array, not a chained batch: classic-level frees the memory of a chained one only when it is garbage-collected
      await this.#database.batch(slices, { sync: true })
    } catch (error) {
      throw storeError(error, 'write a chunk')
    } finally {
      lane.release()
    }
  }

  /** The bytes of a chunk in one piece, not verified; undefined when slices are missing, unreadable or not of the right size. */
  async read(sequence: number, sizeBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const keys = Array.from({ length: sliceCount(sizeBytes) }, (_, slice) => sliceKey(sequence, slice))
    let slices: Array<Uint8Array | undefined>
    try {
      slices = await this.#database.getMany(keys, { fillCache: false })
    } catch (error) {
      if (isDamage(error)) return undefined
      throw storeError(error, 'read a chunk')
    }
    // memory that is not cleared first: every byte of it is written below, or it is not handed out
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer)
    let end = 0
    for (const slice of slices) {
      const expected = Math.min(SLICE_BYTES, sizeBytes - end)
      if (slice?.byteLength !== expected) return undefined
      bytes.set(slice, end)
      end += expected
    }
    return bytes
  }

  /**
   * Removes the slices of these sequences from the disk: when it resolves, no file of the folder has them any more. The ranges are in order
   * and near to each other (clustersOf); what lies between them is rewritten.
   *
   * LevelDB needs care for that. Removal marks and the data they hide must be in different tables, or the compaction finds nothing to do: so
   * memory is flushed first. And the table of marks must not also hold new chunks from the far end of the key space, or all that lies
   * between is rewritten: so writes wait while the marks are written and flushed.
   */
  async remove(cluster: readonly SequenceRange[]): Promise<void> {
    const first = cluster[0]?.first
    const last = cluster.at(-1)?.last
    if (first === undefined || last === undefined) return
    try {
      await this.#flush()
      const lanes = await this.#writes.acquire(WRITES_AT_ONCE)
      try {
        await this.#flush()
        for (const range of cluster) await this.#mark(range)
        await this.#flush()
      } finally {
        lanes.release()
      }
      await this.#database.compactRange(sliceKey(first, 0), sliceKey(last + 1, 0))
    } catch (error) {
      throw storeError(error, 'remove chunks')
    }
  }

  /** LevelDB has no call for this; a compaction of a range with nothing in it flushes what is in memory. */
  async #flush(): Promise<void> {
    await this.#database.compactRange(END_KEY, END_KEY)
  }

  async #mark({ first, last }: SequenceRange): Promise<void> {
    if (first !== last) {
      await this.#database.clear({ gte: sliceKey(first, 0), lt: sliceKey(last + 1, 0) })
      return
    }
    const slices = Array.from({ length: sliceCount(CHUNK_BYTES_MAX) }, (_, slice) => slice)
    await this.#database.batch(slices.map((slice) => ({ type: 'del' as const, key: sliceKey(first, slice) })))
  }
}

/** Ordered ranges, cut into groups that are worth one compaction each. */
export function clustersOf(ranges: readonly SequenceRange[]): SequenceRange[][] {
  const clusters: SequenceRange[][] = []
  for (const range of ranges) {
    const cluster = clusters.at(-1)
    const [start, end] = [cluster?.[0]?.first, cluster?.at(-1)?.last]
    const fits =
      start !== undefined &&
      end !== undefined &&
      range.first - end <= GAP_MAX &&
      range.last - start < SPAN_MAX
    if (fits) cluster?.push(range)
    else clusters.push([range])
  }
  return clusters
}
