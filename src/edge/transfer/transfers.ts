/** Uploads and downloads under way on this edge: counted, cut off when it stops, and waited for. */

import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { withDeadline } from '../../runtime/deadline.ts'

/** One transfer; `using` it takes it off the list at the end. */
export interface Transfer {
  /** Aborts when the client goes away or the edge stops. */
  readonly signal: AbortSignal
  [Symbol.dispose](): void
}

/** What can tell that its other side is gone: a response. */
interface Closable {
  readonly writableFinished: boolean
  readonly closed: boolean
  on(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

export class Transfers {
  readonly #running = new Set<AbortController>()
  readonly #background = new Set<Promise<void>>()
  readonly #ending = new AbortController()

  get running(): number {
    return this.#running.size
  }

  /** What goes on behind answers that were given. */
  get following(): number {
    return this.#background.size
  }

  /** Aborts when the edge waits no longer for what goes on behind: whoever pauses there gives up. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /** @param response its connection carries the transfer: when it closes early, the transfer is over */
  begin(response: Closable): Transfer {
    const controller = new AbortController()
    const onClose = (): void => {
      if (!response.writableFinished) controller.abort(new PeerbinError('aborted'))
    }
    response.on('close', onClose)
    if (response.closed) onClose() // it went while something else was waited for, and says so only once
    this.#running.add(controller)
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        response.off('close', onClose)
        this.#running.delete(controller)
      }
    }
  }

  /** One that goes on to its end when its client leaves: what has come is stored. Only the edge's stop ends it. */
  hold(): Transfer {
    const controller = new AbortController()
    this.#running.add(controller)
    return { signal: controller.signal, [Symbol.dispose]: () => void this.#running.delete(controller) }
  }

  /** Keeps work that goes on after its answer (a last report, a release). It must not reject. */
  follow(work: Promise<void>): void {
    this.#background.add(work)
    void work.finally(() => this.#background.delete(work)) // `work` never rejects, so neither does this
  }

  /** Ends every transfer now. */
  cut(): void {
    for (const controller of this.#running) controller.abort(new PeerbinError('shutting-down'))
  }

  /** Waits for what goes on behind, at most so long. */
  async settle(clock: Clock, limitMs: number): Promise<void> {
    this.#ending.abort(new PeerbinError('shutting-down'))
    this.cut() // those whose clients have left
    const all = Promise.all(this.#background).then(() => undefined)
    // what is not done by then is lost, and the store's leases are made for that
    await withDeadline(clock, limitMs, undefined, () => all).catch(() => undefined)
  }
}
