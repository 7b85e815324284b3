/** The disk of a simulated node: it outlives processes, and can fill, rot, be wiped and come back old. */

import { PeerbinError } from '../../src/errors.ts'
import type { ChunkStore, ListOptions, ReadOptions, SignalOptions, StoreUsage } from '../../src/interfaces.ts'
import {
  checkCapacity,
  checkChunk,
  checkGeneration,
  checkLimit,
  checkRange,
  corrupt,
  notFound,
  verificationIsOld
} from '../../src/node/store/chunk-rules.ts'
import { digestOf, matchesId } from '../../src/protocol/ids.ts'
import { looksLikeManifest } from '../../src/protocol/manifest.ts'
import { throwIfAborted } from '../../src/runtime/deadline.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../src/types.ts'
import type { Chance } from './chance.ts'
import type { SimProcess } from './sim-process.ts'

interface DiskChunk {
  readonly info: ChunkInfo
  bytes: Uint8Array
  readonly digest: Uint8Array
  /** Wall clock; undefined: it is held. */
  quarantinedAt: number | undefined
}

/** What a disk without a limit says it has. */
const UNLIMITED_BYTES = 2 ** 40

/** Chunks that are durable. */
export class Disk {
  #chunks = new Map<ChunkId, DiskChunk>()
  /** 0: no limit. */
  capacityBytes = 0
  /** Every write fails, with or without its effect. */
  failing = false

  get chunks(): ReadonlyMap<ChunkId, DiskChunk> {
    return this.#chunks
  }

  /** Whether good bytes of the chunk are here. */
  holds(id: ChunkId): boolean {
    const held = this.#chunks.get(id)
    return held !== undefined && held.quarantinedAt === undefined && matchesId(id, held.bytes)
  }

