/** What the services of pools share. */

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock, Random } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { PoolMessages, RequestOf, ResponseOf } from '../../protocol/messages.ts'
import type { UserId } from '../../types.ts'
import type { Actor } from '../accounts/actors.ts'
import type { StoreTime } from '../store-time.ts'

export type PoolOp = keyof PoolMessages
export type Request<K extends PoolOp> = RequestOf<PoolMessages, K>
export type Response<K extends PoolOp> = ResponseOf<PoolMessages, K>

export interface PoolDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly clock: Clock
  readonly random: Random
  readonly config: Config
}

/** Whoever asks, as a user. @throws `permission-denied` for an operator, who is none */
export function userOf({ user }: Actor): UserId {
  if (user === null) throw new PeerbinError('permission-denied', 'This needs a user.')
  return user
}
