/** One example of every message about webhooks: see samples.ts. */

import type { RequestOf, ResponseOf, WebhookMessages } from '../../src/protocol/messages.ts'
import type { EventId, EventStream, UserId } from '../../src/types.ts'
import type { CourierId, WebhookId } from '../../src/webhooks.ts'

const now = 1_795_262_460_000
const user = '00000000-0000-4000-8000-000000000004' as UserId
const actor = { user, role: 'user' as const }
const id = '00000000-0000-4000-8000-0000000000c1' as WebhookId
const courier = '00000000-0000-4000-8000-0000000000c2' as CourierId
const event = '00000000-0000-4000-8000-0000000000c3' as EventId
const stream = `user:${user}` as EventStream
const url = 'https://example.org/hook?x=1'
const secret = `whsec_${'A'.repeat(43)}=`
const epoch = 'k3v9x2m1'

const webhook: ResponseOf<WebhookMessages, 'getWebhook'>['webhook'] = {
  id,
  owner: user,
  stream,
  url,
  types: ['file.added', 'file.edited'],
  description: 'Bücher',
  state: 'disabled',
  reason: 'dead-letters',
  createdAt: now,
  changedAt: now + 1,
  place: 41,
  attempted: 42,
  attempts: 2,
  failingSince: now,
  deadInRow: 5,
  dueAt: null
}
const known = { webhook, epoch }
const delivery = { outcome: 'status', status: 503, durationMs: 31, retryAfterMs: 5000 } as const
const holder = { webhook: id, courier, lease: 7 }

export const webhookSamples: {
  [K in keyof WebhookMessages]: {
    request: RequestOf<WebhookMessages, K>
    response: ResponseOf<WebhookMessages, K>
  }
} = {
  createWebhook: {
    request: { actor, id, url, types: ['file.added'], description: 'Bücher', secret },
    response: { ...known, webhook: { ...webhook, state: 'enabled', reason: null, types: [] } }
  },
  listWebhooks: { request: { actor, owner: user }, response: { webhooks: [webhook], epoch } },
  getWebhook: { request: { actor, id }, response: known },
  changeWebhook: {
    request: { actor, id, url, types: [], description: '', state: 'enabled', secret },
    response: known
  },
  deleteWebhook: { request: { actor, id }, response: {} },
  listDeliveries: {
    request: { actor, id },
    response: {
      attempts: [
        {
          attempt: 9,
          at: now,
          event,
          number: 42,
          type: 'webhook.test',
          outcome: 'timeout',
          status: null,
          durationMs: 10_000,
          nextAt: now + 5000,
          missed: 0
        },
        {
          attempt: 8,
          at: now,
          event: null,
          number: null,
          type: null,
          outcome: 'gap',
          status: null,
          durationMs: 0,
          nextAt: null,
          missed: 3
        }
      ],
      dead: [{ event, number: 40, type: 'file.added', at: now, outcome: 'status', status: 422 }]
    }
  },
  replayWebhook: { request: { actor, id, what: { after: 12, epoch } }, response: known },
  openWebhook: { request: { actor, id }, response: { webhook, secrets: [secret, secret] } },
  noteTest: { request: { actor, id, event, delivery }, response: {} },
  awaitWebhooks: { request: { waitMs: 5000 }, response: { due: true } },
  leaseWebhooks: {
    request: { courier, limit: 4 },
    response: {
      leases: [
        {
          ...holder,
          url,
          secrets: [secret],
          isReplay: false,
          events: [
            {
              seq: 4711,
              stream,
              number: 42,
              id: event,
              type: 'file.added',
              at: now,
              subject: user,
              data: { path: 'Bücher/résumé.pdf', version: 1, actor_id: null }
            }
          ]
        }
      ],
      leaseMs: 30_000,
      epoch
    }
  },
  reportDelivery: {
    request: {
      ...holder,
      isReplay: true,
      event: { number: 42, id: event, type: 'file.added' },
      delivery,
      goOn: true
    },
    response: { held: true }
  },
  releaseWebhook: { request: holder, response: {} }
}
