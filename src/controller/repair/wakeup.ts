import type { Clock } from '../../interfaces.ts'
import { abortScope, sleep } from '../../runtime/deadline.ts'
import { PeerbinError } from '../../errors.ts'

/** Lets one waiter pause until there is something to do. What came in before the pause began ends it at once. */
export class Wakeup {
  readonly #clock: Clock
  #wanted = false
  #wake = (): void => {}

  constructor(deps: { readonly clock: Clock }) {
    this.#clock = deps.clock
  }

  wake(): void {
    this.#wanted = true
    this.#wake()
  }

  /** Until somebody wakes it, the time is over, or the signal aborts. Never rejects. */
  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#wanted && !signal.aborted) {
      using pause = abortScope(signal)
      this.#wake = () => pause.abort(new PeerbinError('aborted'))
      // an aborted pause means that it is over, for whichever reason
      await sleep(this.#clock, limitMs, pause.signal).catch(() => undefined)
      this.#wake = () => {}
    }
    this.#wanted = false
  }
}
