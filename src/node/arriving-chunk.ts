import type { PeerbinError } from '../errors.ts'
import { FRAME_BYTES_MAX } from '../protocol/limits.ts'
import type { ChunkId, Generation } from '../types.ts'

/**
 * A chunk while it arrives: one writer moves `filled` on, any number of readers follow it. Iterating gives the bytes from the start
 * as they come, in whole frames; it may be done as often as needed (a second attempt, another peer). A reader that
 * has caught up waits; `fail` ends all of them with its error.
 */
export class ArrivingChunk implements AsyncIterable<Uint8Array> {
  readonly id: ChunkId
  readonly generation: Generation
  readonly bytes: Uint8Array
  #filled = 0
  #moved = Promise.withResolvers<void>()
  readonly #failed = new AbortController()
  #failure: PeerbinError | undefined

  /** @param bytes of exactly the chunk's size. */
  constructor(id: ChunkId, generation: Generation, bytes: Uint8Array) {
    this.id = id
    this.generation = generation
    this.bytes = bytes
  }

  get isComplete(): boolean {
    return this.#filled === this.bytes.byteLength
  }

  /** Why the chunk will never be complete, or must not be passed on any more. */
  get failure(): PeerbinError | undefined {
    return this.#failure
  }

  /** Aborts when the chunk fails. */
  get signal(): AbortSignal {
    return this.#failed.signal
  }

  /** So many bytes stand at the front of `bytes` by now, and will not change any more. */
  advance(filledBytes: number): void {
    this.#filled = Math.max(this.#filled, filledBytes)
    this.#wake()
  }

  /** Idempotent: the first reason stays. */
  fail(error: PeerbinError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#failed.abort(error)
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let sent = 0
    while (sent < this.bytes.byteLength) {
      if (this.#failure !== undefined) throw this.#failure
      const end = this.#endOfFrames(sent)
      if (end === sent) {
        await this.#moved.promise
        continue
      }
      yield this.bytes.subarray(sent, end)
      sent = end
    }
    // the last bytes went out, but a chunk that failed since (its hash was wrong) must not look complete
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Whole frames only until the last byte is there: many small frames would cost more than the wait for a full one. */
  #endOfFrames(from: number): number {
    if (this.isComplete) return this.#filled
    return from + Math.floor((this.#filled - from) / FRAME_BYTES_MAX) * FRAME_BYTES_MAX
  }

  #wake(): void {
    const moved = this.#moved
    this.#moved = Promise.withResolvers<void>()
    moved.resolve()
  }
}
