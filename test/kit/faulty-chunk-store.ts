/** A chunk store whose calls can be made to fail, hang or answer late. */

import type { ChunkStore, ListOptions, ReadOptions, SignalOptions, StoreUsage } from '../../src/interfaces.ts'
import { ForwardingChunkStore } from '../../src/node/store/forwarding.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../src/types.ts'

export type StoreOperation =
  | 'open'
  | 'put'
  | 'get'
  | 'stat'
  | 'raise'
  | 'delete'
  | 'list'
  | 'dropQuarantined'
  | 'usage'

/** Runs around an operation: to fail it, throw; to delay it, wait. */
export type Fault = (operation: StoreOperation, id?: ChunkId) => Promise<void> | void

/** Passes everything on until faults are set. */
export class FaultyChunkStore extends ForwardingChunkStore {
  /** Before the operation: a throw means that nothing was done. */
  before: Fault = () => {}
  /** After it: a throw means that it was done and the answer was lost. */
  after: Fault = () => {}
  /** Operations that reached the store. */
  readonly calls: Array<{ operation: StoreOperation; id: ChunkId | undefined }> = []

  constructor(deps: { readonly store: ChunkStore }) {
    super(deps.store)
  }

  /** Takes the faults away. */
  heal(): void {
    this.before = () => {}
    this.after = () => {}
  }

  override open(): Promise<void> {
    return this.#around('open', undefined, () => this.inner.open())
  }

  override put(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    options?: SignalOptions
  ): Promise<ChunkInfo> {
    return this.#around('put', id, () => this.inner.put(id, bytes, generation, options))
  }

  override get(id: ChunkId, options?: ReadOptions): Promise<Uint8Array> {
    return this.#around('get', id, () => this.inner.get(id, options))
  }

  override stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#around('stat', id, () => this.inner.stat(id))
  }

  override raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    return this.#around('raise', id, () => this.inner.raise(id, generation))
  }

  override delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#around('delete', id, () => this.inner.delete(id, generation))
  }

  override list(options: ListOptions): Promise<ChunkInfo[]> {
    return this.#around('list', undefined, () => this.inner.list(options))
  }

  override dropQuarantined(before: number, limit: number): Promise<number> {
    return this.#around('dropQuarantined', undefined, () => this.inner.dropQuarantined(before, limit))
  }

  override usage(): Promise<StoreUsage> {
    return this.#around('usage', undefined, () => this.inner.usage())
  }

  async #around<T>(operation: StoreOperation, id: ChunkId | undefined, work: () => Promise<T>): Promise<T> {
    await this.before(operation, id)
    this.calls.push({ operation, id })
    const answer = await work()
    await this.after(operation, id)
    return answer
  }
}
