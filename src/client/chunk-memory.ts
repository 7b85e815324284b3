/** Memory for chunks under way: leased from the process's budget before it is used, and used again where that is safe. */

import { PeerbinError } from '../errors.ts'
import type { Clock, Timer } from '../interfaces.ts'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import type { Budget, Lease } from '../runtime/budget.ts'
import { deadline, throwIfAborted } from '../runtime/deadline.ts'

/** Who had to wait in vain should try again after so long. */
const RETRY_AFTER_MS = 2000

/**
 * Free buffers of a whole unit each (a chunk, unless said otherwise), shared by all who lease from one budget: leased and free memory together stay within it. Fresh buffers
 * for every chunk keep the garbage collector busy with full collections (measured on a bare prototype: a quarter of the CPU time).
 */
const freeBuffers = new WeakMap<Budget, Uint8Array[]>()

/** Memory of one chunk, with its share of the budget. */
export interface ChunkBuffer {
  readonly sizeBytes: number
  /** `sizeBytes` long; taken at the first use, its content not defined. */
  readonly bytes: Uint8Array
  /**
   * Others may have the memory when they wait for it, once it was held for `heldMs`: `onWanted` is called at most once, and is to release it soon. For a holder
   * that waits for somebody outside, who may be slow; `keep` takes it back.
   */
  offer(heldMs: number, onWanted: () => void): void
  keep(): void
  /** Something may still refer to the bytes: they are never used again, and the next use of `bytes` gives other ones. */
  spoil(): void
  /** In place of its own, from now on. @param bytes as many as it has, which nobody else refers to */
  adopt(bytes: Uint8Array): void
  /** Its bytes are the caller's from now on; `recycle` takes them back. */
  detach(): Uint8Array
  /** Gives the share back. Idempotent. Nobody may use the bytes afterwards, unless they were spoilt. */
  release(): void
}

export class ChunkMemory {
  readonly #budget: Budget
  readonly #clock: Clock
  readonly #waitMs: number
  readonly #unitBytes: number
  readonly #free: Uint8Array[]

  /**
   * @param deps.waitMs longest wait for memory (`edge.memoryWaitMs`).
   * @param deps.unitBytes size of the buffers that are used again; the same for all who lease from one budget. Default: CHUNK_BYTES_MAX.
   */
  constructor(deps: {
    readonly budget: Budget
    readonly clock: Clock
    readonly waitMs: number
    readonly unitBytes?: number
  }) {
    this.#budget = deps.budget
    this.#unitBytes = deps.unitBytes ?? CHUNK_BYTES_MAX
    this.#clock = deps.clock
    this.#waitMs = deps.waitMs
    this.#free = freeBuffers.get(deps.budget) ?? []
    freeBuffers.set(deps.budget, this.#free)
  }

  /** Free buffers that are kept. */
  get kept(): number {
    return this.#free.length
  }

  /**
   * Waits its turn.
   * @param late see Budget.acquire
   * @throws `busy` when that takes too long or too many wait; the signal's reason.
   */
  async lease(sizeBytes: number, signal: AbortSignal | undefined, late = false): Promise<ChunkBuffer> {
    using limit = deadline(this.#clock, this.#waitMs, signal)
    let lease: Lease
    try {
      lease = await this.#budget.acquire(sizeBytes, limit.signal, late)
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

  /** Bytes that were detached, and that nobody refers to any more: used again if there is room for them. */
  recycle(bytes: Uint8Array): void {
    if (bytes.byteLength !== this.#unitBytes) return
    this.#free.push(bytes)
    this.#trim(0)
  }

  #bufferFor(lease: Lease): ChunkBuffer {
    const sizeBytes = lease.amount
    this.#trim(sizeBytes === this.#unitBytes ? 1 : 0)
    let bytes: Uint8Array | undefined
    let held = true
    const take = (): Uint8Array => (bytes ??= this.#take(sizeBytes))
    const leasedAt = this.#clock.monotonic()
    let patience: Timer | undefined
    const keep = (): void => {
      patience?.cancel()
      patience = undefined
      lease.keep()
    }
    return {
      sizeBytes,
      get bytes() {
        return take()
      },
      offer: (heldMs, onWanted) => {
        keep()
        if (!held || heldMs === Infinity) return
        const afterMs = leasedAt + heldMs - this.#clock.monotonic()
        if (afterMs <= 0) lease.offer(onWanted)
        else patience = this.#clock.setTimer(afterMs, () => lease.offer(onWanted), { unref: true })
      },
      keep,
      spoil: () => {
        bytes = undefined
      },
      adopt: (other) => {
        if (other.byteLength !== sizeBytes)
          throw new PeerbinError('internal', 'memory of another size than was leased')
        bytes = other
        this.#trim(0) // what was left for it to take is not needed
      },
      detach: () => {
        const own = take()
        bytes = undefined
        return own
      },
      release: () => {
        if (!held) return
        held = false
        keep()
        // before the lease: whoever waits for it then finds this buffer
        if (bytes?.byteLength === this.#unitBytes) this.#free.push(bytes)
        bytes = undefined
        lease.release()
      }
    }
  }

  #take(sizeBytes: number): Uint8Array {
    const free = sizeBytes === this.#unitBytes ? this.#free.pop() : undefined
    return free ?? Buffer.allocUnsafeSlow(sizeBytes)
  }

  /** Lets free buffers go that no longer fit beside what is leased; `spare` of them are about to be taken. */
  #trim(spare: number): void {
    const room = Math.floor((this.#budget.total - this.#budget.used) / this.#unitBytes) + spare
    if (this.#free.length > room) this.#free.length = Math.max(0, room)
  }
}
