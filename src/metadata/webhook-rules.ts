/** What happens to a webhook, step by step, for both stores: from what it was to what it is. Pure. */

import type {
  ChangeWebhook,
  CreateWebhook,
  LeaseHolder,
  LeaseWebhooks,
  SettleDelivery,
  StoredWebhook
} from '../metadata-webhooks.ts'
import { WEBHOOK_TURN_MS } from '../metadata-webhooks.ts'
import type { EventsPage } from '../metadata-events.ts'
import type { StoredEvent } from '../events.ts'
import type { WebhookAttempt } from '../webhooks.ts'

/** Events that one look goes through for those of the types that are wanted. */
export const EVENTS_SCANNED = 200

/** @param place the newest number of the stream */
export const newWebhook = (
  { perUserMax: _perUserMax, ...given }: CreateWebhook,
  place: number
): StoredWebhook => ({
  ...given,
  types: [...given.types],
  state: 'enabled',
  reason: null,
  changedAt: given.createdAt,
  place,
  attempted: 0,
  attempts: 0,
  failingSince: null,
  deadInRow: 0,
  dueAt: null,
  previous: null,
  courier: null,
  lease: 0,
  leasedUntil: 0,
  tries: 0
})

/** Not before whoever has it leased has to be done with it. */
const dueNow = ({ leasedUntil }: StoredWebhook, now: number): number => Math.max(now, leasedUntil)

export function changedWebhook(
  webhook: StoredWebhook,
  { url, types, description, state, secret, now }: ChangeWebhook
): StoredWebhook {
  const changed: StoredWebhook = {
    ...webhook,
    url: url ?? webhook.url,
    types: [...(types ?? webhook.types)],
    description: description ?? webhook.description,
    changedAt: now
  }
  if (secret !== undefined && secret.from === webhook.secret) {
    changed.secret = secret.to
    changed.previous = { secret: secret.from, until: secret.until }
  }
  if (state === 'disabled' && webhook.state === 'enabled')
    return { ...changed, state, reason: 'asked', dueAt: null }
  const isEnabled = state === 'enabled' && webhook.state === 'disabled'
  if (webhook.state === 'disabled' && !isEnabled) return changed
  // whoever has it leased goes on at the same address only
  const begun: StoredWebhook = {
    ...changed,
    attempted: 0,
    attempts: 0,
    courier: null,
    lease: webhook.lease + 1,
    dueAt: dueNow(webhook, now)
  }
  if (isEnabled) return { ...begun, state, reason: null, failingSince: null, deadInRow: 0 }
  return changed.url === webhook.url ? awakenedWebhook(changed, now) : begun
}

export const isHeld = (webhook: StoredWebhook, { courier, lease }: Omit<LeaseHolder, 'id'>): boolean =>
  webhook.courier === courier && webhook.lease === lease

export const isLeasable = ({ state, dueAt, leasedUntil }: StoredWebhook, now: number): boolean =>
  state === 'enabled' && dueAt !== null && dueAt <= now && leasedUntil <= now

/** Somebody tells it something. */
export const isLeased = ({ courier, leasedUntil }: StoredWebhook, now: number): boolean =>
  courier !== null && leasedUntil > now

/** Its user has as many under way as there may be. */
export const waitingWebhook = (webhook: StoredWebhook, now: number): StoredWebhook => ({
  ...webhook,
  dueAt: now + WEBHOOK_TURN_MS
})

/** It waits like that, and not because it failed. */
export const isWaiting = ({ state, dueAt, courier, attempts }: StoredWebhook, now: number): boolean =>
  state === 'enabled' &&
  courier === null &&
  attempts === 0 &&
  dueAt !== null &&
  dueAt > now &&
  dueAt <= now + WEBHOOK_TURN_MS

/** Those due longest first. */
export const byTurn = (a: StoredWebhook, b: StoredWebhook): number =>
  (a.dueAt ?? 0) - (b.dueAt ?? 0) || (a.id < b.id ? -1 : 1)

/** When it is due as another one makes room: before that one, if it has more to tell. */
export const wokenAt = (now: number): number => now - 1

export interface Look {
  /** The webhook from now on. */
  webhook: StoredWebhook
  events: StoredEvent[]
  isReplay: boolean
  /** Events that were forgotten; 0: none. */
  missed: number
}

/**
 * What a courier gets of a webhook that is due.
 * @param page EVENTS_SCANNED events after its place, as they are kept @param replays events that are to be sent again
 */
