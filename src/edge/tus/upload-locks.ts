/** One request at a time works on an upload, on this edge; over all edges the controller sees to it that the newest does. */

import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'

/** Whoever holds a lock is told to end, stores what has come, and is done after about one chunk; only the end of a large file takes longer. */
const WAIT_MS = 10_000
const RETRY_AFTER_MS = 2000

interface Held {
  askToEnd: () => void
  /** The one that comes next; of several that wait the newest. */
  next: { go: () => void; fail: (error: PeerbinError) => void } | undefined
}

const busy = (): PeerbinError => new PeerbinError('upload-busy', '', { retryAfterMs: RETRY_AFTER_MS })

/** A lock as the library wants it. Its own types stay out of here: whoever uses this package with all types checked would have to have what they refer to. */
export interface UploadLock {
  lock(signal: AbortSignal, cancel: () => void): Promise<void>
  unlock(): Promise<void>
}

/** The library's own one asks all the time whether a lock is free yet, and lets any number wait. */
export class UploadLocks {
  readonly #held = new Map<string, Held>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#held.size
  }

  newLock(id: string): UploadLock {
    return {
      lock: async (_signal, cancel) => await this.#lock(id, cancel),
      unlock: async () => this.#unlock(id)
    }
  }

  /** @throws `upload-busy` */
  async #lock(id: string, askToEnd: () => void): Promise<void> {
    const held = this.#held.get(id)
    if (held === undefined) {
      this.#held.set(id, { askToEnd, next: undefined })
      return
    }
    held.next?.fail(busy())
    held.askToEnd()
    await new Promise<void>((resolve, reject) => {
      const next = {
        go: (): void => {
          timer.cancel()
          held.askToEnd = askToEnd
          held.next = undefined
          resolve()
        },
        fail: (error: PeerbinError): void => {
          timer.cancel()
          if (held.next === next) held.next = undefined
          reject(error)
        }
      }
      const timer = this.#clock.setTimer(WAIT_MS, () => next.fail(busy()), { unref: true })
      held.next = next
    })
  }

  #unlock(id: string): void {
    const held = this.#held.get(id)
    if (held?.next === undefined) this.#held.delete(id)
    else held.next.go()
  }
}
