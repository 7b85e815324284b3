/** On which tier a chunk should be. Pure. */

import type { Config } from '../../config.ts'
import type { PlacedChunkRecord } from '../../metadata-store.ts'
import type { Member, Tier } from '../../types.ts'
import type { ClusterView } from './cluster-view.ts'

/**
 * Cold is what nobody has read for long; hot again is what was read often since. What was read once or twice stays where it is, so that a single look at an old file
 * moves nothing.
 *
 * @param holders nodes that hold the chunk
 * @param now the store's time
 */
export function desiredTier(
  chunk: Pick<PlacedChunkRecord, 'readAt' | 'reads'>,
  holders: readonly Member[],
  view: Pick<ClusterView, 'coldNodes' | 'wanted'>,
  { now, cold }: { now: number; cold: Pick<Config['cold'], 'afterMs' | 'warmReads' | 'warmWindowMs'> }
): Tier {
  if (view.coldNodes === 0) return 'hot'
  const ageMs = now - chunk.readAt
  if (ageMs > cold.afterMs) return 'cold'
  if (chunk.reads >= cold.warmReads && ageMs <= cold.warmWindowMs) return 'hot'
  if (chunk.reads === 0) return 'hot' // it came into being lately and was never moved
  const held = holders.filter((member) => member.tier === 'cold').length
  return held >= Math.min(view.coldNodes, view.wanted) ? 'cold' : 'hot'
}
