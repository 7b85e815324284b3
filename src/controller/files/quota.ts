import type { Config } from '../../config.ts'
import { PeerbinError, hasCode } from '../../errors.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { UserId } from '../../types.ts'
import { isResultPath, ownerPool } from '../../pools.ts'
import { poolQuota } from '../pools/quota.ts'

/** Most that a user's files may take; undefined: there is no limit. @throws `user-unknown` */
export async function quotaOf(
  store: Pick<MetadataStore, 'getUser'>,
  config: Config['account'],
  id: UserId
): Promise<number | undefined> {
  const found = await store.getUser(id)
  if (found === undefined) throw new PeerbinError('user-unknown')
  const { role, quotaBytes } = found.user
  if (quotaBytes !== null) return quotaBytes
  const bytes = role === 'admin' ? config.adminQuotaBytes : config.quotaBytes
  return bytes === 0 ? undefined : bytes
}

/**
 * The same for an upload to a path, of a user or a pool: files of batches and results are the pool's. @throws `user-unknown` for neither; `pool-archived` for a file of a batch where nothing
 * is taken in any more: results are
 */
export async function spaceOf(
  store: Pick<MetadataStore, 'getUser' | 'getPool'>,
  config: Pick<Config, 'account' | 'pools'>,
  { user, path }: { readonly user: UserId; readonly path: string }
): Promise<number | undefined> {
  try {
    return await quotaOf(store, config.account, user)
  } catch (error) {
    if (!hasCode(error, 'user-unknown')) throw error
    const pool = await store.getPool(ownerPool(user))
    if (pool === undefined) throw error
    if (pool.state !== 'active' && !isResultPath(path)) throw new PeerbinError('pool-archived')
    return poolQuota(config.pools, pool)
  }
}
