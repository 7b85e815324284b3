/** Webhooks, as part of the control protocol: what their owners ask for, and the work of the edges that deliver. docs/webhooks.md explains them. */

import { z } from 'zod'
import { EVENT_TYPES } from '../../events.ts'
import { WEBHOOK_OUTCOMES, WEBHOOK_REASONS, WEBHOOK_TEST } from '../../webhooks.ts'
import type { CourierId, WebhookId } from '../../webhooks.ts'
import {
  EVENTS_WAIT_MS_MAX,
  WEBHOOKS_MAX,
  WEBHOOK_ATTEMPTS_MAX,
  WEBHOOK_DEAD_MAX,
  WEBHOOK_DESCRIPTION_LENGTH_MAX,
  WEBHOOK_EVENTS_MAX,
  WEBHOOK_LEASES_MAX,
  WEBHOOK_REPLAYS_MAX,
  WEBHOOK_URL_LENGTH_MAX
} from '../limits.ts'
import * as s from '../schema.ts'
import { actor } from './account-messages.ts'
import { event } from './event-messages.ts'
import { poolId } from './pool-shapes.ts'

const noBodies = { requestBody: false, responseBody: false } as const

const webhookId = s.fileId as unknown as z.ZodType<WebhookId, WebhookId>
const courierId = s.fileId as unknown as z.ZodType<CourierId, CourierId>
const url = z.string().min(1).max(WEBHOOK_URL_LENGTH_MAX)
const types = z.array(z.enum(EVENT_TYPES)).max(EVENT_TYPES.length)
const description = z.string().max(WEBHOOK_DESCRIPTION_LENGTH_MAX)
/** As its owner sees it; base64 behind a prefix. */
const secret = z.string().regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'not a secret of a webhook')
const state = z.enum(['enabled', 'disabled'])
const outcome = z.enum(WEBHOOK_OUTCOMES)
const status = z.int().min(100).max(999).nullable()

/** `place`: number of the last event that is done with. `dueAt`: when there may be something to do; null: nothing is. */
const webhook = z.object({
  id: webhookId,
  owner: s.userId,
  stream: s.eventStream,
  url,
  types,
  description,
  state,
  reason: z.enum(WEBHOOK_REASONS).nullable(),
  createdAt: s.timeMs,
  changedAt: s.timeMs,
  place: s.count,
  attempted: s.count,
  attempts: s.count,
  failingSince: s.timeMs.nullable(),
  deadInRow: s.count,
  dueAt: s.timeMs.nullable()
})
/** With what cursors of its stream begin with. */
const known = z.object({ webhook, epoch: s.eventsEpoch })
const attempt = z.object({
  attempt: s.count,
  at: s.timeMs,
  event: s.eventId.nullable(),
  number: s.count.nullable(),
  type: z.enum([...EVENT_TYPES, WEBHOOK_TEST]).nullable(),
  outcome,
  status,
  durationMs: s.count,
  nextAt: s.timeMs.nullable(),
  missed: s.count
})
const deadLetter = z.object({
  event: s.eventId,
  number: s.count,
  type: z.enum(EVENT_TYPES),
  at: s.timeMs,
  outcome,
  status
})
/** What a receiver answered, or why it did not. */
const delivery = z.object({
  outcome: outcome.exclude(['gap']),
  status,
  durationMs: s.count,
  retryAfterMs: s.count.nullable()
})
const holder = { webhook: webhookId, courier: courierId, lease: s.count }

