import type { Config } from '../../config.ts'
import type { Clock, StepResult, Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { ChunkId } from '../../types.ts'
import type { StoreTime } from '../store-time.ts'

/** Reads are stored together, so often. */
const INTERVAL_MS = 1000
/** Chunks waiting to be stored, and those remembered as stored; more are let go, which makes a chunk seem a little colder than it is. */
const WAITING_MAX = 20_000
const NOTED_MAX = 100_000

export interface ReadNotesDeps {
  readonly store: Pick<MetadataStore, 'noteReads'>
  readonly clock: Clock
  readonly time: StoreTime
  readonly config: Pick<Config, 'cold' | 'controller'>
}

/** Writes down which chunks are read, coarsely and behind the reader's back: a download must not wait for it, and a crash may forget a second of it. */
export class ReadNotes implements Worker {
  readonly name = 'read-notes'
  readonly idleMs = INTERVAL_MS
  readonly #deps: ReadNotesDeps
  readonly #waiting = new Set<ChunkId>()
  /** When they were stored last, in that order; monotonic ms. */
  readonly #notedAt = new Map<ChunkId, number>()

  constructor(deps: ReadNotesDeps) {
    this.#deps = deps
  }

  note(chunks: readonly ChunkId[]): void {
    this.#forget()
    for (const chunk of chunks) {
      if (this.#waiting.size >= WAITING_MAX) return
      if (!this.#notedAt.has(chunk)) this.#waiting.add(chunk)
    }
  }

  async step(): Promise<StepResult> {
    const { store, clock, time, config } = this.#deps
    const page = [...this.#waiting].slice(0, config.controller.batchMax)
    if (page.length === 0) return 'idle'
    const { warmWindowMs, readStepMs } = config.cold
    await store.noteReads(page, { now: time.now(), windowMs: warmWindowMs, stepMs: readStepMs })
    for (const chunk of page) {
      this.#waiting.delete(chunk)
      this.#notedAt.set(chunk, clock.monotonic())
    }
    return this.#waiting.size > 0 ? 'busy' : 'idle'
  }

  #forget(): void {
    const before = this.#deps.clock.monotonic() - this.#deps.config.cold.readStepMs
    for (const [chunk, at] of this.#notedAt) {
      if (at > before && this.#notedAt.size <= NOTED_MAX) return
      this.#notedAt.delete(chunk)
    }
  }
}
