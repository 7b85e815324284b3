import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChunkStore, Clock, ListOptions, SignalOptions, StoreUsage } from '../../interfaces.ts'
import { chunkIdFromDigest, digestOf, matchesId } from '../../protocol/ids.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'
import { ChunkIndex, UNREADABLE } from './chunk-index.ts'
import type { ChunkRecord } from './chunk-record.ts'
import {
  checkCapacity,
  checkChunk,
  checkGeneration,
  checkLimit,
  checkRange,
  corrupt,
  notFound,
  verificationIsOld
} from './chunk-rules.ts'
import { freeSpaceOf } from './disk-space.ts'
import { KeyedLock } from './keyed-lock.ts'
import { openError, storeError } from './leveldb.ts'
import { Operations } from './operations.ts'
import { Reclaimer } from './reclaimer.ts'
import { SliceTable } from './slice-table.ts'

/** A sequence beyond this was never given out: it is a damaged key. */
const SEQUENCE_MAX = 2 ** 48
/** A read begins again when the chunk was replaced or removed meanwhile; more often than this nobody does that. */
const READ_ATTEMPTS = 8

interface Parts {
  index: ChunkIndex
  slices: SliceTable
  reclaimer: Reclaimer
}

/**
 * Chunks in LevelDB: their bytes in order of arrival in `slices`, what is known of them in `chunks` (chunk-record.ts has the layout).
 *
 * A put syncs the slices, then the record; a chunk is there once its record is. A delete syncs the removal of the record together with a
 * note about the slices; the space is given back behind it (reclaimer.ts). So a crash between two steps leaves slices that nothing
 * refers to: those before it was noted are newer than every record, and are noted when the store opens.
 */
export class LevelChunkStore implements ChunkStore {
  readonly durable = true
  readonly #folder: string
  readonly #clock: Clock
  readonly #capacityBytes: number
  readonly #freeSpace: () => Promise<number>
  readonly #operations = new Operations()
  readonly #locks = new KeyedLock<ChunkId>()
  #parts: Parts | undefined
  #closing: Promise<void> | undefined
  #nextSequence = 1
  #chunks = 0
  #usedBytes = 0
  /** Bytes of puts under way. */
  #comingBytes = 0

  /** @param deps `folder` is made when it is not there; `capacityBytes` 0: what the disk has; `freeSpace`: of that disk, in bytes. */
  constructor(deps: {
    readonly folder: string
    readonly clock: Clock
    readonly capacityBytes: number
    readonly freeSpace?: () => Promise<number>
  }) {
    this.#folder = deps.folder
    this.#clock = deps.clock
    this.#capacityBytes = deps.capacityBytes
    this.#freeSpace = deps.freeSpace ?? (() => freeSpaceOf(this.#folder))
  }

  /** @throws `data-in-use`, `data-incompatible`, or `store-failed` when the data is too damaged to be opened. */
  async open(): Promise<void> {
    await this.#closing
    if (this.#parts !== undefined) return
    await mkdir(this.#folder, { recursive: true }).catch((error: unknown) => {
      throw storeError(error, `make ${this.#folder}`)
    })
    await using opened = new AsyncDisposableStack()
    const index = opened.adopt(await ChunkIndex.open(join(this.#folder, 'chunks')), (part) => part.close())
    const slices = opened.adopt(await SliceTable.open(join(this.#folder, 'slices')), (part) => part.close())
    const reclaimer = new Reclaimer({ clock: this.#clock, index, slices })
    await this.#takeStock(index, slices).catch((error: unknown) => {
      throw openError(error, this.#folder)
    })
    opened.move()
    this.#parts = { index, slices, reclaimer }
    this.#operations.open()
    reclaimer.nudge()
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => (this.#closing = undefined))
    await this.#closing
  }

  put(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    options: SignalOptions = {}
  ): Promise<ChunkInfo> {
    return this.#operations.run(async () => {
      throwIfAborted(options.signal)
      checkGeneration(generation)
      checkChunk(id, bytes)
      return await this.#locks.run(id, () => this.#putAlone(id, bytes, generation, options.signal))
    })
  }

  get(id: ChunkId, options: SignalOptions & { offset?: number; length?: number } = {}): Promise<Uint8Array> {
    return this.#operations.run(async () => {
      throwIfAborted(options.signal)
      const digest = digestOf(id)
      const { index, slices } = this.#opened()
      let missed: number | undefined
      for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        const record = await index.get(digest)
        if (record === undefined) throw notFound(id)
        if (record === UNREADABLE || record.sequence === missed) throw corrupt(id)
        const { start, end } = checkRange(record.sizeBytes, options)
        const bytes = await slices.read(record.sequence, record.sizeBytes)
        throwIfAborted(options.signal)
        if (bytes !== undefined && matchesId(id, bytes)) {
          await this.#noteVerified(id, digest, record)
          return bytes.subarray(start, end)
        }
        missed = record.sequence // rotten, unless the record has changed by now
      }
      throw corrupt(id)
    })
  }

  stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#operations.run(async () => {
      const record = await this.#opened().index.get(digestOf(id))
      return record === undefined || record === UNREADABLE ? undefined : infoOf(id, record)
    })
  }

  delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#operations.run(async () => {
      checkGeneration(generation)
      return await this.#locks.run(id, () => this.#deleteAlone(id, generation))
    })
  }

  list(options: ListOptions): Promise<ChunkInfo[]> {
    return this.#operations.run(async () => {
      const limit = checkLimit(options.limit)
      const after = options.after === undefined ? undefined : digestOf(options.after)
      const infos: ChunkInfo[] = []
      for await (const { digest, record } of this.#opened().index.records({ after, pageRecords: limit })) {
        infos.push(infoOf(chunkIdFromDigest(digest), record))
        if (infos.length === limit) break
      }
      return infos
    })
  }

  usage(): Promise<StoreUsage> {
    return this.#operations.run(async () => {
      const diskBytes = await this.#freeSpace().catch((error: unknown) => {
        throw storeError(error, 'ask for free space')
      })
      const [chunks, usedBytes] = [this.#chunks, this.#usedBytes]
      if (this.#capacityBytes === 0) {
        return { chunks, usedBytes, capacityBytes: usedBytes + diskBytes, freeBytes: diskBytes }
      }
      const left = Math.max(0, this.#capacityBytes - usedBytes)
      return { chunks, usedBytes, capacityBytes: this.#capacityBytes, freeBytes: Math.min(left, diskBytes) }
    })
  }

  /** Gives the space of everything deleted so far back to the disk; it happens by itself too, a little later. @throws `store-failed` */
  reclaim(): Promise<void> {
    return this.#operations.run(() => this.#opened().reclaimer.run())
  }

  /** Counts what is held, and notes slices of puts that a crash cut short. */
  async #takeStock(index: ChunkIndex, slices: SliceTable): Promise<void> {
    this.#chunks = 0
    this.#usedBytes = 0
    let last = 0
    for await (const { record } of index.records()) {
      this.#chunks++
      this.#usedBytes += record.sizeBytes
      last = Math.max(last, record.sequence)
    }
    last = Math.max(last, await index.lastRemoval())
    const lastOnDisk = await slices.lastSequence()
    if (lastOnDisk > last && lastOnDisk < SEQUENCE_MAX) {
      await index.noteRemoval({ first: last + 1, last: lastOnDisk })
      last = lastOnDisk
    }
    this.#nextSequence = last + 1
  }

  async #close(): Promise<void> {
    const reclaiming = this.#parts?.reclaimer.stop()
    await this.#operations.close()
    await reclaiming
    const parts = this.#parts
    this.#parts = undefined
    await parts?.slices.close()
    await parts?.index.close()
  }

  /** Only inside `operations.run`, which lets nothing in before the parts are there or after they have gone. */
  #opened(): Parts {
    if (this.#parts === undefined) throw new Error('the chunk store is not open')
    return this.#parts
  }

  async #putAlone(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    signal: AbortSignal | undefined
  ): Promise<ChunkInfo> {
    throwIfAborted(signal)
    const { index, slices } = this.#opened()
    const digest = digestOf(id)
    const found = await index.get(digest)
    const old = found === UNREADABLE ? undefined : found
    const now = this.#clock.now()
    if (old !== undefined && (await this.#holds(old, bytes))) {
      if (generation <= old.generation && !verificationIsOld(old, now)) return infoOf(id, old)
      const raised = { ...old, generation: Math.max(old.generation, generation), verifiedAt: now }
      await index.put(digest, raised)
      return infoOf(id, raised)
    }
    const grows = bytes.byteLength - (old?.sizeBytes ?? 0)
    checkCapacity(old === undefined ? this.#capacityBytes : 0, this.#usedBytes + this.#comingBytes, grows)
    this.#comingBytes += grows
    try {
      const record: ChunkRecord = {
        sizeBytes: bytes.byteLength,
        sequence: this.#nextSequence++,
        generation: Math.max(old?.generation ?? 0, generation),
        storedAt: now,
        verifiedAt: now
      }
      await slices.append(record.sequence, bytes, signal)
      await index.put(digest, record, { replaces: old?.sequence })
      this.#usedBytes += grows
      if (old === undefined) this.#chunks++
      else this.#opened().reclaimer.nudge()
      return infoOf(id, record)
    } finally {
      this.#comingBytes -= grows
    }
  }

  /** Whether what is stored is what came, which has been checked against the id: cheaper than a hash. */
  async #holds(record: ChunkRecord, bytes: Uint8Array): Promise<boolean> {
    if (record.sizeBytes !== bytes.byteLength) return false
    const stored = await this.#opened().slices.read(record.sequence, record.sizeBytes)
    return stored !== undefined && Buffer.compare(stored, bytes) === 0
  }

  async #deleteAlone(id: ChunkId, generation: Generation): Promise<boolean> {
    const { index, reclaimer } = this.#opened()
    const digest = digestOf(id)
    const record = await index.get(digest)
    if (record === undefined) return true
    if (record === UNREADABLE) {
      await index.remove(digest, undefined) // nothing can be read by it, so nothing is lost
      return true
    }
    if (record.generation > generation) return false
    await index.remove(digest, record.sequence)
    this.#chunks--
    this.#usedBytes -= record.sizeBytes
    reclaimer.nudge()
    return true
  }

  /** Moves `verifiedAt` now and then. Not synced: after a power cut a scrub reads the chunk once more. */
  async #noteVerified(id: ChunkId, digest: Uint8Array, read: ChunkRecord): Promise<void> {
    const now = this.#clock.now()
    if (!verificationIsOld(read, now)) return
    await this.#locks.run(id, async () => {
      const { index } = this.#opened()
      const record = await index.get(digest)
      if (record === undefined || record === UNREADABLE || record.sequence !== read.sequence) return
      // the bytes are good whether or not this can be written; a store that cannot write says so at the next put
      await index.put(digest, { ...record, verifiedAt: now }, { sync: false }).catch(() => undefined)
    })
  }
}

const infoOf = (id: ChunkId, record: ChunkRecord): ChunkInfo => ({
  id,
  sizeBytes: record.sizeBytes,
  generation: record.generation as Generation,
  storedAt: record.storedAt,
  verifiedAt: record.verifiedAt
})
