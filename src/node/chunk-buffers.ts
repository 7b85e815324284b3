/** Memory for chunks under way through this node, used again where that is safe. */

import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'

/**
 * Smaller chunks get memory of their own size from the allocator: 4 MiB for a manifest of 1 KiB would be waste, and the garbage
 * collector is troubled by large external buffers only (docs/decisions/0004-replication-while-arriving.md).
 */
const REUSED_FROM_BYTES = 1024 * 1024

/** The memory of one chunk, shared by those who fill it, store it and pass it on. */
export interface ChunkBuffer {
  /** Of exactly the size that was asked for; what stands in it at first is not defined. */
  readonly bytes: Uint8Array
  /** One holder more; whoever called `take` is the first. */
  hold(): void
  /** One holder less. After the last one the memory may be used for another chunk. */
  release(): void
  /**
   * The memory may never be used again: a stream that did not answer, or a read that did not end, may still refer to it. Holders
   * release as usual, and the garbage collector takes the memory when nothing refers to it.
   */
  spoil(): void
}

/**
 * Lends buffers and keeps a bounded number of free ones. How many are lent at once is bounded by the places that borrowers must
 * hold first (places.ts), not here.
 */
export class ChunkBuffers {
  readonly #keptMax: number
  readonly #free: Uint8Array[] = []
  #lent = 0
  #peak = 0

  constructor(keptMax: number) {
    this.#keptMax = keptMax
  }

  /** Chunks that hold memory now. */
  get lent(): number {
    return this.#lent
  }

  /** Most that ever did so at once. */
  get peak(): number {
    return this.#peak
  }

  /** Free buffers kept for later. */
  get kept(): number {
    return this.#free.length
  }

  take(sizeBytes: number): ChunkBuffer {
    const whole = this.#wholeFor(sizeBytes)
    this.#lent++
    this.#peak = Math.max(this.#peak, this.#lent)
    let holders = 1
    let spoilt = false
    return {
      bytes: whole.subarray(0, sizeBytes),
      hold: () => {
        holders++
      },
      release: () => {
        holders--
        if (holders !== 0) return
        this.#lent--
        if (!spoilt) this.#keep(whole)
      },
      spoil: () => {
        spoilt = true
      }
    }
  }

  /** Forgets the free buffers. */
  clear(): void {
    this.#free.length = 0
  }

  #wholeFor(sizeBytes: number): Uint8Array {
    if (sizeBytes < REUSED_FROM_BYTES) return Buffer.allocUnsafeSlow(sizeBytes)
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES_MAX)
  }

  #keep(whole: Uint8Array): void {
    if (whole.byteLength === CHUNK_BYTES_MAX && this.#free.length < this.#keptMax) this.#free.push(whole)
  }
}
