/** What the services of webhooks share. */

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock, Logger, Random } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { RequestOf, ResponseOf, WebhookMessages } from '../../protocol/messages.ts'
import type { StoreTime } from '../store-time.ts'
import type { WebhookSecrets } from './secrets.ts'

export type Request<K extends keyof WebhookMessages> = RequestOf<WebhookMessages, K>
export type Response<K extends keyof WebhookMessages> = ResponseOf<WebhookMessages, K>

export interface WebhookDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config
  readonly secrets: WebhookSecrets
}

/** With what cursors begin. */
export async function epochOf(store: MetadataStore): Promise<string> {
  const epoch = await store.eventsEpoch()
  // it is set before anything of this controller is answered
  if (epoch === null) throw new PeerbinError('internal', 'events have no epoch')
  return epoch
}