export function leasedWebhook(
  before: StoredWebhook,
  page: EventsPage,
  replays: StoredEvent[],
  { courier, now, until, eventsMax }: LeaseWebhooks
): Look {
  const missed = Math.max(0, page.from - before.place)
  const webhook = { ...before, place: before.place + missed }
  const leased = { courier, lease: before.lease + 1, leasedUntil: until, dueAt: until }
  if (replays.length > 0)
    return { webhook: { ...webhook, ...leased }, events: replays, isReplay: true, missed }
  const wanted = page.events.filter(({ type }) => webhook.types.length === 0 || webhook.types.includes(type))
  if (wanted.length > 0)
    return { webhook: { ...webhook, ...leased }, events: wanted.slice(0, eventsMax), isReplay: false, missed }
  const place = page.events.at(-1)?.number ?? webhook.place
  const free = { courier: null, leasedUntil: 0, dueAt: place < page.last ? now : null }
  return { webhook: { ...webhook, ...free, place }, events: [], isReplay: false, missed }
}

/** For the attempts that are remembered. */
export const gapAttempt = (missed: number, now: number): Omit<WebhookAttempt, 'attempt'> => ({
  at: now,
  event: null,
  number: null,
  type: null,
  outcome: 'gap',
  status: null,
  durationMs: 0,
  nextAt: null,
  missed
})

/** Whether that was reported before, under the same lease: an answer was lost. */
export const isSettled = (webhook: StoredWebhook, { event, isReplay }: SettleDelivery): boolean =>
  !isReplay && event.number <= webhook.place

/** @param hasReplays others wait to be sent again, which are not kept waiting by a pause */
export function settledWebhook(
  webhook: StoredWebhook,
  { isReplay, event, verdict, until, now }: SettleDelivery,
  hasReplays: boolean
): StoredWebhook {
  const isAgain = verdict.event === 'again'
  const { failingSince, deadInRow, disable } = verdict
  const settled: StoredWebhook = {
    ...webhook,
    attempted: isAgain ? event.number : 0,
    attempts: verdict.attempts,
    failingSince,
    deadInRow,
    place: isAgain || isReplay ? webhook.place : event.number
  }
  const isOver = disable !== null || webhook.state === 'disabled'
  if (until !== null && verdict.event === 'told' && !isOver)
    return { ...settled, leasedUntil: until, dueAt: until }
  const free = { ...settled, courier: null, leasedUntil: 0 }
  if (disable !== null && webhook.state === 'enabled')
    return { ...free, state: 'disabled', reason: disable, dueAt: null, changedAt: now }
  if (isOver) return { ...free, dueAt: null }
  return { ...free, dueAt: isAgain && !hasReplays ? (verdict.nextAt ?? now) : now }
}

export const attemptOf = ({
  event,
  verdict,
  attempt,
  now
}: SettleDelivery): Omit<WebhookAttempt, 'attempt'> => ({
  at: now,
  event: event.id,
  number: event.number,
  type: event.type,
  ...attempt,
  nextAt: verdict.disable === null ? verdict.nextAt : null,
  missed: 0
})

export const releasedWebhook = (webhook: StoredWebhook, now: number): StoredWebhook => ({
  ...webhook,
  courier: null,
  leasedUntil: 0,
  dueAt: webhook.state === 'enabled' ? now : null
})

/** Whoever has it leased is fenced off, and nobody begins before that lease is over. */
export const rewoundWebhook = (webhook: StoredWebhook, after: number, now: number): StoredWebhook => ({
  ...webhook,
  place: after,
  attempted: 0,
  attempts: 0,
  courier: null,
  lease: webhook.lease + 1,
  dueAt: webhook.state === 'enabled' ? dueNow(webhook, now) : null
})

/** There is something to send again: whoever has it leased comes to that with the next lease. */
export const awakenedWebhook = (webhook: StoredWebhook, now: number): StoredWebhook =>
  webhook.state === 'enabled' && webhook.courier === null
    ? { ...webhook, dueAt: dueNow(webhook, now) }
    : webhook

/** By a verdict, not by its owner. */
export const wasDisabled = (before: StoredWebhook, after: StoredWebhook): boolean =>
  before.state === 'enabled' && after.state === 'disabled'

/** What tells of it that a webhook is not told of anything any more. Its address is not named: many are secrets. */
export const disabledEvent = ({ id, owner, stream, reason, description }: StoredWebhook, now: number) => ({
  stream,
  type: 'webhook.disabled' as const,
  at: now,
  subject: id,
  data: { webhook_id: id, user_id: owner, reason, description }
})
