import { PeerbinError } from '../../errors.ts'
import type { StoredEvent } from '../../events.ts'
import type { LeasedWebhook, StoredWebhook, WebhookRecords } from '../../metadata-webhooks.ts'
import { WEBHOOK_OWNER_PAUSE_MS } from '../../metadata-webhooks.ts'
import { WEBHOOK_ATTEMPTS_MAX, WEBHOOK_DEAD_MAX } from '../../protocol/limits.ts'
import type { EventId, EventStream, UserId } from '../../types.ts'
import type { DeadLetter, WebhookAttempt, WebhookId } from '../../webhooks.ts'
import * as rules from '../webhook-rules.ts'
import { listEvents, writeEvent } from './events.ts'
import { byText } from './state.ts'
import type { State } from './state.ts'

type Request<Name extends keyof WebhookRecords> = Parameters<WebhookRecords[Name]>[0]

export interface WebhookRow {
  webhook: StoredWebhook
  /** The oldest first. */
  attempts: WebhookAttempt[]
  /** By number. */
  dead: Map<number, DeadLetter>
  /** Numbers of events that are to be sent again. */
  replays: Set<number>
}

const copyOf = (webhook: StoredWebhook): StoredWebhook => structuredClone(webhook)

/** @throws `webhook-unknown` */
function rowOf(state: State, id: WebhookId): WebhookRow {
  const row = state.webhooks.get(id)
  if (row === undefined) throw new PeerbinError('webhook-unknown')
  return row
}

const byAge = (a: StoredWebhook, b: StoredWebhook): number => a.createdAt - b.createdAt || byText(a.id, b.id)

const of = (state: State, owner: UserId): StoredWebhook[] =>
  [...state.webhooks.values()]
    .map(({ webhook }) => webhook)
    .filter((webhook) => webhook.owner === owner)
    .toSorted(byAge)

export function createWebhook(state: State, request: Request<'createWebhook'>): StoredWebhook {
  const known = state.webhooks.get(request.id)
  if (known !== undefined) return copyOf(known.webhook)
  if (of(state, request.owner).length >= request.perUserMax) throw new PeerbinError('webhooks-full')
  const { last } = listEvents(state, { stream: request.stream, after: 0, limit: 1 })
  const webhook = rules.newWebhook(request, last)
  state.webhooks.set(request.id, { webhook, attempts: [], dead: new Map(), replays: new Set() })
  return copyOf(webhook)
}

export function getWebhook(state: State, id: WebhookId): StoredWebhook | undefined {
  const row = state.webhooks.get(id)
  return row && copyOf(row.webhook)
}

export const listWebhooks = (state: State, owner: UserId, limit: number): StoredWebhook[] =>
  of(state, owner).slice(0, limit).map(copyOf)

export function changeWebhook(state: State, change: Request<'changeWebhook'>): StoredWebhook {
  const row = rowOf(state, change.id)
  row.webhook = rules.changedWebhook(row.webhook, change)
  return copyOf(row.webhook)
}

export const deleteWebhook = (state: State, id: WebhookId): boolean => state.webhooks.delete(id)

export function nextWebhookAt(state: State): number | null {
  const times = [...state.webhooks.values()].flatMap(({ webhook: { dueAt } }) =>
    dueAt === null ? [] : [dueAt]
  )
  return times.length === 0 ? null : Math.min(...times)
}

export function leaseWebhooks(state: State, request: Request<'leaseWebhooks'>): LeasedWebhook[] {
  const { now, limit } = request
  const due = [...state.webhooks.values()]
    .filter(({ webhook }) => rules.isLeasable(webhook, now))
    .toSorted((a, b) => rules.byTurn(a.webhook, b.webhook))
    .slice(0, limit)
  return due.flatMap((row) => {
    const { webhook } = row
    if (state.users.get(webhook.owner)?.record.state !== 'active') {
      row.webhook = { ...webhook, dueAt: now + WEBHOOK_OWNER_PAUSE_MS }
      return []
    }
    const leased = of(state, webhook.owner).filter((each) => rules.isLeased(each, now))
    if (leased.length >= request.perOwnerMax) {
      row.webhook = rules.waitingWebhook(webhook, now)
      return []
    }
    const { stream, place: after } = webhook
    const page = listEvents(state, { stream, after, limit: rules.EVENTS_SCANNED })
    const look = rules.leasedWebhook(webhook, page, replaysOf(state, row, request.eventsMax), request)
    row.webhook = look.webhook
    if (look.missed > 0) remember(row, rules.gapAttempt(look.missed, now))
    const { isReplay, events } = look
    return events.length === 0
      ? []
      : [{ webhook: copyOf(row.webhook), isReplay, events: structuredClone(events) }]
  })
}

