import type { Config } from '../../config.ts'
import type { SpaceKey } from '../../metadata-store.ts'
import { poolOwner } from '../../pools.ts'
import type { PoolId, PoolRecord } from '../../pools.ts'

/** Most that files, results and open batches of a pool may take; undefined: there is no limit. */
export function poolQuota(
  config: Config['pools'],
  { quotaBytes }: Pick<PoolRecord, 'quotaBytes'>
): number | undefined {
  if (quotaBytes !== null) return quotaBytes
  return config.quotaBytes === 0 ? undefined : config.quotaBytes
}

export const poolSpace = (pool: PoolId): SpaceKey => `user:${poolOwner(pool)}`
