import { PeerbinError } from '../errors.ts'
import type { Cell } from '../runtime/cell.ts'
import type { Term } from '../types.ts'

/**
 * Turns away orders of a controller that no longer leads. The greatest term seen is durable before an order of that term is carried out, so
 * that a restart of the node does not let an older leader back in.
 */
export class TermFence {
  readonly #cell: Cell<Term>
  #greatest: Term
  #durable: Term
  #saving: Promise<void> | undefined

  constructor(cell: Cell<Term>) {
    this.#cell = cell
    this.#greatest = cell.get()
    this.#durable = this.#greatest
  }

  get greatest(): Term {
    return this.#greatest
  }

  /** Hears of a term without an order, e.g. in a heartbeat: older orders are turned away from now on. */
  observe(term: Term): void {
    if (term > this.#greatest) this.#greatest = term
  }

  /** Resolves when the order may be carried out. @throws `term-stale` */
  async admit(term: Term): Promise<void> {
    this.check(term)
    this.observe(term)
    while (this.#durable < term) {
      this.#saving ??= this.#save()
      await this.#saving
    }
    this.check(term) // a greater one may have come while this one was being written
  }

  /** For orders of several steps: before each one. @throws `term-stale` */
  check(term: Term): void {
    if (term >= this.#greatest) return
    throw new PeerbinError('term-stale', '', { details: { term, greatest: this.#greatest } })
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
