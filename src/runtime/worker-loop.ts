import { asPeerbinError } from '../errors.ts'
import type { Clock, Logger, Random, Service, StepResult, Worker } from '../interfaces.ts'
import { sleep } from './deadline.ts'

/** First and longest pause after a failed step; doubled in between, with jitter so that processes do not fall into step. */
const BACKOFF_FIRST_MS = 200
const BACKOFF_MAX_MS = 30_000

export interface WorkerContext {
  clock: Clock
  random: Random
  logger: Logger
}

/** What is known of a worker's life, for status and metrics. */
export interface WorkerReport {
  name: string
  steps: number
  failures: number
  lastError: string | null
}

/** The one loop for background work: pacing, backoff after errors, and stopping. */
export class WorkerLoop implements Service {
  readonly #worker: Worker
  readonly #context: WorkerContext
  #stopping: AbortController | undefined
  #running: Promise<void> | undefined
  #wake: AbortController | undefined
  #nudged = false
  #steps = 0
  #failures = 0
  #failuresInRow = 0
  #lastError: string | null = null

  constructor(worker: Worker, context: WorkerContext) {
    this.#worker = worker
    this.#context = context
  }

  get report(): WorkerReport {
    return {
      name: this.#worker.name,
      steps: this.#steps,
      failures: this.#failures,
      lastError: this.#lastError
    }
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return
    this.#stopping = new AbortController()
    this.#running = this.#run(this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping?.abort()
    this.#wake?.abort()
    await this.#running
    this.#running = undefined
  }

  /** Ends the present pause: there is something to do. */
  nudge(): void {
    this.#nudged = true
    this.#wake?.abort()
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#nudged = false
      const pauseMs = await this.#step(signal)
      if (signal.aborted) return
      if (this.#nudged) continue // something came in while the step ran
      this.#wake = new AbortController()
      // an aborted pause means stop or nudge, and the loop's condition tells which
      await sleep(this.#context.clock, pauseMs, this.#wake.signal).catch(() => undefined)
    }
  }

  /** One step; answers how long to pause after it. */
  async #step(signal: AbortSignal): Promise<number> {
    try {
      const result: StepResult = await this.#worker.step(signal)
      this.#steps++
      this.#failuresInRow = 0
      if (result === 'busy') return 0
      return result === 'idle' ? this.#worker.idleMs : result.retryAfterMs
    } catch (error) {
      if (signal.aborted) return 0
      this.#failures++
      this.#lastError = asPeerbinError(error).code
      const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#failuresInRow++)
      this.#context.logger.warn('background work failed and will be tried again', {
        worker: this.#worker.name,
        err: error,
        backoffMs
      })
      return backoffMs * (0.5 + this.#context.random.fraction() / 2)
    }
  }
}