  usedBytes(): number {
    let used = 0
    for (const held of this.#chunks.values()) used += held.bytes.byteLength
    return used
  }

  set(id: ChunkId, chunk: DiskChunk): void {
    this.#chunks.set(id, chunk)
  }

  remove(id: ChunkId): void {
    this.#chunks.delete(id)
  }

  wipe(): void {
    this.#chunks.clear()
  }

  /** Flips one bit of a chunk; says of which, undefined when there is none. */
  rot(chance: Chance): ChunkId | undefined {
    const ids = [...this.#chunks.keys()]
    if (ids.length === 0) return undefined
    const id = chance.pick(ids)
    const held = this.#chunks.get(id)
    if (held === undefined) return undefined
    const bytes = held.bytes.slice()
    const at = chance.whole(0, bytes.byteLength - 1)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.whole(0, 7))
    held.bytes = bytes
    return id
  }

  /** Everything as it is now, for `restore`. */
  snapshot(): ReadonlyMap<ChunkId, DiskChunk> {
    return new Map([...this.#chunks].map(([id, held]) => [id, { ...held, info: { ...held.info } }]))
  }

  restore(snapshot: ReadonlyMap<ChunkId, DiskChunk>): void {
    this.#chunks = new Map([...snapshot].map(([id, held]) => [id, { ...held, info: { ...held.info } }]))
  }
}

/** What the store needs of its process. */
type DiskUser = Pick<SimProcess, 'io' | 'clock' | 'chance'>

/** A process's way to its machine's disk. Each call is atomic; the process can die at each (see SimProcess.io). */
export class DiskChunkStore implements ChunkStore {
  readonly durable = true
  readonly #disk: Disk
  readonly #process: DiskUser
  #isOpen = false

  constructor(deps: { readonly disk: Disk; readonly process: DiskUser }) {
    this.#disk = deps.disk
    this.#process = deps.process
  }

  async open(): Promise<void> {
    await this.#process.io('chunks.open', () => undefined)
    this.#isOpen = true
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }

  async put(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    options: SignalOptions = {}
  ): Promise<ChunkInfo> {
    this.#check()
    throwIfAborted(options.signal)
    checkGeneration(generation)
    checkChunk(id, bytes)
    const own = bytes.slice() // the caller's may change once this has settled
    return await this.#write('put', () => this.#put(id, own, generation))
  }

  async get(id: ChunkId, options: ReadOptions = {}): Promise<Uint8Array> {
    this.#check()
    throwIfAborted(options.signal)
    return await this.#process.io('chunks.get', () => {
      const held = this.#disk.chunks.get(id)
      if (held === undefined) throw notFound(id)
      const { start, end } = checkRange(held.info.sizeBytes, options)
      const now = this.#process.clock.now()
      if (held.quarantinedAt !== undefined || !matchesId(id, held.bytes)) {
        held.quarantinedAt ??= now
        throw corrupt(id)
      }
      if (options.scrub === true || verificationIsOld(held.info, now)) held.info.verifiedAt = now
      return held.bytes.slice(start, end)
    })
  }

  async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    this.#check()
    return await this.#process.io('chunks.stat', () => {
      const held = this.#held(id)
      return held === undefined ? undefined : { ...held.info }
    })
  }

  async raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    this.#check()
    checkGeneration(generation)
    return await this.#write('raise', () => {
      const held = this.#held(id)
      if (held === undefined) return undefined
      if (generation > held.info.generation) held.info.generation = generation
      return { ...held.info }
    })
  }

  async delete(id: ChunkId, generation: Generation): Promise<boolean> {
    this.#check()
    checkGeneration(generation)
    return await this.#write('delete', () => {
      const held = this.#disk.chunks.get(id)
      if (held === undefined) return true
      if (held.info.generation > generation) return held.quarantinedAt !== undefined
      this.#disk.remove(id)
      return true
    })
  }

  async list(options: ListOptions): Promise<ChunkInfo[]> {
    this.#check()
    const limit = checkLimit(options.limit)
    const after = options.after === undefined ? undefined : digestOf(options.after)
    return await this.#process.io('chunks.list', () =>
      [...this.#disk.chunks.values()]
        .filter((held) => held.quarantinedAt === undefined)
        .filter((held) => options.manifests !== true || held.info.manifest)
        .filter((held) => after === undefined || Buffer.compare(held.digest, after) > 0)
        .sort((a, b) => Buffer.compare(a.digest, b.digest))
        .slice(0, limit)
        .map((held) => ({ ...held.info }))
    )
  }

  async dropQuarantined(before: number, limit: number): Promise<number> {
    this.#check()
    return await this.#write('dropQuarantined', () => {
      const dropped = [...this.#disk.chunks]
        .filter(([, held]) => held.quarantinedAt !== undefined && held.quarantinedAt < before)
        .slice(0, limit)
      for (const [id] of dropped) this.#disk.remove(id)
      return dropped.length
    })
  }

  async usage(): Promise<StoreUsage> {
    this.#check()
    const all = [...this.#disk.chunks.values()]
    const held = all.filter((chunk) => chunk.quarantinedAt === undefined)
    const usedBytes = held.reduce((sum, chunk) => sum + chunk.info.sizeBytes, 0)
    const capacityBytes = this.#disk.capacityBytes === 0 ? UNLIMITED_BYTES : this.#disk.capacityBytes
    return {
      chunks: held.length,
      usedBytes,
      capacityBytes,
      freeBytes: Math.max(0, capacityBytes - this.#disk.usedBytes()),
      quarantined: all.length - held.length
    }
  }

  #put(id: ChunkId, bytes: Uint8Array, generation: Generation): ChunkInfo {
    const disk = this.#disk
    const now = this.#process.clock.now()
    const known = disk.chunks.get(id)
    const isGood = known !== undefined && known.quarantinedAt === undefined && matchesId(id, known.bytes)
    if (known !== undefined && isGood) {
      const raised = generation > known.info.generation
      if (raised) known.info.generation = generation
      if (raised || verificationIsOld(known.info, now)) known.info.verifiedAt = now
      return { ...known.info }
    }
    if (known === undefined) checkCapacity(disk.capacityBytes, disk.usedBytes(), bytes.byteLength)
    const info: ChunkInfo = {
      id,
      sizeBytes: bytes.byteLength,
      generation:
        known !== undefined && known.info.generation > generation ? known.info.generation : generation,
      storedAt: now,
      verifiedAt: now,
      manifest: looksLikeManifest(bytes)
    }
    disk.set(id, { info, bytes, digest: digestOf(id), quarantinedAt: undefined })
    return { ...info }
  }

  #held(id: ChunkId): DiskChunk | undefined {
    const held = this.#disk.chunks.get(id)
    return held?.quarantinedAt === undefined ? held : undefined
  }

  /** A write on a disk that fails has its effect or not, and nobody is told which. */
  async #write<T>(what: string, work: () => T): Promise<T> {
    return await this.#process.io(`chunks.${what}`, () => {
      if (!this.#disk.failing) return work()
      if (this.#process.chance.happens(0.5)) work()
      throw new PeerbinError('store-failed')
    })
  }

  #check(): void {
    if (!this.#isOpen) throw new PeerbinError('shutting-down', 'the chunk store is not open')
  }
}
