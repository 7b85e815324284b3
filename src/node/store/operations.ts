import { PeerbinError } from '../../errors.ts'

/** Counts what is under way on a store, so that closing can wait for it and nothing starts after that. */
export class Operations {
  #open = false
  #running = 0
  #drained: PromiseWithResolvers<void> | undefined

  get isOpen(): boolean {
    return this.#open
  }

  open(): void {
    this.#open = true
  }

  /** @throws `shutting-down` when the store is not open. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#open) throw new PeerbinError('shutting-down', 'The chunk store is not open.')
    this.#running++
    try {
      return await work()
    } finally {
      this.#running--
      if (this.#running === 0) this.#drained?.resolve()
    }
  }

  /** Lets nothing new in, and resolves when what was under way has settled. */
  async close(): Promise<void> {
    this.#open = false
    if (this.#running === 0) return
    this.#drained ??= Promise.withResolvers<void>()
    await this.#drained.promise
    this.#drained = undefined
  }
}
