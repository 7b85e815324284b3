import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { UserId } from '../../types.ts'

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
