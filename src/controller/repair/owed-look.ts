import type { Config } from '../../config.ts'
import type { StepResult, Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { ChunkId } from '../../types.ts'
import type { RecentChunks } from '../recent-chunks.ts'
import type { StoreTime } from '../store-time.ts'
import { assess } from './assess.ts'
import type { NodeWatch } from './node-watch.ts'
import type { RepairQueue } from './queue.ts'

/** Pause between two pages: a long list that nothing can be done about must cost little. */
const PAGE_PAUSE_MS = 100

export interface OwedLookDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly recent: RecentChunks
  readonly config: Config
  readonly watch: NodeWatch
  readonly queue: RepairQueue
  /** There is work. */
  readonly onWork: () => void
}

/**
 * Finds quickly what uploads still owe, without waiting for a patrol: copies whose node failed before it could pass the chunk on, and those lost to a bad disk. What is being
 * passed on just now is left to the nodes for a while.
 */
export class OwedLook implements Worker {
  readonly name = 'owed-copies'
  readonly idleMs: number
  readonly #deps: OwedLookDeps
  #after: ChunkId | undefined
  #started = false

  constructor(deps: OwedLookDeps) {
    this.#deps = deps
    this.idleMs = deps.config.controller.owedIntervalMs
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const { store, time, recent, config, watch, queue, onWork } = this.#deps
    if (!this.#started) {
      // what the nodes were passing on when this process started is not known here
      this.#started = true
      return { retryAfterMs: config.replication.owedDelayMs }
    }
    const view = watch.look()
    // the queue has enough to do: what is not in it will be owed later too
    if (view.wanted < 2 || queue.count('under') >= config.repair.queueMax / 2) return 'idle'
    const limit = config.controller.batchMax
    const page = await store.listOwed(view.wanted, this.#after, limit)
    if (signal.aborted) return 'idle'
    this.#after = page.length === limit ? page.at(-1)?.chunk : undefined
    const now = time.now()
    const sizeBefore = queue.size
    for (const owed of page) {
      if (recent.has(owed.chunk) || queue.get(owed.chunk) !== undefined) continue
      // when it was read matters to its tier only, which is looked at before anything is done
      const assessment = assess({ ...owed, readAt: now, reads: 0 }, view, { now, cold: config.cold })
      if (assessment.urgency === 'last-copy' || assessment.urgency === 'under') {
        queue.offer(owed.chunk, owed.sizeBytes, assessment)
      }
    }
    if (queue.size > sizeBefore) onWork()
    return this.#after === undefined ? 'idle' : { retryAfterMs: PAGE_PAUSE_MS }
  }
}
