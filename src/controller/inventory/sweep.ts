/** Chunks that nothing refers to, after an inventory: those that two inventories saw are deleted, unless they are suspiciously many. */

import type { Config } from '../../config.ts'
import type { Logger } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { PeerId } from '../../types.ts'
import type { Brakes } from './brakes.ts'

export interface SweepDeps {
  store: Pick<MetadataStore, 'countUnknown' | 'orderUnknown'>
  brakes: Brakes
  config: Pick<Config['inventory'], 'quarantineMs' | 'sweepMax' | 'sweepShare'>
  batchMax: number
  logger: Logger
}

export interface Swept {
  /** Unknown chunks of the node that are still in quarantine. */
  unknown: number
  /** They wait for an operator. */
  held: boolean
}

/** Whether so many unknown chunks among `chunks` want an operator's look: a metadata store that lost its memory sees only unknown ones. */
export const isSuspicious = (
  unknown: number,
  chunks: number,
  { sweepMax, sweepShare }: Pick<Config['inventory'], 'sweepMax' | 'sweepShare'>
): boolean => unknown > sweepMax && unknown > (chunks * sweepShare) / 100

/**
 * After a whole comparison of a node: orders the deletion of what is ripe.
 *
 * @param inventory number of that comparison: the store's time at its start, in ms
 * @param chunks how many the node holds in all
 */
export async function sweep(
  { store, brakes, config, batchMax, logger }: SweepDeps,
  { peer, inventory }: { peer: PeerId; inventory: number },
  chunks: number
): Promise<Swept> {
  // the same ms counts as so far apart
  const seen = { peer, inventory, seenBefore: inventory - config.quarantineMs + 1 }
  const { total, ripe } = await store.countUnknown(seen)
  if (isSuspicious(total, chunks, config)) {
    const approved = await brakes.approvedChunks(peer)
    if (total > approved + config.sweepMax) {
      logger.warn('a node holds very many chunks that nothing refers to: they wait for an operator', {
        peer,
        unknown: total,
        chunks
      })
      return { unknown: total, held: true }
    }
    if (ripe > 0 && brakes.frozen === null) {
      // before the orders: an approval holds for one sweep, also when that is cut short
      await brakes.spendApproval(peer)
    }
  }
  let ordered = 0
  while (ordered < ripe) {
    const taken = await brakes.whileReleased(() => store.orderUnknown({ ...seen, limit: batchMax }))
    if (taken === undefined || taken === 0) break
    ordered += taken
  }
  if (ordered > 0) {
    logger.info('chunks that nothing refers to are deleted from a node', { peer, chunks: ordered })
  }
  return { unknown: total - ordered, held: false }
}
