/** The greatest term a process has ever heard of, over its restarts: it follows no controller of a lower one. */

import type { Membership } from '../cluster/membership.ts'
import type { Logger } from '../interfaces.ts'
import type { Cell } from '../runtime/cell.ts'
import type { Term } from '../types.ts'

/** A cell that several parts of a process write and that never goes down. */
export const risingCell = (cell: Cell<Term>): Cell<Term> => ({
  get: () => cell.get(),
  set: async (term) => await cell.set(term > cell.get() ? term : cell.get())
})

/** Keeps in `cell` what the members tell; answers how to end that. */
export function rememberTerms(membership: Membership, cell: Cell<Term>, logger: Logger): () => void {
  return membership.onChange(() => {
    const heard = membership.greatestTerm()
    if (heard <= cell.get()) return
    cell.set(heard).catch((error: unknown) => {
      // the next change of a member tries again
      logger.warn('the greatest term heard of could not be stored', { err: error })
    })
  })
}
