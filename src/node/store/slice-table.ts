import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { Budget } from '../../runtime/budget.ts'
import { SLICE_BYTES, sequenceOfSliceKey, sliceCount, sliceKey } from './chunk-record.ts'
import { WriteLatch, isDamage, openDatabase, storeError, type Database } from './leveldb.ts'

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
/** And at least so many chunks (a table), however little space is free for the tables that take the place of others. */
const SPAN_MIN = TABLE_BYTES / CHUNK_BYTES_MAX
/** More than the marks of one removal take, and what else LevelDB writes meanwhile. */
const MARKS_BYTES = 2 * MIB
/** What LevelDB says about the size of a range is true to the size of a block. */
const SIZE_ERROR_BYTES = SLICE_BYTES + BLOCK_BYTES
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
  readonly #latch = new WriteLatch()
  readonly #reads = new Set<Promise<unknown>>()

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
      await this.#latch.run('write a chunk', () => this.#database.batch(slices, { sync: true }))
    } finally {
      lane.release()
    }
  }

  /** The bytes of a chunk in one piece, not verified; undefined when slices are missing, unreadable or not of the right size. */
  async read(sequence: number, sizeBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const keys = Array.from({ length: sliceCount(sizeBytes) }, (_, slice) => sliceKey(sequence, slice))
    let slices: Array<Uint8Array | undefined>
    try {
      slices = await this.#noted(this.#database.getMany(keys, { fillCache: false }))
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

  /** Whether any slice of these sequences can be read. */
  async has(range: SequenceRange): Promise<boolean> {
    const [start, end] = boundsOf(range)
    try {
      // asking for the size costs next to nothing, reading a key costs reading what stands beside it
      if ((await this.#database.approximateSize(start, end)) === 0) return false
      for await (const _key of this.#database.keys({ gte: start, lt: end, limit: 1 })) return true
      return false
    } catch (error) {
      throw storeError(error, 'look for slices')
    }
  }

  /**
   * Free space that `remove` may take for a while, about: what is in memory is written, and what is left of the tables is, before the old ones go.
   * A LevelDB that runs out of space in the middle of that takes no write any more until it is opened again.
   */
  async spaceNeeded(cluster: readonly SequenceRange[]): Promise<number> {
    const first = cluster[0]?.first ?? 1
    const last = cluster.at(-1)?.last ?? first
    try {
      // the tables at both ends reach further than what is removed of them
      const around = { first: Math.max(1, first - SPAN_MIN), last: last + SPAN_MIN }
      let keptBytes = await this.#database.approximateSize(...boundsOf(around))
      for (const range of cluster) keptBytes -= await this.#database.approximateSize(...boundsOf(range))
      const memoryBytes = Number(this.#database.getProperty('leveldb.approximate-memory-usage'))
      return Math.max(0, keptBytes) + memoryBytes + MARKS_BYTES
    } catch (error) {
      throw storeError(error, 'look for slices')
    }
  }

  /**
   * Removes the slices of these sequences from the disk. The ranges are in order and near to each other (clustersOf); what lies between them
   * is rewritten. @returns whether they are gone: when it is true, no file of the folder has them any more.
   *
   * LevelDB needs care for that. Removal marks and the data they hide must be in different tables, or the compaction finds nothing to do: so
   * memory is flushed first. And the table of marks must not also hold new chunks from the far end of the key space, or all that lies
   * between is rewritten: so writes wait while the marks are written and flushed. A read has a snapshot from before the marks, and a compaction
   * keeps what any snapshot can see: so those reads end first. Last, a table that some read has open outlives its compaction until
   * LevelDB looks for files to remove again, which a flush makes it do.
   */
  async remove(cluster: readonly SequenceRange[]): Promise<boolean> {
    const first = cluster[0]?.first
    const last = cluster.at(-1)?.last
    if (first === undefined || last === undefined) return true
    const [start, end] = boundsOf({ first, last })
    try {
      await this.#flush()
      await this.#markAll(cluster)
      await this.#readsUntilNow()
      await this.#database.compactRange(start, end)
      if (this.#reads.size > 0) {
        await this.#readsUntilNow()
        await this.#flush()
      }
      return await this.#areGone(cluster)
    } catch (error) {
      throw storeError(error, 'remove chunks')
    }
  }

  async #markAll(cluster: readonly SequenceRange[]): Promise<void> {
    const lanes = await this.#writes.acquire(WRITES_AT_ONCE)
    try {
      await this.#flush()
      for (const range of cluster) await this.#latch.run('remove chunks', () => this.#mark(range))
      await this.#flush()
    } finally {
      lanes.release()
    }
  }

  /** Compactions of LevelDB's own can move tables while ours looks at them: then some of it is there still, in whole slices. */
  async #areGone(cluster: readonly SequenceRange[]): Promise<boolean> {
    for (const range of cluster) {
      if ((await this.#database.approximateSize(...boundsOf(range))) > SIZE_ERROR_BYTES) return false
    }
    return true
  }

  async #noted<T>(read: Promise<T>): Promise<T> {
    this.#reads.add(read)
    try {
      return await read
    } finally {
      this.#reads.delete(read)
    }
  }

  /** Resolves when the reads that are under way now have ended. */
  async #readsUntilNow(): Promise<void> {
    await Promise.allSettled(this.#reads)
  }

  /** LevelDB has no call for this; a compaction of a range with nothing in it flushes what is in memory. */
  async #flush(): Promise<void> {
    await this.#database.compactRange(END_KEY, END_KEY)
  }

  async #mark({ first, last }: SequenceRange): Promise<void> {
    if (first !== last) {
      const [gte, lt] = boundsOf({ first, last })
      await this.#database.clear({ gte, lt })
      return
    }
    const slices = Array.from({ length: sliceCount(CHUNK_BYTES_MAX) }, (_, slice) => slice)
    await this.#database.batch(slices.map((slice) => ({ type: 'del' as const, key: sliceKey(first, slice) })))
  }
}

/** Keys of all slices of these sequences: [first, end). */
const boundsOf = ({ first, last }: SequenceRange): [Uint8Array, Uint8Array] => [
  sliceKey(first, 0),
  sliceKey(last + 1, 0)
]

/**
 * Ordered ranges, cut into groups that are worth one compaction each.
 * @param freeBytes of the disk: a compaction writes what is left of its tables before it removes them
 */
export function clustersOf(ranges: readonly SequenceRange[], freeBytes = Infinity): SequenceRange[][] {
  const spanMax = Math.min(SPAN_MAX, Math.max(SPAN_MIN, Math.floor(freeBytes / 2 / CHUNK_BYTES_MAX)))
  const clusters: SequenceRange[][] = []
  for (const range of ranges) {
    const cluster = clusters.at(-1)
    const [start, end] = [cluster?.[0]?.first, cluster?.at(-1)?.last]
    const fits =
      start !== undefined && end !== undefined && range.first - end <= GAP_MAX && range.last - start < spanMax
    if (fits) cluster?.push(range)
    else clusters.push([range])
  }
  return clusters
}
