/** What routes of webhooks answer with, in the names that HTTP has for it. */

import { z } from 'zod'
import { EVENT_TYPES, cursorText } from '../../events.ts'
import { streamPool } from '../../pools.ts'
import type { ResponseOf, WebhookMessages } from '../../protocol/messages.ts'
import { WEBHOOK_OUTCOMES, WEBHOOK_REASONS } from '../../webhooks.ts'
import { isoTime } from '../accounts/answers.ts'

type Known = ResponseOf<WebhookMessages, 'getWebhook'>
type Deliveries = ResponseOf<WebhookMessages, 'listDeliveries'>

const time = z.string().describe('ISO 8601')
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms))

export const typesSchema = z.array(z.enum(EVENT_TYPES)).max(EVENT_TYPES.length)
export const outcomeSchema = z
  .enum(WEBHOOK_OUTCOMES)
  .describe('ok, or why not; gap: events were forgotten before they could be told')
export const statusSchema = z.int().nullable().describe('HTTP status; null: there was no answer')

export const webhookSchema = z.object({
  webhook_id: z.string(),
  pool: z.string().nullable().describe('UUID of the pool whose events it is told; null: its user’s own'),
  url: z.string(),
  types: typesSchema.describe('types of events it is told of; empty: all'),
  description: z.string(),
  state: z.enum(['enabled', 'disabled']),
  reason: z.enum(WEBHOOK_REASONS).nullable().describe('why it is disabled'),
  cursor: z.string().describe('of the last event that is done with'),
  failed_attempts: z.int().describe('of the event under way'),
  next_attempt_at: time.nullable().describe('when it is tried again'),
  failing_since: time.nullable().describe('since when every attempt has failed'),
  created_at: time,
  changed_at: time
})

export const webhookAnswer = ({ webhook, epoch }: Known): z.output<typeof webhookSchema> => ({
  webhook_id: webhook.id,
  pool: streamPool(webhook.stream) ?? null,
  url: webhook.url,
  types: webhook.types,
  description: webhook.description,
  state: webhook.state,
  reason: webhook.reason,
  cursor: cursorText({ epoch, place: webhook.place, isGlobal: false }),
  failed_attempts: webhook.attempts,
  next_attempt_at: webhook.attempts === 0 ? null : isoOrNull(webhook.dueAt),
  failing_since: isoOrNull(webhook.failingSince),
  created_at: isoTime(webhook.createdAt),
  changed_at: isoTime(webhook.changedAt)
})

export const deliveriesSchema = z.object({
  deliveries: z
    .array(
      z.object({
        event_id: z.string().nullable().describe('null: a gap'),
        type: z.string().nullable(),
        at: time,
        outcome: outcomeSchema,
        status: statusSchema,
        duration_ms: z.int(),
        next_attempt_at: time.nullable().describe('null: it is not tried again'),
        missed_events: z.int().describe('of a gap: how many')
      })
    )
    .describe('attempts, the newest first'),
  dead_letters: z
    .array(
      z.object({
        event_id: z.string(),
        type: z.string(),
        at: time.describe('when it was given up, ISO 8601'),
        outcome: outcomeSchema.describe('of the last attempt'),
        status: statusSchema
      })
    )
    .describe('events that were given up, the newest first')
})

export const deliveriesAnswer = ({ attempts, dead }: Deliveries): z.output<typeof deliveriesSchema> => ({
  deliveries: attempts.map((attempt) => ({
    event_id: attempt.event,
    type: attempt.type,
    at: isoTime(attempt.at),
    outcome: attempt.outcome,
    status: attempt.status,
    duration_ms: attempt.durationMs,
    next_attempt_at: isoOrNull(attempt.nextAt),
    missed_events: attempt.missed
  })),
  dead_letters: dead.map(({ event, type, at, outcome, status }) => ({
    event_id: event,
    type,
    at: isoTime(at),
    outcome,
    status
  }))
})
