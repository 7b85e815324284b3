/** How much room a user has. */

import type { UserRecord } from '../../types.ts'
import type { EdgeContext } from '../context.ts'

/** Most bytes that the files of a user may take: their own quota, or else that of their role; null: any. */
export function quotaOf(
  { config }: Pick<EdgeContext, 'config'>,
  { role, quotaBytes }: Pick<UserRecord, 'role' | 'quotaBytes'>
): number | null {
  if (quotaBytes !== null) return quotaBytes
  const ofRole = role === 'admin' ? config.account.adminQuotaBytes : config.account.quotaBytes
  return ofRole === 0 ? null : ofRole
}
