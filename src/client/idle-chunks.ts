/** Verified chunks that nobody reads at the moment, kept for those who come next: the one that was read longest ago goes first. */

import type { Clock } from '../interfaces.ts'

/** A small chunk counts as this much: what keeping it takes beside its bytes. */
const ENTRY_BYTES_MIN = 4096

export interface IdleChunksDeps {
  readonly clock: Clock
  /** Of all of them together (`edge.cacheBytes`); 0: none is kept. */
  readonly bytesMax: number
  /** Longest that one is kept (`edge.cacheMs`). */
  readonly keptMs: number
  /** Gets the bytes of those that go: nobody refers to them any more. */
  readonly onGone: (bytes: Uint8Array) => void
}

interface Kept {
  readonly bytes: Uint8Array
  readonly endsAt: number
}

const weightOf = (bytes: Uint8Array): number => Math.max(ENTRY_BYTES_MIN, bytes.byteLength)

export class IdleChunks {
  readonly #deps: IdleChunksDeps
  /** The one that was read last is last. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0
  /** A timer is set for the one that ends first. */
  #isTimed = false

  constructor(deps: IdleChunksDeps) {
    this.#deps = deps
  }

  /** What they take up; never more than `bytesMax`. */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#kept.size
  }

  has(key: string): boolean {
    return this.#kept.has(key)
  }

  /** Takes it out: its bytes are the caller's. */
  take(key: string): Uint8Array | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.#bytes -= weightOf(kept.bytes)
    return kept.bytes
  }

  /** The bytes are kept from now on, or gone already. */
  put(key: string, bytes: Uint8Array): void {
    const { bytesMax, keptMs, clock, onGone } = this.#deps
    this.#drop(key)
    const weight = weightOf(bytes)
    if (weight > bytesMax) {
      onGone(bytes)
      return
    }
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes + weight <= bytesMax) break
      this.#drop(oldest)
    }
    this.#kept.set(key, { bytes, endsAt: clock.monotonic() + keptMs })
    this.#bytes += weight
    if (!this.#isTimed) this.#expireAfter(keptMs)
  }

  #drop(key: string): void {
    const bytes = this.take(key)
    if (bytes !== undefined) this.#deps.onGone(bytes)
  }

  #expireAfter(ms: number): void {
    this.#isTimed = true
    this.#deps.clock.setTimer(ms, () => this.#expire(), { unref: true })
  }

  /** They are in the order in which they end. */
  #expire(): void {
    this.#isTimed = false
    const now = this.#deps.clock.monotonic()
    for (const [key, { endsAt }] of this.#kept) {
      if (endsAt > now) {
        this.#expireAfter(endsAt - now)
        return
      }
      this.#drop(key)
    }
  }
}
