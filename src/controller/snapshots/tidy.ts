/** Removes from the nodes what a newer base has replaced. */

import type { Membership } from '../../cluster/membership.ts'
import type { Logger, SnapshotName } from '../../interfaces.ts'
import type { Term } from '../../types.ts'
import { inParallel } from '../in-parallel.ts'
import type { SnapshotWriter } from './node-snapshots.ts'

const NODES_AT_ONCE = 8

export interface TidyDeps {
  readonly writer: SnapshotWriter
  readonly membership: Membership
  readonly logger: Logger
}

export interface Bases {
  readonly term: Term
  /** The newest. */
  readonly base: number
  /** The newest of this term that is safe; undefined: none is. */
  readonly safe: number | undefined
  /** One of this term that somebody still reads. */
  readonly keep: number | undefined
}

/**
 * What is needed no longer, on every node that can be reached; one that cannot is tidied after a later base. Everything before the safe base goes, and the bases between it and
 * the newest with their changes: too few have them, and the notes are still there. Snapshots of a greater term are another controller's, and left alone.
 */
export async function dropOlder(
  deps: TidyDeps,
  { term, base: newest, safe, keep }: Bases,
  signal: AbortSignal
): Promise<void> {
  const isOld = (name: SnapshotName): boolean => {
    if (name.term !== term) return name.term < term && safe !== undefined
    if (name.kind === 'note') return name.base < (safe ?? 0)
    const isKept = name.base === keep && name.kind === 'base'
    return name.base < newest && name.base !== safe && !isKept
  }
  await inParallel(deps.membership.active('node'), NODES_AT_ONCE, async ({ peer }) => {
    if (signal.aborted) return
    try {
      const old = (await deps.writer.list(peer, signal)).filter(isOld)
      if (old.length > 0) await deps.writer.drop(peer, old, signal)
    } catch (error) {
      deps.logger.debug('a node could not be asked to drop old snapshots', { peer, err: error })
    }
  })
}
