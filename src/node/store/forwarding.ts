import type { ChunkStore, ListOptions, ReadOptions, SignalOptions, StoreUsage } from '../../interfaces.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'

/** A decorator that changes nothing: others extend it and override what they are about. */
export class ForwardingChunkStore implements ChunkStore {
  protected readonly inner: ChunkStore

  constructor(inner: ChunkStore) {
    this.inner = inner
  }

  get durable(): boolean {
    return this.inner.durable
  }

  open(): Promise<void> {
    return this.inner.open()
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  put(id: ChunkId, bytes: Uint8Array, generation: Generation, options?: SignalOptions): Promise<ChunkInfo> {
    return this.inner.put(id, bytes, generation, options)
  }

  get(id: ChunkId, options?: ReadOptions): Promise<Uint8Array> {
    return this.inner.get(id, options)
  }

  stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.inner.stat(id)
  }

  raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    return this.inner.raise(id, generation)
  }

  delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.inner.delete(id, generation)
  }

  list(options: ListOptions): Promise<ChunkInfo[]> {
    return this.inner.list(options)
  }

  dropQuarantined(before: number, limit: number): Promise<number> {
    return this.inner.dropQuarantined(before, limit)
  }

  usage(): Promise<StoreUsage> {
    return this.inner.usage()
  }
}
