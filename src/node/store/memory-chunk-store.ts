import type {
  ChunkStore,
  Clock,
  ListOptions,
  ReadOptions,
  SignalOptions,
  StoreUsage
} from '../../interfaces.ts'
import { digestOf, matchesId } from '../../protocol/ids.ts'
import { looksLikeManifest } from '../../protocol/manifest.ts'
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
import { Stock } from './stock.ts'

interface Kept {
  info: ChunkInfo
  sizeBytes: number
  /** Undefined: it is held. */
  quarantinedAt: number | undefined
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
  readonly #kept = new Map<ChunkId, Kept>()
  /** The same, in the order of their digests. */
  readonly #order: Kept[] = []
  readonly #operations = new Operations()
  readonly #stock = new Stock()

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
      const held = this.#held(id)
      if (held !== undefined && matchesId(id, held.bytes)) {
        const raised = generation > held.info.generation
        if (raised) held.info.generation = generation
        if (raised || verificationIsOld(held.info, now)) held.info.verifiedAt = now
        return { ...held.info }
      }
      const old = this.#kept.get(id)
      if (old === undefined) checkCapacity(this.#capacityBytes, this.#stock.takenBytes, bytes.byteLength)
      const info: ChunkInfo = {
        id,
        sizeBytes: bytes.byteLength,
        generation: greater(old?.info.generation ?? generation, generation),
        storedAt: now,
        verifiedAt: now,
        manifest: looksLikeManifest(bytes)
      }
      this.#keep({ info, quarantinedAt: undefined, bytes: Uint8Array.from(bytes) })
      return { ...info }
    })
  }

  get(id: ChunkId, options: ReadOptions = {}): Promise<Uint8Array> {
    return this.#operations.run(async () => {
      throwIfAborted(options.signal)
      const kept = this.#kept.get(id)
      if (kept === undefined) throw notFound(id)
      if (kept.quarantinedAt !== undefined) throw corrupt(id)
      const { start, end } = checkRange(kept.info.sizeBytes, options)
      const now = this.#clock.now()
      if (!matchesId(id, kept.bytes)) {
        this.#keep({ ...kept, quarantinedAt: now })
        throw corrupt(id)
      }
      if (options.scrub === true || verificationIsOld(kept.info, now)) kept.info.verifiedAt = now
      return kept.bytes.slice(start, end)
    })
  }

  stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#operations.run(async () => {
      const held = this.#held(id)
      return held === undefined ? undefined : { ...held.info }
    })
  }

  raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    return this.#operations.run(async () => {
      checkGeneration(generation)
      const held = this.#held(id)
      if (held === undefined) return undefined
      held.info.generation = greater(held.info.generation, generation)
      return { ...held.info }
    })
  }

  delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#operations.run(async () => {
      checkGeneration(generation)
      const kept = this.#kept.get(id)
      if (kept === undefined) return true
      if (kept.info.generation > generation) return false
      this.#forget(kept)
      return true
    })
  }

  list(options: ListOptions): Promise<ChunkInfo[]> {
    return this.#operations.run(async () => {
      const limit = checkLimit(options.limit)
      const page: ChunkInfo[] = []
      let position =
        options.after === undefined ? 0 : this.#positionAfter(Buffer.from(digestOf(options.after)))
      for (; position < this.#order.length && page.length < limit; position++) {
        const kept = this.#order[position]
        if (kept === undefined || kept.quarantinedAt !== undefined) continue
        if (options.manifests !== true || kept.info.manifest) page.push({ ...kept.info })
      }
      return page
    })
  }

  dropQuarantined(before: number, limit: number): Promise<number> {
    return this.#operations.run(async () => {
      const ripe = this.#order
        .filter(({ quarantinedAt }) => quarantinedAt !== undefined && quarantinedAt < before)
        .slice(0, checkLimit(limit))
      for (const kept of ripe) this.#forget(kept)
      return ripe.length
    })
  }

  usage(): Promise<StoreUsage> {
    return this.#operations.run(async () => {
      const capacityBytes = this.#capacityBytes === 0 ? UNLIMITED_BYTES : this.#capacityBytes
      return this.#stock.usage(capacityBytes, UNLIMITED_BYTES)
    })
  }

  /** Flips a bit of what is kept of a chunk, as disks do: for tests and simulations. */
  rot(id: ChunkId): void {
    const bytes = this.#kept.get(id)?.bytes
    if (bytes !== undefined) bytes[bytes.byteLength >> 1] = (bytes[bytes.byteLength >> 1] ?? 0) ^ 1
  }

  #held(id: ChunkId): Kept | undefined {
    const kept = this.#kept.get(id)
    return kept?.quarantinedAt === undefined ? kept : undefined
  }

  #keep(kept: Pick<Kept, 'info' | 'quarantinedAt' | 'bytes'>): void {
    const { id, sizeBytes } = kept.info
    const whole = { ...kept, sizeBytes, digest: Buffer.from(digestOf(id)) }
    const old = this.#kept.get(id)
    this.#stock.change(old, whole)
    this.#kept.set(id, whole)
    const next = this.#positionAfter(whole.digest)
    if (old === undefined) this.#order.splice(next, 0, whole)
    else this.#order[next - 1] = whole
  }

  #forget(kept: Kept): void {
    this.#stock.change(kept, undefined)
    this.#kept.delete(kept.info.id)
    this.#order.splice(this.#positionAfter(kept.digest) - 1, 1)
  }

  /** Of the first chunk with a greater digest; the one before it is the chunk of this digest, if it is kept. */
  #positionAfter(digest: Buffer): number {
    let low = 0
    let high = this.#order.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const kept = this.#order[middle]
      if (kept !== undefined && Buffer.compare(kept.digest, digest) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

const greater = (left: Generation, right: Generation): Generation => (left > right ? left : right)
