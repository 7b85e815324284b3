import { asPeerbinError, PeerbinError } from '../errors.ts'
import type { Logger, Service } from '../interfaces.ts'

/** Services that stand on one another: started in order, stopped in reverse. Once stopped it stays so. */
export class ServiceStack implements Service {
  readonly #services: readonly Service[]
  readonly #logger: Logger
  readonly #onStopped: () => Promise<void> | void
  #running: Promise<void> | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  /** @param deps.onStopped gives back what was taken before the start: locks, callers. Runs even when nothing was ever started. */
  constructor(deps: {
    readonly services: readonly Service[]
    readonly logger: Logger
    readonly onStopped: () => Promise<void> | void
  }) {
    this.#services = deps.services
    this.#logger = deps.logger
    this.#onStopped = deps.onStopped
  }

  /** When one fails to start, the whole stack is taken down again, and its error is thrown. `shutting-down` after a stop. */
  start(): Promise<void> {
    this.#starting ??= this.#startOrTakeDown()
    return this.#starting
  }

  async #startOrTakeDown(): Promise<void> {
    this.#running = this.#startAll()
    try {
      await this.#running
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async #startAll(): Promise<void> {
    for (const service of this.#services) {
      if (this.#stopping !== undefined) throw new PeerbinError('shutting-down')
      await service.start()
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll()
    return this.#stopping
  }

  async #stopAll(): Promise<void> {
    await this.#running?.catch(() => undefined) // its error is thrown by start
    // one that will not stop cleanly must not keep the others from it
    for (const service of this.#services.toReversed()) {
      try {
        await service.stop()
      } catch (error) {
        this.#logger.warn('a part did not stop cleanly', { err: asPeerbinError(error) })
      }
    }
    await this.#onStopped()
  }
}
