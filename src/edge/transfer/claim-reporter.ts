/** Tells the controller what of a claim's file was handed to a socket. The controller alone decides when the claim is consumed. */

import { asPeerbinError } from '../../errors.ts'
import type { ControllerClient } from '../../client/controller-client.ts'
import type { Clock, Logger, Random, Timer } from '../../interfaces.ts'
import { sleep } from '../../runtime/deadline.ts'
import { randomUuid } from '../../runtime/random.ts'
import type { ByteRange, ClaimRecord, SecretHash } from '../../types.ts'

/** After the end of a download: rounds of the client's own retries, with a pause in between; then the lease has to end it. */
const LAST_REPORT_ATTEMPTS = 5
const RETRY_MS = 500

export interface ClaimReporterDeps {
  readonly controller: Pick<ControllerClient, 'call'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly intervalMs: number
  readonly tokenHash: SecretHash
  readonly claimHash: SecretHash
  /** First position of the file that is sent. */
  readonly start: number
  /** Gets each answer; null: the claim is there no more, so its download has to end. */
  readonly onAnswer: (bytes: number, claim: ClaimRecord | null) => void
}

interface Report {
  /** Stays the same over all attempts, so that a report whose answer was lost counts once. */
  readonly id: string
  readonly range: ByteRange
}

/** Reports of one response: the bytes from `start` on, in order. */
export class ClaimReporter {
  readonly #deps: ClaimReporterDeps
  /** Up to here it was sent, and up to here it is in a report. */
  #sentTo: number
  #reportedTo: number
  /** A report whose outcome is unknown. */
  #pending: Report | undefined
  /** The flush that was asked for last; never rejects. */
  #last: Promise<void> = Promise.resolve()
  #timer: Timer | undefined

  constructor(deps: ClaimReporterDeps) {
    this.#deps = deps
    this.#sentTo = deps.start
    this.#reportedTo = deps.start
  }

  /** `bytes` more were handed to the socket. */
  sent(bytes: number): void {
    this.#sentTo += bytes
    this.#timer ??= this.#deps.clock.setTimer(
      this.#deps.intervalMs,
      () => {
        this.#timer = undefined
        // failures are kept for the next round
        void this.#flush().catch((error: unknown) => this.#failed(error))
      },
      { unref: true }
    )
  }

  /**
   * Reports the first byte ahead of its sending and waits until the controller has it: from then on nobody can take the claim back.
   * @returns false when somebody has taken it back already
   */
  async ahead(): Promise<boolean> {
    const range = { start: this.#reportedTo, end: this.#reportedTo + 1 }
    this.#reportedTo = range.end
    let alive = false
    await this.#send({ id: randomUuid(this.#deps.random), range }, (claim) => {
      alive = claim !== null && claim.state !== 'released'
      this.#deps.onAnswer(1, claim)
    })
    return alive
  }

  /** The last report: tried until it is through or hopeless. Never rejects. */
  async finish(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#flush()
        if (this.#pending === undefined && this.#reportedTo >= this.#sentTo) return
      } catch (error) {
        this.#failed(error)
        if (attempt >= LAST_REPORT_ATTEMPTS) return
        await sleep(this.#deps.clock, RETRY_MS)
      }
    }
  }

  /** One flush at a time, in the order they were asked for. */
  async #flush(): Promise<void> {
    const flushed = this.#last.then(() => this.#flushOnce())
    this.#last = flushed.catch(() => undefined) // whoever asked for it hears of it
    await flushed
  }

  async #flushOnce(): Promise<void> {
    if (this.#pending === undefined) {
      if (this.#reportedTo >= this.#sentTo) return
      this.#pending = {
        id: randomUuid(this.#deps.random),
        range: { start: this.#reportedTo, end: this.#sentTo }
      }
      this.#reportedTo = this.#sentTo
    }
    const report = this.#pending
    await this.#send(report, (claim) => this.#deps.onAnswer(report.range.end - report.range.start, claim))
    this.#pending = undefined
  }

  async #send(report: Report, onAnswer: (claim: ClaimRecord | null) => void): Promise<void> {
    const { controller, tokenHash, claimHash } = this.#deps
    const { claim } = await controller.call('reportClaim', {
      tokenHash,
      claimHash,
      ranges: [report.range],
      bytesSent: report.range.end - report.range.start,
      reportId: report.id
    })
    onAnswer(claim)
  }

  #failed(error: unknown): void {
    this.#deps.logger.warn('progress of a download could not be reported yet', {
      code: asPeerbinError(error).code
    })
  }
}
