/** Tells the controller what of a claim's file was handed to a socket. The controller alone decides when the claim is consumed. */

import { asPeerbinError } from '../../errors.ts'
import type { ControllerClient } from '../../client/controller-client.ts'
import type { Clock, Logger, Random, Timer } from '../../interfaces.ts'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import { sleep } from '../../runtime/deadline.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import { randomUuid } from '../../runtime/random.ts'
import type { ByteRange, SecretHash } from '../../types.ts'

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
  /** First position of what is sent. */
  readonly start: number
  /** Up to which position the payload counts as sent when it was sent up to a position; default: they are the same. */
  readonly coveredBefore?: (position: number) => number
  /** Gets each answer with how many bytes it was about; `now` is the store's time. */
  readonly onAnswer: (bytes: number, answer: ReportAnswer) => void
}

export type ReportAnswer = ResponseOf<ControlMessages, 'reportClaim'>

interface Report {
  /** Stays the same over all attempts, so that a report whose answer was lost counts once. */
  readonly id: string
  readonly ranges: ByteRange[]
  readonly bytes: number
}

/** Reports of one response: the bytes from `start` on, in order. What is reported are positions of the file's payload. */
export class ClaimReporter {
  readonly #deps: ClaimReporterDeps
  /** How far the response is. */
  #at: number
  /** Up to here the payload was sent, and up to here it is in a report. */
  #sentTo: number
  #reportedTo: number
  /** Bytes given to the socket, and those of them that are in a report. */
  #handedBytes = 0
  #reportedBytes = 0
  /** A report whose outcome is unknown. */
  #pending: Report | undefined
  /** The flush that was asked for last; never rejects. */
  #last: Promise<void> = Promise.resolve()
  #timer: Timer | undefined

  constructor(deps: ClaimReporterDeps) {
    this.#deps = deps
    this.#at = deps.start
    this.#sentTo = this.#covered(deps.start)
    this.#reportedTo = this.#sentTo
  }

  /**
   * `bytes` more were given to the socket. They count as bytes of the claim whatever becomes of them: of a piece that was cut off nobody
   * knows how much has arrived.
   */
  handed(bytes: number): void {
    this.#handedBytes += bytes
  }

  /** The next `bytes` went out whole: they cover their part of the file. */
  sent(bytes: number): void {
    this.#at += bytes
    this.#sentTo = this.#covered(this.#at)
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
   * Reports the first byte ahead of its sending and waits until the controller has it: from then on nobody can take the claim back. It need not be one of the payload.
   * @returns false when somebody has taken it back already
   */
  async ahead(): Promise<boolean> {
    const range = { start: this.#reportedTo, end: this.#covered(this.#at + 1) }
    this.#reportedTo = range.end
    this.#reportedBytes = 1
    const ranges = range.start < range.end ? [range] : []
    const { claim } = await this.#send({ id: randomUuid(this.#deps.random), ranges, bytes: 1 })
    return claim !== null && claim.state !== 'released'
  }

  #covered(position: number): number {
    return this.#deps.coveredBefore?.(position) ?? position
  }

  /** The last report: tried until it is through or hopeless. Never rejects. */
  async finish(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#flush()
        if (this.#pending === undefined && this.#nextReport() === undefined) return
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
    const report = (this.#pending ??= this.#nextReport())
    if (report === undefined) return
    this.#reportedTo = Math.max(this.#reportedTo, report.ranges[0]?.end ?? 0)
    await this.#send(report)
    this.#reportedBytes += report.bytes
    this.#pending = undefined
  }

  /** What the controller has not been told of yet; undefined when there is nothing. */
  #nextReport(): Report | undefined {
    const range = { start: this.#reportedTo, end: this.#sentTo }
    const ranges = range.start < range.end ? [range] : []
    const bytes = Math.max(0, this.#handedBytes - this.#reportedBytes)
    if (ranges.length === 0 && bytes === 0) return undefined
    return { id: randomUuid(this.#deps.random), ranges, bytes }
  }

  async #send(report: Report): Promise<ReportAnswer> {
    const { controller, tokenHash, claimHash, onAnswer } = this.#deps
    if (failpoints.armed) await failpoints.hit('edge.report.beforeSend')
    const answer = await controller.call('reportClaim', {
      tokenHash,
      claimHash,
      ranges: report.ranges,
      bytesSent: report.bytes,
      reportId: report.id
    })
    onAnswer(report.bytes, answer)
    return answer
  }

  #failed(error: unknown): void {
    this.#deps.logger.warn('progress of a download could not be reported yet', {
      code: asPeerbinError(error).code
    })
  }
}
