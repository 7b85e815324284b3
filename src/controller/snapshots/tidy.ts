/** Removes from the nodes what a newer base has replaced. */

import type { Membership } from '../../cluster/membership.ts'
import type { Logger, SnapshotName } from '../../interfaces.ts'
import type { Term } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import { TERM_STEP } from '../recovery/renewal.ts'
import type { SnapshotWriter } from './node-snapshots.ts'
import type { NewBase } from './series.ts'

const NODES_AT_ONCE = 8

export interface TidierDeps {
  readonly writer: SnapshotWriter
  readonly membership: Membership
  readonly logger: Logger
  /** Leading term. */
  readonly term: () => Term
  /** A base of this term that somebody still reads. */
  readonly keeps: () => number | undefined
  /** Whether the collector is: after a recovery, until an operator has seen that nothing is missing. */
  readonly isFrozen: () => boolean
}

/**
 * Drops what is needed no longer, on every node that can be reached; one that cannot is tidied after a later base. Everything before the safe base goes, and the bases between it
 * and the newest with their changes: too few have them, and the notes are still there. Snapshots of a greater term are another controller's, and left alone.
 *
 * So are, while the collector is frozen, those of the controllers before the last recovery: a node that comes back later may have the only ones that tell the truth, should the
 * recovery be done again.
 */
export class Tidier {
  readonly #deps: TidierDeps
  /** What is to be tidied again once the collector is resumed. */
  #owed: NewBase | undefined

  constructor(deps: TidierDeps) {
    this.#deps = deps
  }

  async tidy(bases: NewBase, signal: AbortSignal): Promise<void> {
    const { membership } = this.#deps
    const isOld = this.#judge(bases)
    await inParallel(membership.active('node'), NODES_AT_ONCE, async ({ peer }) => {
      if (signal.aborted) return
      try {
        const old = (await this.#deps.writer.list(peer, signal)).filter(isOld)
        if (old.length > 0) await this.#deps.writer.drop(peer, old, signal)
      } catch (error) {
        this.#deps.logger.debug('a node could not be asked to drop old snapshots', { peer, err: error })
      }
    })
  }

  /** Drops what was left while the collector was frozen, if it no longer is. */
  async catchUp(signal: AbortSignal): Promise<void> {
    if (this.#owed !== undefined && !this.#deps.isFrozen()) await this.tidy(this.#owed, signal)
  }

  #judge(bases: NewBase): (name: SnapshotName) => boolean {
    const term = this.#deps.term()
    const keep = this.#deps.keeps()
    const isFrozen = this.#deps.isFrozen()
    this.#owed = isFrozen ? bases : undefined
    const { base: newest, safe } = bases
    return (name) => {
      if (isFrozen && blockOf(name.term) < blockOf(term)) return false
      if (name.term !== term) return name.term < term && safe !== undefined
      if (name.kind === 'note') return name.base < (safe ?? 0)
      const isKept = name.base === keep && name.kind === 'base'
      return name.base < newest && name.base !== safe && !isKept
    }
  }
}

/** Terms of one block are of one controller and its restarts: a recovery begins another. */
const blockOf = (term: number): number => Math.floor(term / TERM_STEP)
