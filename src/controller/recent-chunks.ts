import type { Clock } from '../interfaces.ts'
import type { ChunkId } from '../types.ts'

/** Most chunks remembered; the oldest are forgotten first, which costs at most a copy made twice. */
const CHUNKS_MAX = 50_000

/**
 * Chunks that were reserved or reported a moment ago. Their missing copies are most likely on their way, so the controller leaves them to the
 * nodes for a while (config replication.owedDelayMs). Kept in memory: after a restart the worker waits once for as long.
 */
export class RecentChunks {
  readonly #clock: Clock
  readonly #recentMs: number
  /** In order of the last touch, by the monotonic clock. */
  readonly #touchedAt = new Map<ChunkId, number>()

  constructor(deps: { clock: Clock; recentMs: number }) {
    this.#clock = deps.clock
    this.#recentMs = deps.recentMs
  }

  touch(chunk: ChunkId): void {
    this.#touchedAt.delete(chunk) // so that it moves to the end
    this.#touchedAt.set(chunk, this.#clock.monotonic())
    this.#forget()
  }

  has(chunk: ChunkId): boolean {
    this.#forget()
    return this.#touchedAt.has(chunk)
  }

  #forget(): void {
    const before = this.#clock.monotonic() - this.#recentMs
    for (const [chunk, at] of this.#touchedAt) {
      if (at > before && this.#touchedAt.size <= CHUNKS_MAX) return
      this.#touchedAt.delete(chunk)
    }
  }
}
