/** Who waits until what has happened is on as many nodes as make it safe from the loss of this machine. */

import { PeerbinError } from '../../errors.ts'
import { abortable } from '../../runtime/deadline.ts'

/** What is above is turned away. */
const WAITING_MAX = 4096
/** A shipping takes about so long. */
const RETRY_AFTER_MS = 1000

interface Waiting {
  /** Number of a taking from the store, the first that has it. */
  readonly order: number
  readonly covered: PromiseWithResolvers<void>
}

export class Cover {
  readonly #waiting = new Set<Waiting>()

  /** Whether somebody waits for a taking that has not begun: one for all of them is enough. @param taken number of the last that has */
  isWantedAfter(taken: number): boolean {
    for (const { order } of this.#waiting) if (order > taken) return true
    return false
  }

  /** @throws the signal's reason, `busy`, `shutting-down` */
  async wait(order: number, signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX)
      throw new PeerbinError('busy', '', { retryAfterMs: RETRY_AFTER_MS })
    const waiting: Waiting = { order, covered: Promise.withResolvers() }
    this.#waiting.add(waiting)
    try {
      await abortable(waiting.covered.promise, signal)
    } finally {
      this.#waiting.delete(waiting)
    }
  }

  /** Everything up to this taking is safe. */
  reached(order: number): void {
    for (const each of this.#waiting) if (each.order <= order) each.covered.resolve()
  }

  stop(): void {
    for (const { covered } of this.#waiting) covered.reject(new PeerbinError('shutting-down'))
  }
}
