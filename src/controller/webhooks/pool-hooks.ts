/** Webhooks of pools: for members who are told everything, and for as long as they are that. */

import { PeerbinError } from '../../errors.ts'
import type { Membership } from '../../metadata-pools.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import { streamPool } from '../../pools.ts'
import type { PoolId } from '../../pools.ts'
import type { StoredWebhook } from '../../metadata-webhooks.ts'
import type { UserId } from '../../types.ts'

type Store = Pick<MetadataStore, 'getMembership'>

const hearsAll = ({ member }: Membership): boolean => member.role === 'owner' || member.role === 'server'

/** An administrator who is no member has no webhook there. @throws `pool-unknown` for whoever is none, `permission-denied` */
export async function mustHearPool(store: Store, pool: PoolId, user: UserId): Promise<void> {
  const membership = await store.getMembership(pool, user)
  if (membership === undefined) throw new PeerbinError('pool-unknown')
  if (!hearsAll(membership)) throw new PeerbinError('permission-denied')
}

/** Whether its owner may still be told what it is about. Of a removed member there is no webhook any more: the removal ends it. */
export async function mayBeTold(
  store: Store,
  { stream, owner }: Pick<StoredWebhook, 'stream' | 'owner'>
): Promise<boolean> {
  const pool = streamPool(stream)
  if (pool === undefined) return true
  const membership = await store.getMembership(pool, owner)
  return membership !== undefined && hearsAll(membership)
}
