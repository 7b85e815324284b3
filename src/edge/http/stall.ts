import type { ErrorCode } from '../../errors.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock, Timer } from '../../interfaces.ts'
import { afterTurn } from '../../runtime/turn.ts'

/**
 * Notices that nothing has moved for too long. One timer for any number of waits: it is set again when it fires too early, so that a wait costs
 * a look at the clock and no timer of its own.
 */
export class StallWatch {
  readonly #clock: Clock
  readonly #limitMs: number
  readonly #onStall: () => void
  #waitingSince: number | undefined
  #timer: Timer | undefined

  constructor(clock: Clock, limitMs: number, onStall: () => void) {
    this.#clock = clock
    this.#limitMs = limitMs
    this.#onStall = onStall
  }

  /** Something is waited for from now on. */
  wait(): void {
    this.#waitingSince = this.#clock.monotonic()
    this.#timer ??= this.#arm(this.#limitMs)
  }

  /** It came. */
  moved(): void {
    this.#waitingSince = undefined
  }

  stop(): void {
    this.#waitingSince = undefined
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(delayMs: number): Timer {
    return this.#clock.setTimer(
      delayMs,
      () => {
        this.#timer = undefined
        // timers come before sockets in a turn: where this process could not run for long, what the other side did meanwhile has not been heard yet
        if (this.#leftMs() <= 0) afterTurn(() => this.#judge())
        else this.#judge()
      },
      { unref: true }
    )
  }

  #judge(): void {
    const leftMs = this.#leftMs()
    if (leftMs <= 0) this.#onStall()
    else if (leftMs < Infinity) this.#timer ??= this.#arm(leftMs)
  }

  /** Infinity: nothing is waited for, and the next wait arms it again. */
  #leftMs(): number {
    if (this.#waitingSince === undefined) return Infinity
    return this.#waitingSince + this.#limitMs - this.#clock.monotonic()
  }
}

/**
 * The same items, but a wait for the next one of more than `limitMs` fails with `code`. The source is left behind then: an iterator that
 * waits cannot be ended from outside, so whoever owns the socket has to cut it.
 */
export async function* stallLimited<T>(
  source: AsyncIterable<T>,
  clock: Clock,
  limitMs: number,
  code: ErrorCode
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let fail: ((error: Error) => void) | undefined
  let pending = false
  const watch = new StallWatch(clock, limitMs, () => fail?.(new PeerbinError(code)))
  // not Promise.race: that would add one reaction per item to a promise that lives as long as the stream
  const next = (): Promise<IteratorResult<T>> =>
    new Promise((resolve, reject) => {
      fail = reject
      pending = true
      watch.wait()
      iterator.next().then(
        (result) => {
          pending = false
          watch.moved()
          resolve(result)
        },
        (error: unknown) => {
          pending = false
          reject(error instanceof Error ? error : new PeerbinError('internal', '', { cause: error }))
        }
      )
    })
  try {
    for (let item = await next(); item.done !== true; item = await next()) yield item.value
  } finally {
    watch.stop()
    // ended now, or as soon as the wait that stalled is over; either way nobody listens to how that ends
    const ended = iterator.return?.()
    if (pending) ended?.catch(() => undefined)
    else await ended
  }
}
