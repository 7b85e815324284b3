import type { ChunkStore, ReadOptions, SignalOptions } from '../../interfaces.ts'
import { Budget } from '../../runtime/budget.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'
import { ForwardingChunkStore } from './forwarding.ts'

/**
 * Bounds what a store does at once, and with it the memory that chunks on their way take. Puts and gets wait in order of arrival, each
 * in a queue of its own; beyond the bound they are turned away with `busy`. What reads or writes only records passes freely.
 */
export class LimitedChunkStore extends ForwardingChunkStore {
  readonly #puts: Budget
  readonly #gets: Budget

  /** @param deps `waitersMax` holds for each of the two queues. */
  constructor(deps: {
    readonly store: ChunkStore
    readonly putsMax: number
    readonly getsMax: number
    readonly waitersMax: number
  }) {
    super(deps.store)
    this.#puts = new Budget(deps.putsMax, deps.waitersMax)
    this.#gets = new Budget(deps.getsMax, deps.waitersMax)
  }

  override async put(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    options?: SignalOptions
  ): Promise<ChunkInfo> {
    const place = await this.#puts.acquire(1, options?.signal)
    try {
      return await this.inner.put(id, bytes, generation, options)
    } finally {
      place.release()
    }
  }

  override async get(id: ChunkId, options?: ReadOptions): Promise<Uint8Array> {
    const place = await this.#gets.acquire(1, options?.signal)
    try {
      return await this.inner.get(id, options)
    } finally {
      place.release()
    }
  }
}
