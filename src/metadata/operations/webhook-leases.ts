/** Who tells what to whom: leases of webhooks, and what became of what was told. */

import type { Kysely } from 'kysely'
import type { StoredEvent } from '../../events.ts'
import { WEBHOOK_OWNER_PAUSE_MS } from '../../metadata-webhooks.ts'
import type { LeasedWebhook, WebhookRecords } from '../../metadata-webhooks.ts'
import { WEBHOOK_DEAD_MAX } from '../../protocol/limits.ts'
import type { UserId } from '../../types.ts'
import { uuidBytes } from '../columns.ts'
import * as rules from '../webhook-rules.ts'
import type { Schema } from '../schema.ts'
import { listEvents, writeEvent } from './events.ts'
import { readWebhook, webhookOf, writeWebhook } from './webhook-rows.ts'
import type { ReadWebhook } from './webhook-rows.ts'
import { remember } from './webhooks.ts'

type Request<Name extends keyof WebhookRecords> = Parameters<WebhookRecords[Name]>[0]

export async function nextWebhookAt(db: Kysely<Schema>): Promise<number | null> {
  const row = await db
    .selectFrom('webhooks')
    .select('due_at')
    .where('due_at', 'is not', null)
    .orderBy('due_at')
    .limit(1)
    .executeTakeFirst()
  return row?.due_at ?? null
}

export async function leaseWebhooks(
  db: Kysely<Schema>,
  request: Request<'leaseWebhooks'>
): Promise<LeasedWebhook[]> {
  const rows = await db
    .selectFrom('webhooks')
    .selectAll()
    .where('due_at', '<=', request.now)
    .orderBy('due_at')
    .orderBy('id')
    .limit(request.limit)
    .execute()
  const leased: LeasedWebhook[] = []
  for (const row of rows) {
    const read = { webhook: webhookOf(row), revision: row.revision }
    if (!rules.isLeasable(read.webhook, request.now)) continue
    const one = await leaseOne(db, read, request)
    if (one !== undefined) leased.push(one)
  }
  return leased
}

async function leaseOne(
  db: Kysely<Schema>,
  read: ReadWebhook,
  request: Request<'leaseWebhooks'>
): Promise<LeasedWebhook | undefined> {
  const { webhook } = read
  const owner = await db
    .selectFrom('users')
    .select('state')
    .where('id', '=', uuidBytes(webhook.owner))
    .executeTakeFirst()
  if (owner?.state !== 'active') {
    await writeWebhook(db, read, { ...webhook, dueAt: request.now + WEBHOOK_OWNER_PAUSE_MS })
    return undefined
  }
  if ((await leasedOf(db, webhook.owner, request.now)) >= request.perOwnerMax) {
    await writeWebhook(db, read, rules.waitingWebhook(webhook, request.now))
    return undefined
  }
  const { stream, place: after } = webhook
  const page = await listEvents(db, { stream, after, limit: rules.EVENTS_SCANNED })
  const look = rules.leasedWebhook(webhook, page, await replaysOf(db, read, request.eventsMax), request)
  const found =
    look.missed === 0
      ? look.webhook
      : await remember(db, look.webhook, rules.gapAttempt(look.missed, request.now))
  const written = await writeWebhook(db, read, found)
  const { isReplay, events } = look
  return events.length === 0 ? undefined : { webhook: written.webhook, isReplay, events }
}

