/** What the metadata does with webhooks (webhooks.ts): part of the seam of metadata-store.ts, whose rules hold here too. */

import type { StoredEvent } from './events.ts'
import type { EventId, UserId } from './types.ts'
import type { CourierId, DeadLetter, Verdict, WebhookAttempt, WebhookId, WebhookRecord } from './webhooks.ts'

/** With what only the controller knows. */
export interface StoredWebhook extends WebhookRecord {
  /** Sealed. */
  secret: string
  /** The one before, which signs beside it until then. */
  previous: { secret: string; until: number } | null
  /** Whoever has it leased; null: nobody. */
  courier: CourierId | null
  /** Number of the last lease that was given; a greater one fences off the others. */
  lease: number
  /** No other courier gets it before. 0: it was given back. */
  leasedUntil: number
  /** Attempts ever. */
  tries: number
}

export interface CreateWebhook extends Pick<
  StoredWebhook,
  'id' | 'owner' | 'stream' | 'url' | 'types' | 'description' | 'secret' | 'createdAt'
> {
  perUserMax: number
}

/** What is given changes, the rest stays. */
export interface ChangeWebhook {
  id: WebhookId
  url?: string | undefined
  types?: WebhookRecord['types'] | undefined
  description?: string | undefined
  state?: WebhookRecord['state'] | undefined
  /** Only where `from` is the present one; that one signs beside it until `until`. */
  secret?: { from: string; to: string; until: number } | undefined
  now: number
}

export interface LeaseWebhooks {
  courier: CourierId
  now: number
  /** When the leases end. */
  until: number
  /** Webhooks, and events of each. */
  limit: number
  eventsMax: number
  /** Of one user that are leased at once, by whomever. */
  perOwnerMax: number
}

/** Under a lease: the next events, in the order in which they have to be told. */
export interface LeasedWebhook {
  webhook: StoredWebhook
  /** They were told before, or given up, and are sent again because somebody asked for it. */
  isReplay: boolean
  events: StoredEvent[]
}

/** Who reports. */
export interface LeaseHolder {
  id: WebhookId
  courier: CourierId
  lease: number
}

export interface SettleDelivery extends LeaseHolder {
  isReplay: boolean
  event: Pick<StoredEvent, 'number' | 'id' | 'type'>
  verdict: Verdict
  attempt: Pick<WebhookAttempt, 'outcome' | 'status' | 'durationMs'>
  /** The holder goes on with the next event, and has the lease until then; null: it gives it back. */
  until: number | null
  now: number
}

export interface WebhookRecords {
  /** Idempotent by id. Its place is behind the newest event of the stream. `webhooks-full` when the user has so many (each has a slot, by a unique key). */
  createWebhook(webhook: CreateWebhook): Promise<StoredWebhook>
  getWebhook(id: WebhookId): Promise<StoredWebhook | undefined>
  /** The oldest first (by time, then id). */
  listWebhooks(owner: UserId, limit: number): Promise<StoredWebhook[]>
  /** Enabling it, and another address, begin anew with the event under way. `webhook-unknown` */
  changeWebhook(change: ChangeWebhook): Promise<StoredWebhook>
  /** With everything that is remembered of it; false: there is none. */
  deleteWebhook(id: WebhookId): Promise<boolean>
  /** When the first webhook is due; null: none is. */
  nextWebhookAt(): Promise<number | null>
  /**
   * Leases webhooks that are due, those due longest first, and answers their next events; a webhook of which nothing has to be told is put aside in the same step, one whose user is disabled
   * for WEBHOOK_OWNER_PAUSE_MS, and one whose user has `perOwnerMax` of them leased until another of these is given back, or for WEBHOOK_TURN_MS. May answer fewer than there are: as long as nextWebhookAt is in the past there is more. Never before the lease of another courier is over, or was given back.
   * Events that were forgotten before they could be told are passed, and remembered as an attempt that is a gap.
   */
  leaseWebhooks(request: LeaseWebhooks): Promise<LeasedWebhook[]>
  /**
   * Records an attempt and what follows from it: the place moves past an event that was told or given up, and a webhook that is disabled writes an event of that. Reported again, it
   * changes nothing. Whether the lease is held from now on: if not, whoever had it stops.
   */
  settleDelivery(request: SettleDelivery): Promise<boolean>
  /** Gives a lease back before anything was tried; false: it was not held. */
  releaseWebhook(holder: LeaseHolder & { now: number }): Promise<boolean>
  /** Remembers an attempt outside the order: of a test. `webhook-unknown` */
  noteAttempt(id: WebhookId, attempt: Omit<WebhookAttempt, 'attempt'>): Promise<void>
  /** The newest first, at most WEBHOOK_ATTEMPTS_MAX. */
  listAttempts(id: WebhookId): Promise<WebhookAttempt[]>
  /** The newest first, at most WEBHOOK_DEAD_MAX. */
  listDeadLetters(id: WebhookId): Promise<DeadLetter[]>
  /** Goes on after this number: everything behind it is told (again). Fences off whoever has the lease. `webhook-unknown`; `cursor-expired` for a number of which not everything behind is kept, or that there is not yet */
  rewindWebhook(request: { id: WebhookId; after: number; now: number }): Promise<StoredWebhook>
  /** Sends these again, before anything else; only those that are remembered as attempts or dead letters are known. Idempotent. `webhook-unknown`, `event-unknown` */
  replayEvents(request: { id: WebhookId; events: readonly EventId[]; now: number }): Promise<void>
}

/** One that has to wait for another one of its user is looked at again so often, if nothing wakes it before. */
export const WEBHOOK_TURN_MS = 1000
/** A webhook of a user who is disabled is looked at again so often. */
export const WEBHOOK_OWNER_PAUSE_MS = 10 * 60 * 1000
