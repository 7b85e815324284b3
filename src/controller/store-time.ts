/**
 * The store's time: what leases, grace periods and expiries are judged by. It follows the controller's wall clock, but never runs
 * backwards and never jumps: a wall clock that is set an hour ahead ends no lease, it only makes this time run a little faster
 * until both agree again. docs/decisions/0005-collector-from-the-first-day.md says why, docs/share-links.md what follows from it.
 */

import type { Clock } from '../interfaces.ts'

/**
 * The store's time runs at most this share faster or slower than real time while it closes in on the wall clock: a lease of 10 minutes
 * lasts at least 9½, and a difference of an hour is gone after 20.
 */
export const SLEW_RATE = 0.05

/** The store's time and the monotonic clock at one moment, both in ms. */
export interface TimePoint {
  readonly timeMs: number
  readonly monotonicMs: number
}

/** The store's time now, from its last known value and both clocks. Never earlier than `last`. */
export function advance(last: TimePoint, wallMs: number, monotonicMs: number): TimePoint {
  const elapsedMs = Math.max(0, monotonicMs - last.monotonicMs)
  const steadyMs = last.timeMs + elapsedMs
  const slewMaxMs = elapsedMs * SLEW_RATE
  const slewMs = Math.min(slewMaxMs, Math.max(-slewMaxMs, wallMs - steadyMs))
  return { timeMs: steadyMs + slewMs, monotonicMs: last.monotonicMs + elapsedMs }
}

/**
 * Where the store's time goes on after a start: from the stored mark, so that no lease ran out while the controller was down.
 *
 * @param markMs the stored mark; 0 in a new cluster, which starts at the wall clock
 * @param lagMaxMs an outage counts as so long at most. The longest lease there is may be given here: none that ran before can still have a
 *   right to run then, and links that expired during a long outage must not live on for as long again.
 */
export const resumeAt = (markMs: number, wallMs: number, lagMaxMs: number): number =>
  markMs === 0 ? wallMs : Math.max(markMs, wallMs - lagMaxMs)

/** The running store's time. */
export class StoreTime {
  readonly #clock: Clock
  #last: TimePoint

  constructor(clock: Clock) {
    this.#clock = clock
    this.#last = { timeMs: 0, monotonicMs: clock.monotonic() }
  }

  /** Goes on from a stored mark (see `resumeAt`). */
  resume(markMs: number, lagMaxMs: number): void {
    const timeMs = resumeAt(markMs, this.#clock.now(), lagMaxMs)
    this.#last = { timeMs, monotonicMs: this.#clock.monotonic() }
  }

  /** Whole milliseconds since the epoch; never less than an earlier answer. */
  now(): number {
    this.#last = advance(this.#last, this.#clock.now(), this.#clock.monotonic())
    return Math.floor(this.#last.timeMs)
  }
}
