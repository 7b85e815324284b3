import { mkdir } from 'node:fs/promises'
import type { PeerbinError } from '../../errors.ts'
import type {
  ChunkStore,
  Clock,
  ListOptions,
  ReadOptions,
  SignalOptions,
  StoreUsage
} from '../../interfaces.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'
import { checkChunk, checkGeneration, checkLimit } from './chunk-rules.ts'
import { freeSpaceOf } from './disk-space.ts'
import { LevelChunks } from './level-chunks.ts'
import { storeError } from './leveldb.ts'
import { Operations } from './operations.ts'

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
  readonly #onFailure: (failure: PeerbinError) => void
  readonly #onCutOpening: (text: string) => void
  readonly #operations = new Operations()
  #chunks: LevelChunks | undefined
  #closing: Promise<void> | undefined

  /**
   * @param deps `folder` is made when it is not there; `capacityBytes` 0: what the disk has; `freeSpace`: of that disk, in bytes;
   * `onFailure`: told of failures that no caller hears of, those of giving space back and of noting what a read found; `onCutOpening`: told at an
   * opening, in words for an operator, that the process ended in the middle of the one before. Neither may throw.
   * After a write that failed every later one is refused until the store is opened again.
   */
  constructor(deps: {
    readonly folder: string
    readonly clock: Clock
    readonly capacityBytes: number
    readonly freeSpace?: () => Promise<number>
    readonly onFailure?: (failure: PeerbinError) => void
    readonly onCutOpening?: (text: string) => void
  }) {
    this.#folder = deps.folder
    this.#clock = deps.clock
    this.#capacityBytes = deps.capacityBytes
    this.#freeSpace = deps.freeSpace ?? (() => freeSpaceOf(this.#folder))
    this.#onFailure = deps.onFailure ?? (() => {})
    this.#onCutOpening = deps.onCutOpening ?? (() => {})
  }

  /** @throws `data-in-use`, `data-incompatible`, or `store-failed` when the data is too damaged to be opened. */
  async open(): Promise<void> {
    await this.#closing
    if (this.#chunks !== undefined) return
    await mkdir(this.#folder, { recursive: true }).catch((error: unknown) => {
      throw storeError(error, `make ${this.#folder}`)
    })
    this.#chunks = await LevelChunks.open({
      folder: this.#folder,
      clock: this.#clock,
      capacityBytes: this.#capacityBytes,
      freeSpace: this.#freeSpace,
      onFailure: this.#onFailure,
      onCutOpening: this.#onCutOpening
    })
    this.#operations.open()
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
    return this.#run(async (chunks) => {
      throwIfAborted(options.signal)
      checkGeneration(generation)
      checkChunk(id, bytes)
      return await chunks.put(id, bytes, generation, options.signal)
    })
  }

  get(id: ChunkId, options: ReadOptions = {}): Promise<Uint8Array> {
    return this.#run(async (chunks) => {
      throwIfAborted(options.signal)
      return await chunks.get(id, options)
    })
  }

  stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#run((chunks) => chunks.stat(id))
  }

  raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    return this.#run(async (chunks) => {
      checkGeneration(generation)
      return await chunks.raise(id, generation)
    })
  }

  delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#run(async (chunks) => {
      checkGeneration(generation)
      return await chunks.delete(id, generation)
    })
  }

  list(options: ListOptions): Promise<ChunkInfo[]> {
    return this.#run((chunks) => chunks.list({ ...options, limit: checkLimit(options.limit) }))
  }

  dropQuarantined(before: number, limit: number): Promise<number> {
    return this.#run((chunks) => chunks.dropQuarantined(before, checkLimit(limit)))
  }

  usage(): Promise<StoreUsage> {
    return this.#run((chunks) => chunks.usage())
  }

  /** Gives the space of everything deleted so far back to the disk; it happens by itself too, a little later. @throws `store-failed` */
  reclaim(): Promise<void> {
    return this.#run((chunks) => chunks.reclaim())
  }

  /** Nothing gets in before the chunks are there, or after they have gone. */
  #run<T>(work: (chunks: LevelChunks) => Promise<T>): Promise<T> {
    return this.#operations.run(async () => {
      if (this.#chunks === undefined) throw new Error('the chunk store is not open')
      return await work(this.#chunks)
    })
  }

  async #close(): Promise<void> {
    const chunks = this.#chunks
    await Promise.all([chunks?.stop(), this.#operations.close()])
    this.#chunks = undefined
    await chunks?.close()
  }
}
