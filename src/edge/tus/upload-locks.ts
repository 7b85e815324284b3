/** One request at a time works on an upload, on this edge; over all edges the controller sees to it that the newest does. */

import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'

/**
 * Whoever holds a lock is told to end, stores what has come, and is done after about one chunk. Some cannot: they wait for memory that others have, or end a large file. After so long
 * the next one goes on beside them. The controller refuses what the older one does then, as if it were at another edge.
 */
const WAIT_MS = 10_000
const RETRY_AFTER_MS = 2000

interface Held {
  /** Whose it is: one whose turn is over has nothing to unlock. */
  owner: UploadLock
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
    const lock: UploadLock = {
      lock: async (_signal, cancel) => await this.#lock(id, lock, cancel),
      unlock: async () => this.#unlock(id, lock)
    }
    return lock
  }

  /** @throws `upload-busy` when another one comes that is newer */
  async #lock(id: string, owner: UploadLock, askToEnd: () => void): Promise<void> {
    const held = this.#held.get(id)
    if (held === undefined) {
      this.#held.set(id, { owner, askToEnd, next: undefined })
      return
    }
    held.next?.fail(busy())
    held.askToEnd()
    await new Promise<void>((resolve, reject) => {
      const next = {
        go: (): void => {
          timer.cancel()
          held.owner = owner
          held.askToEnd = askToEnd
          held.next = undefined
          resolve()
        },
        fail: (error: PeerbinError): void => {
          timer.cancel()
          reject(error)
        }
      }
      const timer = this.#clock.setTimer(WAIT_MS, next.go, { unref: true })
      held.next = next
    })
  }

  #unlock(id: string, owner: UploadLock): void {
    const held = this.#held.get(id)
    if (held?.owner !== owner) return
    if (held.next === undefined) this.#held.delete(id)
    else held.next.go()
  }
}
