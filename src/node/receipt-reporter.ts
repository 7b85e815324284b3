import type { ControllerClient } from '../client/controller-client.ts'
import { asPeerbinError } from '../errors.ts'
import type { Logger, StepResult, Worker } from '../interfaces.ts'
import { CHUNKS_PER_PAGE_MAX } from '../protocol/limits.ts'
import { failpoints } from '../runtime/failpoints.ts'
import type { PeerId, Receipt } from '../types.ts'

/**
 * Receipts that may wait for a controller: a quarter of an hour without one at 20 chunks a second, about 5 MB. When there are more, the
 * oldest are forgotten; edges report those of their own uploads too.
 */
export const REPORTS_WAITING_MAX = 16_384
/** Pause while no controller takes them; the client of the controller has made its own repeats by then. */
const AWAY_MS = 500

export interface ReceiptReporterDeps {
  self: PeerId
  controller: Pick<ControllerClient, 'call'>
  logger: Logger
  /** Receipts are collected for so long before they are sent together. */
  intervalMs: number
  waitingMax?: number
}

/** Tells the controller which nodes hold what: in batches, in the background, until it has heard. */
export class ReceiptReporter implements Worker {
  readonly name = 'report-receipts'
  readonly idleMs: number
  readonly #self: PeerId
  readonly #controller: Pick<ControllerClient, 'call'>
  readonly #logger: Logger
  readonly #waitingMax: number
  #waiting: Receipt[] = []
  #away = false

  constructor(deps: ReceiptReporterDeps) {
    this.#self = deps.self
    this.#controller = deps.controller
    this.#logger = deps.logger
    this.idleMs = deps.intervalMs
    this.#waitingMax = deps.waitingMax ?? REPORTS_WAITING_MAX
  }

  get waiting(): number {
    return this.#waiting.length
  }

  add(receipt: Receipt): void {
    this.#waiting.push(receipt)
    this.#dropOldest()
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    if (this.#waiting.length === 0) return 'idle'
    const batch = this.#waiting.splice(0, CHUNKS_PER_PAGE_MAX)
    try {
      if (failpoints.armed) await failpoints.hit('receipts.report.before', this.#self)
      await this.#controller.call('recordReceipts', { receipts: batch }, { signal })
    } catch (caught) {
      const error = asPeerbinError(caught)
      if (!error.retryable && !signal.aborted) {
        // it would be refused for ever, and hold up those behind it
        this.#logger.error('the controller refuses receipts', { err: error, receipts: batch.length })
        return 'busy'
      }
      this.#waiting = [...batch, ...this.#waiting]
      this.#dropOldest()
      if (!this.#away) this.#logger.warn('receipts wait for a controller', { code: error.code })
      this.#away = true
      return { retryAfterMs: AWAY_MS }
    }
    this.#away = false
    return this.#waiting.length > 0 ? 'busy' : 'idle'
  }

  /** Tries once more, for a process that stops: what the controller does not take now is left to an inventory. */
  async flush(signal: AbortSignal): Promise<void> {
    while (this.#waiting.length > 0) {
      if ((await this.step(signal)) !== 'busy') return
    }
  }

  #dropOldest(): void {
    const excess = this.#waiting.length - this.#waitingMax
    if (excess <= 0) return
    this.#waiting.splice(0, excess)
    this.#logger.error('too many receipts wait for a controller: the oldest are forgotten', { excess })
  }
}
