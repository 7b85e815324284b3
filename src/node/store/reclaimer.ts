import { PeerbinError } from '../../errors.ts'
import type { Clock, Timer } from '../../interfaces.ts'
import type { ChunkIndex } from './chunk-index.ts'
import { storeError } from './leveldb.ts'
import { clustersOf, type SliceTable } from './slice-table.ts'

/** Removals are gathered so long: those of one file come together, and a compaction costs the same for one chunk as for sixteen. */
const DELAY_MS = 2000
const DELAY_MAX_MS = 60_000
/** Removals looked at in one go. */
const BATCH_MAX = 1024
/** What is still there after a compaction is removed again at once, so often; then after a pause. */
const ATTEMPTS = 3

export interface ReclaimerDeps {
  readonly clock: Clock
  readonly index: ChunkIndex
  readonly slices: SliceTable
  /** Of the disk, in bytes. */
  readonly freeSpace: () => Promise<number>
  /** Run once, before the first look: notes what was left behind by damage. */
  readonly noteOrphans: (signal: AbortSignal) => Promise<unknown>
  /** Told of every pass that failed by itself, when nobody else hears of it; it will be tried again. Must not throw. */
  readonly onFailure: (failure: PeerbinError) => void
}

/**
 * Gives the space of deleted chunks back, behind the deletes: their slices were noted in the index in the same step that forgot the chunk,
 * so that a crash loses none of them, and a note goes only when its slices are gone from the disk. It works at most half of the time, however
 * many deletes there are.
 */
export class Reclaimer {
  readonly #deps: ReclaimerDeps
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #failures = 0
  #orphansNoted = false
  /** Something was noted since the last look. */
  #noted = false

  constructor(deps: ReclaimerDeps) {
    this.#deps = deps
  }

  /** There is something to remove; soon. */
  nudge(delayMs = DELAY_MS): void {
    this.#noted = true
    if (this.#stopped || this.#timer !== undefined || this.#running !== undefined) return
    const later = (): void => {
      this.#timer = undefined
      this.run().catch((error: unknown) => {
        this.#deps.onFailure(storeError(error, 'give space back'))
      })
    }
    this.#timer = this.#deps.clock.setTimer(delayMs, later, { unref: true })
  }

  /** Removes all that has been noted; at once. @throws `store-failed` when it could not, and will be tried again */
  async run(): Promise<void> {
    await this.#running?.catch(() => undefined) // whoever started that one hears of its failure
    this.#running ??= this.#pass()
    await this.#running
  }

  /** Resolves when nothing is under way; what is left is for the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#running?.catch(() => undefined) // as above
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  async #pass(): Promise<void> {
    const { clock } = this.#deps
    const startedAt = clock.monotonic()
    try {
      if (!this.#orphansNoted) {
        await this.#deps.noteOrphans(this.#stopping.signal)
        this.#orphansNoted = true
      }
      await this.#removeAll()
      this.#failures = 0
    } catch (error) {
      this.#failures++
      this.#noted = true // the notes are still there
      throw error
    } finally {
      this.#running = undefined
      const tookMs = clock.monotonic() - startedAt
      const backoffMs = Math.min(DELAY_MAX_MS, DELAY_MS * 2 ** this.#failures)
      if (this.#noted) this.nudge(this.#failures > 0 ? backoffMs : Math.max(DELAY_MS, tookMs))
    }
  }

  async #removeAll(): Promise<void> {
    const { index, slices, freeSpace } = this.#deps
    while (!this.#stopped) {
      this.#noted = false
      const ranges = await index.listRemovals(BATCH_MAX)
      if (ranges.length === 0) return
      let tooLarge = 0
      for (const cluster of clustersOf(ranges, await freeSpace())) {
        if (this.#stopped) return
        if ((await freeSpace()) < (await slices.spaceNeeded(cluster))) {
          tooLarge++
          continue
        }
        await this.#remove(cluster)
        await index.forgetRemovals(cluster)
      }
      if (tooLarge > 0)
        throw new PeerbinError(
          'store-failed',
          'Too little space is free to give that of deleted chunks back.'
        )
    }
  }

  async #remove(cluster: Parameters<SliceTable['remove']>[0]): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (await this.#deps.slices.remove(cluster)) return
    }
    throw new PeerbinError('store-failed', 'The space of deleted chunks could not be given back yet.')
  }
}
