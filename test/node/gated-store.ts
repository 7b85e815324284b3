/** A chunk store whose calls a test holds up or makes fail; everything else goes to the store inside. */

import type { PeerbinError } from '../../src/errors.ts'
import type { ChunkStore, ListOptions, ReadOptions, StoreUsage } from '../../src/interfaces.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../src/types.ts'

export class GatedStore implements ChunkStore {
  readonly durable = true
  /** What calls reject with while it is set. */
  readonly failing: { put?: PeerbinError; get?: PeerbinError; delete?: PeerbinError; usage?: PeerbinError } =
    {}
  /** Puts held up: stored but not settled, as on a disk that has not synced yet. */
  held = 0
  closed = false
  readonly #inner: ChunkStore
  /** Holds puts up before they look at the bytes, not after they have stored them. */
  holdsFirst = false
  #gate: PromiseWithResolvers<void> | undefined

  constructor(inner: ChunkStore = new MemoryChunkStore({ clock: systemClock })) {
    this.#inner = inner
  }

  /** From now on puts do not settle until `open` is called. */
  shut(): void {
    this.#gate ??= Promise.withResolvers<void>()
  }

  letThrough(): void {
    this.#gate?.resolve()
    this.#gate = undefined
  }

  open(): Promise<void> {
    return this.#inner.open()
  }

  async close(): Promise<void> {
    this.closed = true
    await this.#inner.close()
  }

  async put(id: ChunkId, bytes: Uint8Array, generation: Generation): Promise<ChunkInfo> {
    if (this.failing.put !== undefined) throw this.failing.put
    if (this.holdsFirst) await this.#wait()
    const info = await this.#inner.put(id, bytes, generation)
    if (!this.holdsFirst) await this.#wait()
    return info
  }

  async #wait(): Promise<void> {
    this.held++
    await this.#gate?.promise
    this.held--
  }

  async get(id: ChunkId, options?: ReadOptions): Promise<Uint8Array> {
    if (this.failing.get !== undefined) throw this.failing.get
    return await this.#inner.get(id, options)
  }

  stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#inner.stat(id)
  }

  raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    return this.#inner.raise(id, generation)
  }

  async delete(id: ChunkId, generation: Generation): Promise<boolean> {
    if (this.failing.delete !== undefined) throw this.failing.delete
    return await this.#inner.delete(id, generation)
  }

  list(options: ListOptions): Promise<ChunkInfo[]> {
    return this.#inner.list(options)
  }

  dropQuarantined(before: number, limit: number): Promise<number> {
    return this.#inner.dropQuarantined(before, limit)
  }

  async usage(): Promise<StoreUsage> {
    if (this.failing.usage !== undefined) throw this.failing.usage
    return await this.#inner.usage()
  }
}

/** A planted bug: says that a chunk is kept before the store inside has said so. */
export class HastyStore extends GatedStore {
  override async put(id: ChunkId, bytes: Uint8Array, generation: Generation): Promise<ChunkInfo> {
    const copy = Uint8Array.from(bytes)
    super.put(id, copy, generation).catch(() => undefined) // the bug is that nobody waits for this
    return { id, sizeBytes: bytes.byteLength, generation, storedAt: 0, verifiedAt: 0, manifest: false }
  }
}
