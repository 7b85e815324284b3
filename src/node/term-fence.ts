import { PeerbinError } from '../errors.ts'
import type { Cell } from '../runtime/cell.ts'
import type { Term } from '../types.ts'

/**
 * Turns away orders of a controller that no longer leads. The greatest term seen is durable before an order of that term is carried out, so
 * that a restart of the node does not let an older leader back in.
 */
export class TermFence {
  readonly #cell: Cell<Term>
  readonly #onSaveError: (error: unknown) => void
  #greatest: Term
  #durable: Term
  #saving: Promise<void> | undefined

  /** @param onSaveError told when a term that was only heard of could not be written. */
  constructor(cell: Cell<Term>, onSaveError: (error: unknown) => void = () => {}) {
    this.#cell = cell
    this.#onSaveError = onSaveError
    this.#greatest = cell.get()
    this.#durable = this.#greatest
  }

  get greatest(): Term {
    return this.#greatest
  }

  /**
   * Hears of a term without an order, in a heartbeat: older orders are turned away from now on. It is made durable behind, so that a controller
   * that was replaced finds no way back through a restart of this node; one that cannot be written is tried again at the next call.
   */
  observe(term: Term): void {
    if (term > this.#greatest) this.#greatest = term
    if (this.#greatest <= this.#durable || this.#saving !== undefined) return
    // whoever admits an order of this term writes it again, and hears why it cannot be written
    this.#saveAll().catch((error: unknown) => this.#onSaveError(error))
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    while (this.#saving !== undefined) await this.#saving.catch(() => undefined) // as in observe
  }

  /** Resolves when the order may be carried out. @throws `term-stale` */
  async admit(term: Term): Promise<void> {
    this.check(term)
    if (term > this.#greatest) this.#greatest = term
    await this.#saveAll(term)
    this.check(term) // a greater one may have come while this one was being written
  }

  /** For orders of several steps: before each one. @throws `term-stale` */
  check(term: Term): void {
    if (term >= this.#greatest) return
    throw new PeerbinError('term-stale', '', { details: { term, greatest: this.#greatest } })
  }

  /** Until `term` is durable, or whatever is the greatest by then. */
  async #saveAll(term?: Term): Promise<void> {
    while (this.#durable < (term ?? this.#greatest)) {
      this.#saving ??= this.#save()
      await this.#saving
    }
  }

  async #save(): Promise<void> {
    const term = this.#greatest
    try {
      await this.#cell.set(term)
      this.#durable = term
    } finally {
      this.#saving = undefined
    }
  }
}
