/** Webhooks, as one part of the controller: what their owners ask for, and who of the edges tells what. This file only puts the parts together. */

import type { WebhookMessages } from '../../protocol/messages.ts'
import type { ControllerPart } from '../part.ts'
import { DeliveryDesk } from './delivery-desk.ts'
import type { WebhookDeps } from './deps.ts'
import { OwnedWebhooks } from './owned-webhooks.ts'
import { WebhookSecrets } from './secrets.ts'

export type WebhookOp = keyof WebhookMessages
export type Webhooks = ControllerPart<WebhookOp>

export interface WebhooksDeps extends Omit<WebhookDeps, 'secrets'> {
  readonly clusterSecret?: Uint8Array | undefined
}

export function createWebhooks(deps: WebhooksDeps): Webhooks {
  const secrets = new WebhookSecrets({ clusterSecret: deps.clusterSecret, random: deps.random })
  const owned = new OwnedWebhooks({ ...deps, secrets })
  const desk = new DeliveryDesk({ ...deps, secrets })
  return {
    workers: [],
    handlers: {
      createWebhook: (message) => owned.create(message),
      listWebhooks: (message) => owned.list(message),
      getWebhook: (message) => owned.get(message),
      changeWebhook: (message) => owned.change(message),
      deleteWebhook: (message) => owned.delete(message),
      listDeliveries: (message) => owned.deliveries(message),
      replayWebhook: (message) => owned.replay(message),
      openWebhook: (message) => owned.open(message),
      noteTest: (message) => owned.noteTest(message),
      awaitWebhooks: (message, signal) => desk.wait(message, signal),
      leaseWebhooks: (message) => desk.lease(message),
      reportDelivery: (message) => desk.report(message),
      releaseWebhook: (message) => desk.release(message)
    }
  }
}
