/** Webhooks: addresses that users want to be told their events at. docs/webhooks.md tells how they behave. */

import type { EventType } from './events.ts'
import type { EventId, EventStream, UserId } from './types.ts'

declare const brand: unique symbol
/** UUID v4 of a webhook, chosen by the edge. */
export type WebhookId = string & { readonly [brand]: 'WebhookId' }
/** UUID v4 of one life of an edge's courier: what it leases is its own, and nobody's of an earlier life. */
export type CourierId = string & { readonly [brand]: 'CourierId' }

export const WEBHOOK_OUTCOMES = [
  // the receiver answered 2xx
  'ok',
  // it answered something else: 4xx, 5xx
  'status',
  // 410: it wants no more
  'gone',
  // 3xx: never followed
  'redirect',
  // an address that may not be reached from here
  'address',
  // http where only https is allowed
  'insecure',
  // the name has no address
  'unresolved',
  // refused, reset, cut off, no way there
  'unreachable',
  // the certificate is not good
  'tls',
  // no connection, or no answer, in time
  'timeout',
  // what came is no HTTP, or too much of it
  'garbled',
  // events that were forgotten before they could be told; not an attempt
  'gap'
] as const
/** What became of one attempt. Append-only: stored records and other edges have them. */
export type WebhookOutcome = (typeof WEBHOOK_OUTCOMES)[number]

export const WEBHOOK_REASONS = ['asked', 'gone', 'dead-letters', 'failing'] as const
/** Why a webhook is disabled: its owner asked for it, the receiver did (410), too many dead letters in a row, or nothing but failures for too long. Append-only. */
export type WebhookReason = (typeof WEBHOOK_REASONS)[number]

/** The type of what `POST /api/webhooks/:id/test` sends. It is no event of a stream. */
export const WEBHOOK_TEST = 'webhook.test'

/** What a receiver answered, or why it did not. */
export interface Delivery {
  readonly outcome: Exclude<WebhookOutcome, 'gap'>
  /** HTTP status; null: there was no answer. */
  readonly status: number | null
  readonly durationMs: number
  /** What its Retry-After asks for; null: nothing. */
  readonly retryAfterMs: number | null
}

/** What follows from an attempt, for the event and for the webhook. */
export interface Verdict {
  /** `again` later, or not any more: `dead`. */
  readonly event: 'told' | 'again' | 'dead'
  /** When it is tried again; null unless `again`. */
  readonly nextAt: number | null
  /** What is remembered from now on: see WebhookRecord. */
  readonly attempts: number
  readonly failingSince: number | null
  readonly deadInRow: number
  /** Why it is disabled; null: it is not. */
  readonly disable: Exclude<WebhookReason, 'asked'> | null
}

/** A webhook without its secret. */
export interface WebhookRecord {
  id: WebhookId
  owner: UserId
  stream: EventStream
  url: string
  /** Types it is told of; none: all. */
  types: readonly EventType[]
  description: string
  state: 'enabled' | 'disabled'
  /** Null: enabled. */
  reason: WebhookReason | null
  createdAt: number
  /** When its owner changed it last, or it was disabled. */
  changedAt: number
  /** `number` in the stream of the last event that is done with: told, given up, or of no wanted type. */
  place: number
  /** The event that failed last, and how often it did since it was begun with; 0: none. */
  attempted: number
  attempts: number
  /** Since when everything has failed; null: it does not. */
  failingSince: number | null
  /** Events given up since one was told. */
  deadInRow: number
  /** From when on a courier may look whether there is something to tell; null: once there is an event, or never while it is disabled. */
  dueAt: number | null
}

/** One attempt, as it is remembered; or a gap. */
export interface WebhookAttempt {
  /** Counts the attempts of the webhook. */
  attempt: number
  at: number
  /** Null: a gap. */
  event: EventId | null
  /** Of the event, in the stream; null: a gap or a test. */
  number: number | null
  /** Null: a gap. */
  type: EventType | typeof WEBHOOK_TEST | null
  outcome: WebhookOutcome
  status: number | null
  durationMs: number
  /** When the event is tried again; null: it is not. */
  nextAt: number | null
  /** Of a gap: events that were forgotten before they could be told. */
  missed: number
}

/** An event that was given up. */
export interface DeadLetter {
  event: EventId
  /** In the stream. */
  number: number
  type: EventType
  /** When it was given up. */
  at: number
  /** Of the last attempt. */
  outcome: WebhookOutcome
  status: number | null
}
