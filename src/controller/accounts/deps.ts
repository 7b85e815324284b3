/** What the services of accounts share. */

import type { Config } from '../../config.ts'
import type { Clock, Logger, Random } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { AccountMessages, RequestOf, ResponseOf } from '../../protocol/messages.ts'
import type { PasswordAttempts } from '../password-attempts.ts'
import type { StoreTime } from '../store-time.ts'
import type { SigningKeys } from './signing-keys.ts'

export type Request<K extends keyof AccountMessages> = RequestOf<AccountMessages, K>
export type Response<K extends keyof AccountMessages> = ResponseOf<AccountMessages, K>

export interface AccountDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config['account']
  readonly attempts: PasswordAttempts
  readonly signing: SigningKeys
}
