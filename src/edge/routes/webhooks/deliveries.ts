/** `/api/webhooks/{id}/test`, `…/deliveries`, `…/replay`: how a webhook does, and what it is told again. */

import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import { parseCursor } from '../../../events.ts'
import { WEBHOOK_REPLAYS_MAX } from '../../../protocol/limits.ts'
import { randomUuid } from '../../../runtime/random.ts'
import type { EventId } from '../../../types.ts'
import type { WebhookId } from '../../../webhooks.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import { idOf, refusals } from '../../accounts/answers.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import {
  deliveriesAnswer,
  deliveriesSchema,
  outcomeSchema,
  statusSchema,
  webhookAnswer,
  webhookSchema
} from '../../webhooks/answers.ts'
import { params, permission, tags } from './webhooks.ts'

const testWebhook: Route = (app, context) => {
  app.post(
    '/api/webhooks/:id/test',
    {
      schema: {
        summary: 'Test a webhook',
        description:
          'Sends an event of the type webhook.test at once, also when it is disabled, and answers how that went. It is tried once.',
        tags,
        params,
        response: {
          200: z.object({
            delivered: z.boolean(),
            event_id: z.string(),
            outcome: outcomeSchema,
            status: statusSchema,
            duration_ms: z.int()
          }),
          ...refusals('401; 403; 404 webhook-unknown; 429 rate-limited')
        }
      },
      config: { permission }
    },
    async (request) => {
      const id = idOf<WebhookId>(request.params.id, 'webhook-unknown')
      const actor = asking(actorOf(request))
      const { webhook, secrets } = await context.controller.call('openWebhook', { actor, id })
      context.addresses.webhookTest(actorOf(request).user)
      const event = randomUuid(context.random) as EventId
      const delivery = await context.webhooks.test({ webhook, secrets, event })
      await context.controller.call('noteTest', { actor, id, event, delivery: { ...delivery } })
      const { outcome, status, durationMs } = delivery
      return { delivered: outcome === 'ok', event_id: event, outcome, status, duration_ms: durationMs }
    }
  )
}

const listDeliveries: Route = (app, context) => {
  app.get(
    '/api/webhooks/:id/deliveries',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'What became of what a webhook was told',
        description: 'The last attempts, and events that were given up.',
        tags,
        params,
        response: { 200: deliveriesSchema, ...refusals('401; 403; 404 webhook-unknown') }
      },
      config: { permission }
    },
    async (request) => {
      const id = idOf<WebhookId>(request.params.id, 'webhook-unknown')
      return deliveriesAnswer(
        await context.controller.call('listDeliveries', { actor: asking(actorOf(request)), id })
      )
    }
  )
}

const replayBody = z.strictObject({
  event_ids: z
    .array(z.string())
    .min(1)
    .max(WEBHOOK_REPLAYS_MAX)
    .optional()
    .describe('events of its deliveries or dead letters: they are sent before others'),
  after: z
    .string()
    .optional()
    .describe(
      'a cursor, in place of event_ids: it goes on there, back or forth, and everything behind it is told'
    )
})
type ReplayBody = z.output<typeof replayBody>

const replayWebhook: Route = (app, context) => {
  app.post(
    '/api/webhooks/:id/replay',
    {
      schema: {
        summary: 'Tell a webhook again',
        description: 'Events come with the ids that they had.',
        tags,
        params,
        response: {
          200: webhookSchema,
          ...refusals('401; 403; 404 webhook-unknown, event-unknown; 410 cursor-expired; 422 invalid-field')
        }
      },
      config: { permission, history: { action: 'webhook.changed' }, ...jsonBodyOf(replayBody) }
    },
    async (request) => {
      const id = idOf<WebhookId>(request.params.id, 'webhook-unknown')
      request.noted?.set({ detail: id })
      const what = whatOf(await readJson(context, request, replayBody))
      const actor = asking(actorOf(request))
      const known = await context.controller.call('replayWebhook', { actor, id, what })
      request.noted?.set({ owner: known.webhook.owner })
      return webhookAnswer(known)
    }
  )
}

/** @throws `invalid-field`, `event-unknown` */
function whatOf({ event_ids: events, after }: ReplayBody) {
  if ((events === undefined) === (after === undefined))
    throw new PeerbinError('invalid-field', 'either event_ids or after is needed', {
      details: { field: 'after' }
    })
  if (after !== undefined) return placeOf(after)
  return { events: [...new Set(events?.map((event) => idOf<EventId>(event, 'event-unknown')))] }
}

/** @throws `invalid-field` */
function placeOf(text: string): { after: number; epoch: string } {
  const cursor = parseCursor(text)
  if (cursor === undefined || cursor.isGlobal)
    throw new PeerbinError('invalid-field', 'after: this is no cursor of events of one user', {
      details: { field: 'after' }
    })
  return { after: cursor.place, epoch: cursor.epoch }
}

export const deliveryRoutes: readonly Route[] = [testWebhook, listDeliveries, replayWebhook]