/** Those that are kept still; the others are not to be sent any more. */
function replaysOf(state: State, { webhook: { stream }, replays }: WebhookRow, limit: number): StoredEvent[] {
  const numbers = [...replays].toSorted((a, b) => a - b).slice(0, limit)
  return numbers.flatMap((number) => {
    const event = eventAt(state, stream, number)
    if (event === undefined) replays.delete(number)
    return event ?? []
  })
}

function eventAt(state: State, stream: EventStream, number: number): StoredEvent | undefined {
  const [event] = listEvents(state, { stream, after: number - 1, limit: 1 }).events
  return event?.number === number ? event : undefined
}

function remember(row: WebhookRow, attempt: Omit<WebhookAttempt, 'attempt'>): void {
  row.webhook.tries++
  row.attempts.push({ attempt: row.webhook.tries, ...attempt })
  row.attempts.splice(0, row.attempts.length - WEBHOOK_ATTEMPTS_MAX)
}

export function settleDelivery(state: State, request: Request<'settleDelivery'>): boolean {
  const { event, verdict, isReplay, attempt, now } = request
  const row = state.webhooks.get(request.id)
  if (row === undefined || !rules.isHeld(row.webhook, request)) return false
  if (isReplay ? !row.replays.has(event.number) : rules.isSettled(row.webhook, request)) return true
  const before = row.webhook
  row.webhook = rules.settledWebhook(before, request, !isReplay && row.replays.size > 0)
  remember(row, rules.attemptOf(request))
  if (verdict.event !== 'again') row.replays.delete(event.number)
  if (verdict.event === 'told') row.dead.delete(event.number)
  if (verdict.event === 'dead') {
    const { id, number, type } = event
    row.dead.set(number, {
      event: id,
      number,
      type,
      at: now,
      outcome: attempt.outcome,
      status: attempt.status
    })
    const surplus = [...row.dead.keys()].toSorted((a, b) => b - a).slice(WEBHOOK_DEAD_MAX)
    for (const each of surplus) row.dead.delete(each)
  }
  if (row.webhook.courier === null) wakeWaiting(state, row.webhook.owner, now)
  if (rules.wasDisabled(before, row.webhook)) writeEvent(state, rules.disabledEvent(row.webhook, now))
  return rules.isHeld(row.webhook, request)
}

export function releaseWebhook(state: State, request: Request<'releaseWebhook'>): boolean {
  const row = state.webhooks.get(request.id)
  if (row === undefined || !rules.isHeld(row.webhook, request)) return false
  row.webhook = rules.releasedWebhook(row.webhook, request.now)
  wakeWaiting(state, row.webhook.owner, request.now)
  return true
}

/** There is room for one more of its user. */
function wakeWaiting(state: State, owner: UserId, now: number): void {
  const [first] = of(state, owner)
    .filter((webhook) => rules.isWaiting(webhook, now))
    .toSorted(rules.byTurn)
  if (first === undefined) return
  const row = rowOf(state, first.id)
  row.webhook = { ...row.webhook, dueAt: rules.wokenAt(now) }
}

export function noteAttempt(state: State, id: WebhookId, attempt: Omit<WebhookAttempt, 'attempt'>): void {
  remember(rowOf(state, id), attempt)
}

export const listAttempts = (state: State, id: WebhookId): WebhookAttempt[] =>
  structuredClone(state.webhooks.get(id)?.attempts ?? []).toReversed()

export const listDeadLetters = (state: State, id: WebhookId): DeadLetter[] =>
  structuredClone([...(state.webhooks.get(id)?.dead.values() ?? [])]).toSorted((a, b) => b.number - a.number)

export function rewindWebhook(state: State, { id, after, now }: Request<'rewindWebhook'>): StoredWebhook {
  const row = rowOf(state, id)
  const { from, last } = listEvents(state, { stream: row.webhook.stream, after, limit: 1 })
  if (after < from || after > last) throw new PeerbinError('cursor-expired')
  row.webhook = rules.rewoundWebhook(row.webhook, after, now)
  return copyOf(row.webhook)
}

export function replayEvents(state: State, { id, events, now }: Request<'replayEvents'>): void {
  const row = rowOf(state, id)
  const numbers = events.map((event) => numberOf(row, event))
  for (const number of numbers) if (number <= row.webhook.place) row.replays.add(number)
  row.webhook = rules.awakenedWebhook(row.webhook, now)
}

/** @throws `event-unknown` */
function numberOf({ attempts, dead }: WebhookRow, event: EventId): number {
  const given = [...dead.values()].find((each) => each.event === event)?.number
  const number = given ?? attempts.findLast((each) => each.event === event)?.number
  if (number === undefined || number === null) throw new PeerbinError('event-unknown')
  return number
}
