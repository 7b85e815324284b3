/** Requests that wait for an event. */

import type { Clock } from '../../interfaces.ts'
import type { EventWatch } from '../../metadata-store.ts'
import { abortScope, sleep, throwIfAborted } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import { PeerbinError } from '../../errors.ts'

/** An edge has one that follows, and a few others: what is above is answered at once, and comes again. */
const WAITERS_MAX = 256
/** Looked for so often without a word from the store, and as a second chance with it. */
const LOOK_MS = 250

export interface EventWaitersDeps {
  readonly watch: EventWatch | undefined
  readonly clock: Clock
}

export class EventWaiters {
  readonly #deps: EventWaitersDeps
  readonly #waiting = new Set<AbortScope>()
  #unwatch: (() => void) | undefined

  constructor(deps: EventWaitersDeps) {
    this.#deps = deps
  }

  /** What `look` finds, as soon as that is something (`isEmpty` says), or after a wait. @throws the signal's reason, what `look` throws */
  async until<T>(
    look: () => Promise<T>,
    isEmpty: (found: T) => boolean,
    waitMs: number,
    signal: AbortSignal
  ): Promise<T> {
    const { clock } = this.#deps
    const endsAt = clock.monotonic() + waitMs
    for (;;) {
      using woken = abortScope(signal)
      // before the look: what is written during it wakes
      const isWaiting = waitMs > 0 && this.#add(woken)
      try {
        const found = await look()
        const leftMs = endsAt - clock.monotonic()
        if (!isEmpty(found) || leftMs <= 0 || !isWaiting) return found
        await sleep(clock, Math.min(leftMs, LOOK_MS), woken.signal).catch(() => throwIfAborted(signal))
      } finally {
        this.#remove(woken)
      }
    }
  }

  #add(scope: AbortScope): boolean {
    if (this.#waiting.size >= WAITERS_MAX) return false
    this.#waiting.add(scope)
    this.#unwatch ??= this.#deps.watch?.onWritten(() => this.#wake())
    return true
  }

  #remove(scope: AbortScope): void {
    this.#waiting.delete(scope)
    if (this.#waiting.size > 0) return
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  #wake(): void {
    for (const each of this.#waiting) each.abort(new PeerbinError('aborted'))
  }
}
