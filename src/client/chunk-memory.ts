/** Memory for chunks under way: leased from the process's budget before it is used, and used again where that is safe. */

import { PeerbinError } from '../errors.ts'
import type { Clock } from '../interfaces.ts'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import type { Budget, Lease } from '../runtime/budget.ts'
import { deadline, throwIfAborted } from '../runtime/deadline.ts'

/** Who had to wait in vain should try again after so long. */
const RETRY_AFTER_MS = 2000

/**
 * Free buffers of a whole chunk each, shared by all who lease from one budget: leased and free memory together stay within it. Fresh buffers
 * for every chunk keep the garbage collector busy with full collections (measured on a bare prototype: a quarter of the CPU time).
 */
const freeBuffers = new WeakMap<Budget, Uint8Array[]>()

/** Memory of one chunk, with its share of the budget. */
export interface ChunkBuffer {
  readonly sizeBytes: number
  /** `sizeBytes` long; taken at the first use, its content not defined. */
  readonly bytes: Uint8Array
  /** Something may still refer to the bytes: they are never used again, and the next use of `bytes` gives other ones. */
  spoil(): void
  /** Gives the share back. Idempotent. Nobody may use the bytes afterwards, unless they were spoilt. */
  release(): void
}

export class ChunkMemory {
  readonly #budget: Budget
  readonly #clock: Clock
  readonly #waitMs: number
  readonly #free: Uint8Array[]

  /** @param deps.waitMs longest wait for memory (`edge.memoryWaitMs`). */
  constructor(deps: { readonly budget: Budget; readonly clock: Clock; readonly waitMs: number }) {
    this.#budget = deps.budget
    this.#clock = deps.clock
    this.#waitMs = deps.waitMs
    this.#free = freeBuffers.get(deps.budget) ?? []
    freeBuffers.set(deps.budget, this.#free)
  }

  /** Free buffers that are kept. */
  get kept(): number {
    return this.#free.length
  }

  /** Waits its turn. @throws `busy` when that takes too long or too many wait; the signal's reason. */
  async lease(sizeBytes: number, signal: AbortSignal | undefined): Promise<ChunkBuffer> {
    using limit = deadline(this.#clock, this.#waitMs, signal)
    let lease: Lease
    try {
      lease = await this.#budget.acquire(sizeBytes, limit.signal)
    } catch (error) {
      throwIfAborted(signal)
      throw new PeerbinError('busy', '', { retryAfterMs: RETRY_AFTER_MS, cause: error })
    }
    return this.#bufferFor(lease)
  }

  /** At once, or undefined: for what is useful only while memory is free. */
  tryLease(sizeBytes: number): ChunkBuffer | undefined {
    const lease = this.#budget.tryAcquire(sizeBytes)
    return lease && this.#bufferFor(lease)
  }

  #bufferFor(lease: Lease): ChunkBuffer {
    const sizeBytes = lease.amount
    this.#trim(sizeBytes === CHUNK_BYTES_MAX ? 1 : 0)
    let bytes: Uint8Array | undefined
    let held = true
    const take = (): Uint8Array => (bytes ??= this.#take(sizeBytes))
    return {
      sizeBytes,
      get bytes() {
        return take()
      },
      spoil: () => {
        bytes = undefined
      },
      release: () => {
        if (!held) return
        held = false
        // before the lease: whoever waits for it then finds this buffer
        if (bytes?.byteLength === CHUNK_BYTES_MAX) this.#free.push(bytes)
        bytes = undefined
        lease.release()
      }
    }
  }

  #take(sizeBytes: number): Uint8Array {
    const free = sizeBytes === CHUNK_BYTES_MAX ? this.#free.pop() : undefined
    return free ?? Buffer.allocUnsafeSlow(sizeBytes)
  }

  /** Lets free buffers go that no longer fit beside what is leased; `spare` of them are about to be taken. */
  #trim(spare: number): void {
    const room = Math.floor((this.#budget.total - this.#budget.used) / CHUNK_BYTES_MAX) + spare
    if (this.#free.length > room) this.#free.length = Math.max(0, room)
  }
}
