/** Requests to the controller: finds the one that leads, and repeats what a moment may heal. */

import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError, asPeerbinError, hasCode } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock, Random } from '../interfaces.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { memoryCell } from '../runtime/cell.ts'
import type { Cell } from '../runtime/cell.ts'
import { abortScope, sleep, throwIfAborted } from '../runtime/deadline.ts'
import type { Member, PeerId, Term } from '../types.ts'

/** Pauses between repeats double up to this many times `retryMs`. */
const RETRY_GROWTH_MAX = 8

/** Said by a controller that does not lead. */
const NO_TERM = 0 as Term

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
 * whatever it believes. One that is merely suspect is still tried, and one that is not there yet waited for, so that a restart of the controller
 * costs a pause and no failure.
 */
export class ControllerClient {
  readonly #rpc: RpcCaller<ControlMessages>
  readonly #membership: Membership
  readonly #clock: Clock
  readonly #random: Random
  readonly #config: Config['controller']
  readonly #term: Cell<Term>

  constructor(deps: {
    readonly rpc: RpcCaller<ControlMessages>
    readonly membership: Membership
    readonly clock: Clock
    readonly random: Random
    readonly config: Config['controller']
    /** Greatest term heard of, over restarts; without it that is forgotten with the process. */
    readonly term?: Cell<Term> | undefined
  }) {
    this.#rpc = deps.rpc
    this.#membership = deps.membership
    this.#clock = deps.clock
    this.#random = deps.random
    this.#config = deps.config
    this.#term = deps.term ?? memoryCell(NO_TERM)
  }

  /**
   * @throws `no-controller` when none came into sight within `controller.waitMs`, or none answered in time (the outcome is then unknown); the signal's
   * reason; `local-file` when a greater term cannot be stored; otherwise what the controller answered.
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
      const peer = await this.#findLeader(endsAt, signal)
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

  /** Waits for a leader to be heard of, where there is none. @throws `no-controller`, the signal's reason */
  async #findLeader(endsAt: number, signal: AbortSignal | undefined): Promise<PeerId> {
    const waitUntil = Math.min(endsAt, this.#clock.monotonic() + this.#config.waitMs)
    for (;;) {
      const leader = this.#leader()
      if (leader !== undefined) {
        if (leader.term > this.#term.get()) await this.#term.set(leader.term)
        return leader.peer
      }
      // one that is starting or stopping says so by leading in no term: a restart may take longer than anybody waits for a first sight
      const leftMs = (this.#isRestarting() ? endsAt : waitUntil) - this.#clock.monotonic()
      if (leftMs <= 0) {
        throw new PeerbinError('no-controller', '', { retryAfterMs: this.#config.requestTimeoutMs })
      }
      await this.#change(leftMs, signal)
    }
  }

  /** Of those ever heard of, and none but one of the greatest term; of two with one term the greater peer id leads (controller/leadership.ts). */
  #leader(): Member | undefined {
    const leader = this.#controllers().reduce<Member | undefined>(
      (best, member) => (best === undefined || member.term >= best.term ? member : best), // all() is in order of peer id
      undefined
    )
    if (leader === undefined || leader.liveness === 'down') return undefined
    return leader.term < this.#term.get() || leader.term === NO_TERM ? undefined : leader
  }

  #isRestarting(): boolean {
    return this.#controllers().some((member) => member.liveness !== 'down' && member.term === NO_TERM)
  }

  #controllers(): Member[] {
    return this.#membership.all().filter((member) => member.roles.includes('controller'))
  }

  /** Resolves when the members have changed, or after `limitMs`. @throws the signal's reason */
  async #change(limitMs: number, signal: AbortSignal | undefined): Promise<void> {
    using changed = abortScope(signal)
    const unwatch = this.#membership.onChange(() => changed.abort(new PeerbinError('aborted')))
    try {
      await sleep(this.#clock, limitMs, changed.signal)
    } catch {
      // woken by a change, or by the caller's signal
      throwIfAborted(signal)
    } finally {
      unwatch()
    }
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
