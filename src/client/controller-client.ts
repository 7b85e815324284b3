/** Requests to the controller: finds the one that leads, and repeats what a moment may heal. */

import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError, asPeerbinError, hasCode } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock, Random } from '../interfaces.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { sleep, throwIfAborted } from '../runtime/deadline.ts'
import type { Member, PeerId } from '../types.ts'

/** Pauses between repeats double up to this many times `retryMs`. */
const RETRY_GROWTH_MAX = 8

/** The request did not get through, or nobody knows whether it did. */
const TRANSPORT_CODES: readonly ErrorCode[] = ['peer-unreachable', 'deadline-exceeded', 'shutting-down']
/** What a repeat may heal: every operation of the control protocol is idempotent, an unknown outcome included. */
const REPEATED_CODES: readonly ErrorCode[] = [...TRANSPORT_CODES, 'busy', 'store-failed', 'term-stale']

export interface ControllerCallOptions {
  signal?: AbortSignal
  /** Limit for the request with all its repeats; `controller.callTimeoutMs` when not given. */
  timeoutMs?: number
}

/**
 * Calls the controller with the greatest term that was ever heard of here, and never one of a lower term: that one no longer leads,
 * whatever it believes. One that is merely suspect is still tried, so that a restart of the controller costs a pause and no failure.
 */
export class ControllerClient {
  readonly #rpc: RpcCaller<ControlMessages>
  readonly #membership: Membership
  readonly #clock: Clock
  readonly #random: Random
  readonly #config: Config['controller']

  constructor(deps: {
    readonly rpc: RpcCaller<ControlMessages>
    readonly membership: Membership
    readonly clock: Clock
    readonly random: Random
    readonly config: Config['controller']
  }) {
    this.#rpc = deps.rpc
    this.#membership = deps.membership
    this.#clock = deps.clock
    this.#random = deps.random
    this.#config = deps.config
  }

  /**
   * @throws `no-controller` when none is known, or none answered in time (the outcome is then unknown); the signal's reason; otherwise
   * what the controller answered.
   */
  async call<K extends keyof ControlMessages>(
    op: K,
    message: RequestOf<ControlMessages, K>,
    options: ControllerCallOptions = {}
  ): Promise<ResponseOf<ControlMessages, K>> {
    const { signal } = options
    const endsAt = this.#clock.monotonic() + (options.timeoutMs ?? this.#config.callTimeoutMs)
    for (let repeats = 0; ; repeats++) {
      throwIfAborted(signal)
      const peer = this.#leader()
      if (peer === undefined)
        throw new PeerbinError('no-controller', '', { retryAfterMs: this.#config.requestTimeoutMs })
      const leftMs = Math.max(1, endsAt - this.#clock.monotonic())
      const timeoutMs = Math.min(this.#config.requestTimeoutMs, leftMs)
      try {
        const result = await this.#rpc.call(peer, op, message, { timeoutMs, ...(signal && { signal }) })
        return result.message
      } catch (error) {
        throwIfAborted(signal)
        if (!hasCode(error, ...REPEATED_CODES)) throw error
        const pauseMs = this.#pauseMs(repeats, error)
        if (this.#clock.monotonic() + pauseMs >= endsAt) throw asFinal(error)
        await sleep(this.#clock, pauseMs, signal)
      }
    }
  }

  /** Of two with one term the greater peer id leads (controller/leadership.ts). */
  #leader(): PeerId | undefined {
    const leader = this.#membership
      .all()
      .filter((member) => member.roles.includes('controller'))
      .reduce<Member | undefined>(
        (best, member) => (best === undefined || member.term >= best.term ? member : best), // all() is in order of peer id
        undefined
      )
    return leader === undefined || leader.liveness === 'down' ? undefined : leader.peer
  }

  #pauseMs(repeats: number, error: PeerbinError): number {
    const growing = this.#config.retryMs * Math.min(RETRY_GROWTH_MAX, 2 ** repeats)
    return Math.max(growing * (0.5 + this.#random.fraction() / 2), error.retryAfterMs ?? 0)
  }
}

const asFinal = (error: PeerbinError): PeerbinError =>
  TRANSPORT_CODES.includes(error.code) || error.code === 'term-stale'
    ? new PeerbinError('no-controller', '', { cause: asPeerbinError(error) })
    : error
