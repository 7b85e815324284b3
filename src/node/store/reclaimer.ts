import type { Clock, Timer } from '../../interfaces.ts'
import type { ChunkIndex } from './chunk-index.ts'
import { clustersOf, type SliceTable } from './slice-table.ts'

/** Removals are gathered so long: those of one file come together, and a compaction costs the same for one chunk as for sixteen. */
const DELAY_MS = 2000
const DELAY_MAX_MS = 60_000
/** Removals looked at in one go. */
const BATCH_MAX = 1024

/**
 * Gives the space of deleted chunks back, behind the deletes: their slices were noted in the index in the same step that forgot the chunk,
 * so that a crash loses none of them. It works at most half of the time, however many deletes there are.
 */
export class Reclaimer {
  readonly #clock: Clock
  readonly #index: ChunkIndex
  readonly #slices: SliceTable
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #stopped = false
  #failures = 0
  /** Something was noted since the last look. */
  #noted = false

  constructor(deps: { readonly clock: Clock; readonly index: ChunkIndex; readonly slices: SliceTable }) {
    this.#clock = deps.clock
    this.#index = deps.index
    this.#slices = deps.slices
  }

  /** There is something to remove; soon. */
  nudge(delayMs = DELAY_MS): void {
    this.#noted = true
    if (this.#stopped || this.#timer !== undefined || this.#running !== undefined) return
    const later = (): void => {
      this.#timer = undefined
      // a pass that failed is tried again; a LevelDB that cannot write refuses the next put too, and that one is heard
      this.run().catch(() => undefined)
    }
    this.#timer = this.#clock.setTimer(delayMs, later, { unref: true })
  }

  /** Removes all that has been noted; at once. @throws `store-failed` */
  async run(): Promise<void> {
    await this.#running?.catch(() => undefined) // whoever started that one hears of its failure
    this.#running ??= this.#pass()
    await this.#running
  }

  /** Resolves when nothing is under way; what is left is for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#running?.catch(() => undefined) // as above
  }

  async #pass(): Promise<void> {
    const startedAt = this.#clock.monotonic()
    try {
      await this.#removeAll()
      this.#failures = 0
    } catch (error) {
      this.#failures++
      this.#noted = true // the notes are still there
      throw error
    } finally {
      this.#running = undefined
      const tookMs = this.#clock.monotonic() - startedAt
      const backoffMs = Math.min(DELAY_MAX_MS, DELAY_MS * 2 ** this.#failures)
      if (this.#noted) this.nudge(this.#failures > 0 ? backoffMs : Math.max(DELAY_MS, tookMs))
    }
  }

  async #removeAll(): Promise<void> {
    while (!this.#stopped) {
      this.#noted = false
      const ranges = await this.#index.listRemovals(BATCH_MAX)
      if (ranges.length === 0) return
      for (const cluster of clustersOf(ranges)) {
        if (this.#stopped) return
        await this.#slices.remove(cluster)
        await this.#index.forgetRemovals(cluster)
      }
    }
  }
}
