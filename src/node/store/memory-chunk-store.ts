import type { ChunkStore, Clock, ListOptions, SignalOptions, StoreUsage } from '../../interfaces.ts'
import { digestOf, matchesId } from '../../protocol/ids.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'
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
import { Operations } from './operations.ts'

interface Held {
  info: ChunkInfo
  bytes: Uint8Array
  digest: Buffer
}

/** What a store without a capacity says it has. */
const UNLIMITED_BYTES = 2 ** 40

/** The reference model: what a chunk store does, without a disk. Keeps its chunks over close and open, not over the process. */
export class MemoryChunkStore implements ChunkStore {
  readonly durable = false
  readonly #clock: Clock
  readonly #capacityBytes: number
  readonly #held = new Map<ChunkId, Held>()
  readonly #operations = new Operations()
  #usedBytes = 0

  /** @param deps `capacityBytes`: 0 or none is no limit. */
  constructor(deps: { readonly clock: Clock; readonly capacityBytes?: number }) {
    this.#clock = deps.clock
    this.#capacityBytes = deps.capacityBytes ?? 0
  }

  async open(): Promise<void> {
    this.#operations.open()
  }

  async close(): Promise<void> {
    await this.#operations.close()
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
      const now = this.#clock.now()
      const held = this.#held.get(id)
      if (held !== undefined && matchesId(id, held.bytes)) {
        const raised = generation > held.info.generation
        if (raised) held.info.generation = generation
        if (raised || verificationIsOld(held.info, now)) held.info.verifiedAt = now
        return { ...held.info }
      }
      if (held === undefined) {
        checkCapacity(this.#capacityBytes, this.#usedBytes, bytes.byteLength)
        this.#usedBytes += bytes.byteLength
      }
      const info: ChunkInfo = {
        id,
        sizeBytes: bytes.byteLength,
        generation: greater(held?.info.generation ?? generation, generation),
        storedAt: now,
        verifiedAt: now
      }
      this.#held.set(id, { info, bytes: Uint8Array.from(bytes), digest: Buffer.from(digestOf(id)) })
      return { ...info }
    })
  }

  get(id: ChunkId, options: SignalOptions & { offset?: number; length?: number } = {}): Promise<Uint8Array> {
    return this.#operations.run(async () => {
      throwIfAborted(options.signal)
      const held = this.#held.get(id)
      if (held === undefined) throw notFound(id)
      const { start, end } = checkRange(held.info.sizeBytes, options)
      if (!matchesId(id, held.bytes)) throw corrupt(id)
      const now = this.#clock.now()
      if (verificationIsOld(held.info, now)) held.info.verifiedAt = now
      return held.bytes.slice(start, end)
    })
  }

  stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#operations.run(async () => {
      const held = this.#held.get(id)
      return held === undefined ? undefined : { ...held.info }
    })
  }

  delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#operations.run(async () => {
      checkGeneration(generation)
      const held = this.#held.get(id)
      if (held === undefined) return true
      if (held.info.generation > generation) return false
      this.#held.delete(id)
      this.#usedBytes -= held.info.sizeBytes
      return true
    })
  }

  list(options: ListOptions): Promise<ChunkInfo[]> {
    return this.#operations.run(async () => {
      const limit = checkLimit(options.limit)
      const after = options.after === undefined ? undefined : digestOf(options.after)
      return [...this.#held.values()]
        .filter((held) => after === undefined || Buffer.compare(held.digest, after) > 0)
        .sort((a, b) => Buffer.compare(a.digest, b.digest))
        .slice(0, limit)
        .map((held) => ({ ...held.info }))
    })
  }

  usage(): Promise<StoreUsage> {
    return this.#operations.run(async () => {
      const capacityBytes = this.#capacityBytes === 0 ? UNLIMITED_BYTES : this.#capacityBytes
      const freeBytes = Math.max(0, capacityBytes - this.#usedBytes)
      return { chunks: this.#held.size, usedBytes: this.#usedBytes, capacityBytes, freeBytes }
    })
  }
}

const greater = (left: Generation, right: Generation): Generation => (left > right ? left : right)