export const webhookMessages = {
  /**
   * For the actor: of their own events, or of a pool's, whose owner or server they are. Idempotent by `id`. @throws `webhooks-full`, `permission-denied` for a key that may not read events,
   * and for other members; `pool-unknown`
   */
  createWebhook: {
    request: z.object({ actor, id: webhookId, pool: poolId.optional(), url, types, description, secret }),
    response: known,
    ...noBodies
  },
  /** The oldest first. @throws `permission-denied` for somebody else's, as all of them do, unless the actor is an administrator */
  listWebhooks: {
    request: z.object({ actor, owner: s.userId }),
    response: z.object({ webhooks: z.array(webhook).max(WEBHOOKS_MAX), epoch: s.eventsEpoch }),
    ...noBodies
  },
  /** @throws `webhook-unknown` */
  getWebhook: { request: z.object({ actor, id: webhookId }), response: known, ...noBodies },
  /** `secret`: a new one, beside which the present one signs for a while. @throws `webhook-unknown` */
  changeWebhook: {
    request: z.object({
      actor,
      id: webhookId,
      url: url.optional(),
      types: types.optional(),
      description: description.optional(),
      state: state.optional(),
      secret: secret.optional()
    }),
    response: known,
    ...noBodies
  },
  /** @throws `webhook-unknown` */
  deleteWebhook: { request: z.object({ actor, id: webhookId }), response: z.object({}), ...noBodies },
  /** Attempts and events that were given up, the newest first. @throws `webhook-unknown` */
  listDeliveries: {
    request: z.object({ actor, id: webhookId }),
    response: z.object({
      attempts: z.array(attempt).max(WEBHOOK_ATTEMPTS_MAX),
      dead: z.array(deadLetter).max(WEBHOOK_DEAD_MAX)
    }),
    ...noBodies
  },
  /**
   * Sends events again, before others, or goes back (or on) to a place and tells everything behind it. @throws `webhook-unknown`, `event-unknown`; `cursor-expired` for a place in
   * another epoch, or where not everything is kept
   */
  replayWebhook: {
    request: z.object({
      actor,
      id: webhookId,
      what: z.union([
        z.object({ events: z.array(s.eventId).min(1).max(WEBHOOK_REPLAYS_MAX) }),
        z.object({ after: s.count, epoch: s.eventsEpoch })
      ])
    }),
    response: known,
    ...noBodies
  },
  /** What a test needs. @throws `webhook-unknown` */
  openWebhook: {
    request: z.object({ actor, id: webhookId }),
    response: z.object({ webhook, secrets: z.array(secret).min(1).max(2) }),
    ...noBodies
  },
  /** How a test went. @throws `webhook-unknown` */
  noteTest: {
    request: z.object({ actor, id: webhookId, event: s.eventId, delivery }),
    response: z.object({}),
    ...noBodies
  },
  /** Whether there is work for an edge; waits up to `waitMs` for some. */
  awaitWebhooks: {
    request: z.object({ waitMs: z.int().min(0).max(EVENTS_WAIT_MS_MAX) }),
    response: z.object({ due: z.boolean() }),
    ...noBodies
  },
  /** Work for an edge: of each webhook the next events, to be told in this order, within `leaseMs` from when the edge asked. None, when others were first. */
  leaseWebhooks: {
    request: z.object({ courier: courierId, limit: z.int().min(1).max(WEBHOOK_LEASES_MAX) }),
    response: z.object({
      leases: z
        .array(
          z.object({
            ...holder,
            url,
            secrets: z.array(secret).min(1).max(2),
            isReplay: z.boolean(),
            events: z.array(event).min(1).max(WEBHOOK_EVENTS_MAX)
          })
        )
        .max(WEBHOOK_LEASES_MAX),
      leaseMs: s.count,
      epoch: s.eventsEpoch
    }),
    ...noBodies
  },
  /** `goOn`: the edge has another event under this lease, and wants it for as long again. Whether it has it; if not, it stops with this webhook. */
  reportDelivery: {
    request: z.object({
      ...holder,
      isReplay: z.boolean(),
      event: event.pick({ number: true, id: true, type: true }),
      delivery,
      goOn: z.boolean()
    }),
    response: z.object({ held: z.boolean() }),
    ...noBodies
  },
  /** Gives a lease back, of which nothing (more) was tried. */
  releaseWebhook: { request: z.object(holder), response: z.object({}), ...noBodies }
} as const
