import type { Config } from '../config.ts'
import { Budget, type Lease } from '../runtime/budget.ts'

/** What a put holds while it runs. */
export interface PutPlaces {
  /** Until the body has arrived and the own store has settled. */
  receiving: Lease
  /** Until all copies have settled; undefined when none are made. */
  copying: Lease | undefined
  /** How many copies may be made at once with it. */
  jobs: number
}

/**
 * Places bound what a node does at once, and so its memory: every chunk in memory belongs to somebody who holds a place, so there are at most
 * `putsMax + replicasMax + getsMax` of them.
 *
 * Nodes wait for each other's places, so order matters. Copying waits for a receiving place of a peer; receiving waits for the requester and the own disk
 * only. So copying is leased first, and whoever holds a receiving place never waits for another place: no circle can come about.
 */
export class Places {
  readonly #receiving: Budget
  readonly #copying: Budget
  readonly #reading: Budget

  constructor(config: Config['node']) {
    this.#receiving = new Budget(config.putsMax, config.waitersMax)
    this.#copying = new Budget(config.replicasMax, config.waitersMax)
    this.#reading = new Budget(config.getsMax, config.waitersMax)
  }

  /** @param jobs copies to be made; fewer are when replicasMax is less than that. @throws `busy`, or the signal's reason. */
  async enterPut(jobs: number, signal: AbortSignal): Promise<PutPlaces> {
    const possible = Math.min(jobs, this.#copying.total)
    const copying = possible > 0 ? await this.#copying.acquire(possible, signal) : undefined
    try {
      return { receiving: await this.#receiving.acquire(1, signal), copying, jobs: possible }
    } catch (error) {
      copying?.release()
      throw error
    }
  }

  /** For one read that is answered. @throws `busy`, or the signal's reason. */
  async enterGet(signal: AbortSignal): Promise<Lease> {
    return await this.#reading.acquire(1, signal)
  }

  /** For one chunk that is read and given to a peer. @throws `busy`, or the signal's reason. */
  async enterCopy(signal: AbortSignal): Promise<Lease[]> {
    const copying = await this.#copying.acquire(1, signal)
    try {
      return [await this.#reading.acquire(1, signal), copying]
    } catch (error) {
      copying.release()
      throw error
    }
  }

  /** Places taken now; all zero when the node is at rest. */
  get used(): { receiving: number; copying: number; reading: number } {
    return { receiving: this.#receiving.used, copying: this.#copying.used, reading: this.#reading.used }
  }
}
