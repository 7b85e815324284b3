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

/**
 * Bases, changes and notes before (`term`, `base`), on every node that can be reached; one that cannot is tidied after a later base. Snapshots of a greater term are another
 * controller's, and left alone.
 *
 * @param keep a base of this term that somebody still reads
 */
export async function dropOlder(
  deps: TidyDeps,
  newest: { term: Term; base: number; keep: number | undefined },
  signal: AbortSignal
): Promise<void> {
  const isOld = ({ term, base, kind }: SnapshotName): boolean =>
    (term < newest.term || (term === newest.term && base < newest.base)) &&
    !(term === newest.term && base === newest.keep && kind === 'base')
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