async function leasedOf(db: Kysely<Schema>, owner: UserId, now: number): Promise<number> {
  const { count } = await db
    .selectFrom('webhooks')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('owner', '=', uuidBytes(owner))
    .where('courier', 'is not', null)
    .where('leased_until', '>', now)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** There is room for one more of its user. */
async function wakeWaiting(db: Kysely<Schema>, owner: UserId, now: number): Promise<void> {
  const rows = await db
    .selectFrom('webhooks')
    .selectAll()
    .where('owner', '=', uuidBytes(owner))
    .where('courier', 'is', null)
    .where('attempts', '=', 0)
    .where('due_at', '>', now)
    .execute()
  const waiting = rows
    .map((row) => ({ webhook: webhookOf(row), revision: row.revision }))
    .filter(({ webhook }) => rules.isWaiting(webhook, now))
  const [first] = waiting.toSorted((a, b) => rules.byTurn(a.webhook, b.webhook))
  if (first === undefined) return
  await writeWebhook(db, first, { ...first.webhook, dueAt: rules.wokenAt(now) })
}

/** Those that are kept still; the others are not to be sent any more. */
async function replaysOf(
  db: Kysely<Schema>,
  { webhook: { id, stream } }: ReadWebhook,
  limit: number
): Promise<StoredEvent[]> {
  const rows = await db
    .selectFrom('webhook_replays')
    .select('number')
    .where('webhook', '=', uuidBytes(id))
    .orderBy('number')
    .limit(limit)
    .execute()
  const events: StoredEvent[] = []
  for (const { number } of rows) {
    const [event] = (await listEvents(db, { stream, after: number - 1, limit: 1 })).events
    if (event?.number === number) events.push(event)
    else await dropFrom(db, 'webhook_replays', { id, number })
  }
  return events
}

async function dropFrom(
  db: Kysely<Schema>,
  table: 'webhook_replays' | 'webhook_dead',
  { id, number }: { id: ReadWebhook['webhook']['id']; number: number }
): Promise<void> {
  await db.deleteFrom(table).where('webhook', '=', uuidBytes(id)).where('number', '=', number).execute()
}

export async function settleDelivery(
  db: Kysely<Schema>,
  request: Request<'settleDelivery'>
): Promise<boolean> {
  const { id, event, verdict, isReplay, now } = request
  const read = await readWebhook(db, id)
  if (read === undefined || !rules.isHeld(read.webhook, request)) return false
  const replays = await db
    .selectFrom('webhook_replays')
    .select('number')
    .where('webhook', '=', uuidBytes(id))
    // of a replay only whether it is there: told before, it is gone
    .$if(isReplay, (query) => query.where('number', '=', event.number))
    .limit(1)
    .execute()
  if (isReplay ? replays.length === 0 : rules.isSettled(read.webhook, request)) return true
  const settled = rules.settledWebhook(read.webhook, request, !isReplay && replays.length > 0)
  const written = await writeWebhook(db, read, await remember(db, settled, rules.attemptOf(request)))
  const place = { id, number: event.number }
  if (verdict.event !== 'again') await dropFrom(db, 'webhook_replays', place)
  if (verdict.event === 'told') await dropFrom(db, 'webhook_dead', place)
  if (verdict.event === 'dead') await bury(db, request)
  if (written.webhook.courier === null) await wakeWaiting(db, written.webhook.owner, now)
  if (rules.wasDisabled(read.webhook, written.webhook))
    await writeEvent(db, rules.disabledEvent(written.webhook, now))
  return rules.isHeld(written.webhook, request)
}

/** Adds a dead letter, and forgets what is too much. */
async function bury(
  db: Kysely<Schema>,
  { id, event, attempt: { outcome, status }, now }: Request<'settleDelivery'>
): Promise<void> {
  const webhook = uuidBytes(id)
  const told = { event: uuidBytes(event.id), type: event.type, at: now, outcome, status }
  await db
    .insertInto('webhook_dead')
    .values({ webhook, number: event.number, ...told })
    .onConflict((oc) => oc.columns(['webhook', 'number']).doUpdateSet(told))
    .execute()
  const [surplus] = await db
    .selectFrom('webhook_dead')
    .select('number')
    .where('webhook', '=', webhook)
    .orderBy('number', 'desc')
    .offset(WEBHOOK_DEAD_MAX)
    .limit(1)
    .execute()
  if (surplus === undefined) return
  await db
    .deleteFrom('webhook_dead')
    .where('webhook', '=', webhook)
    .where('number', '<=', surplus.number)
    .execute()
}

export async function releaseWebhook(
  db: Kysely<Schema>,
  request: Request<'releaseWebhook'>
): Promise<boolean> {
  const read = await readWebhook(db, request.id)
  if (read === undefined || !rules.isHeld(read.webhook, request)) return false
  await writeWebhook(db, read, rules.releasedWebhook(read.webhook, request.now))
  await wakeWaiting(db, read.webhook.owner, request.now)
  return true
}
