/** What is told to somebody who may then forget what they have must survive the loss of the controller's machine. */

import type { Config } from '../../config.ts'
import { PeerbinError, hasCode } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { withDeadline } from '../../runtime/deadline.ts'
import type { Snapshots } from '../snapshots/snapshots.ts'

/** The next shipping is a few seconds away. */
const RETRY_AFTER_MS = 2000

export interface AcknowledgeDeps {
  readonly snapshots: Pick<Snapshots, 'covered'>
  readonly clock: Clock
  readonly config: Config
}

export class Acknowledge {
  readonly #deps: AcknowledgeDeps

  constructor(deps: AcknowledgeDeps) {
    this.#deps = deps
  }

  /** Resolves when everything that is committed by now is safe. @throws `copies-missing` when that takes too long: a repeat answers as before */
  async now(signal: AbortSignal): Promise<void> {
    await this.#wait(undefined, signal)
  }

  /** The same of what was committed at `at` (store's time): costs nothing once it is safe. */
  async since(at: number, signal: AbortSignal): Promise<void> {
    await this.#wait(at, signal)
  }

  async #wait(at: number | undefined, signal: AbortSignal): Promise<void> {
    const { snapshots, clock, config } = this.#deps
    try {
      await withDeadline(clock, config.pools.acknowledgeMs, signal, (limit) => snapshots.covered(limit, at))
    } catch (error) {
      if (!hasCode(error, 'deadline-exceeded')) throw error
      throw new PeerbinError('copies-missing', 'The nodes have not taken note of it in time.', {
        retryAfterMs: RETRY_AFTER_MS,
        cause: error
      })
    }
  }
}
