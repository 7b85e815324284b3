import type { Clock } from '../interfaces.ts'
import type { MetadataStore, StoreStats } from '../metadata-store.ts'

/** Counting takes at most one part in so many of the store's time, however often anybody asks. */
const SHARE = 20

export interface RecentStatsDeps {
  readonly store: Pick<MetadataStore, 'stats'>
  readonly clock: Clock
}

/**
 * Counts of the store that are as new as they can be had cheaply. Counting reads whole indexes and nothing else runs meanwhile, while the status page of an
 * edge is for everybody: so those who ask together share one count, and one that took long is kept for as much longer.
 */
export class RecentStats {
  readonly #deps: RecentStatsDeps
  #last: { copies: number; stats: StoreStats; freshUntil: number } | undefined
  #counting: { copies: number; stats: Promise<StoreStats> } | undefined

  constructor(deps: RecentStatsDeps) {
    this.#deps = deps
  }

  /** @param copies as MetadataStore.stats has it; when it changes, what was counted for the old one is no answer. */
  async get(copies: number): Promise<StoreStats> {
    const last = this.#last
    if (last?.copies === copies && this.#deps.clock.monotonic() < last.freshUntil) return last.stats
    if (this.#counting?.copies === copies) return await this.#counting.stats
    const counting = { copies, stats: this.#count(copies) }
    this.#counting = counting
    try {
      return await counting.stats
    } finally {
      if (this.#counting === counting) this.#counting = undefined
    }
  }

  async #count(copies: number): Promise<StoreStats> {
    const { store, clock } = this.#deps
    const startedAt = clock.monotonic()
    const stats = await store.stats(copies)
    const now = clock.monotonic()
    this.#last = { copies, stats, freshUntil: now + (now - startedAt) * SHARE }
    return stats
  }
}
