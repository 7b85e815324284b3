/** Listeners that have heard everything there is, and wait for more of their stream. */

import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { abortScope, sleep, throwIfAborted } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import type { EventStream } from '../../types.ts'
import type { Whose } from './event-window.ts'

export class Sleepers {
  readonly #clock: Clock
  readonly #waiting = new Map<Whose, Set<AbortScope>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Resolves when something of the stream came, or after a wait.
   * @param isNews looked at when it can be woken
   * @throws the signal's reason
   */
  async sleep(whose: Whose, waitMs: number, signal: AbortSignal, isNews: () => boolean): Promise<void> {
    using woken = abortScope(signal)
    const others = this.#waiting.get(whose) ?? new Set()
    this.#waiting.set(whose, others.add(woken))
    try {
      if (!isNews()) await sleep(this.#clock, waitMs, woken.signal)
    } catch {
      throwIfAborted(signal) // or there is news
    } finally {
      others.delete(woken)
      if (others.size === 0 && this.#waiting.get(whose) === others) this.#waiting.delete(whose)
    }
  }

  /** There is something of these, and so of everybody's. */
  wake(streams: Iterable<EventStream>): void {
    let isSome = false
    for (const stream of streams) {
      isSome = true
      this.#wakeOne(stream)
    }
    if (isSome) this.#wakeOne(null)
  }

  wakeAll(): void {
    for (const whose of this.#waiting.keys()) this.#wakeOne(whose)
  }

  #wakeOne(whose: Whose): void {
    for (const each of this.#waiting.get(whose) ?? []) each.abort(new PeerbinError('aborted'))
  }
}
