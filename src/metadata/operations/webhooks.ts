/** Webhooks as their owners see and change them. */

import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { StoredWebhook, WebhookRecords } from '../../metadata-webhooks.ts'
import type { EventId, UserId } from '../../types.ts'
import type { DeadLetter, WebhookAttempt, WebhookId } from '../../webhooks.ts'
import { WEBHOOK_ATTEMPTS_MAX, WEBHOOK_DEAD_MAX } from '../../protocol/limits.ts'
import { uuidBytes } from '../columns.ts'
import * as rules from '../webhook-rules.ts'
import type { Schema } from '../schema.ts'
import { listEvents } from './events.ts'
import {
  attemptColumns,
  deadLetterOf,
  knownWebhook,
  readWebhook,
  webhookAttemptOf,
  webhookColumns,
  webhookOf,
  writeWebhook
} from './webhook-rows.ts'
import type { ReadWebhook } from './webhook-rows.ts'

type Request<Name extends keyof WebhookRecords> = Parameters<WebhookRecords[Name]>[0]

export async function createWebhook(
  db: Kysely<Schema>,
  request: Request<'createWebhook'>
): Promise<StoredWebhook> {
  const known = await readWebhook(db, request.id)
  if (known !== undefined) return known.webhook
  const owner = uuidBytes(request.owner)
  const rows = await db
    .selectFrom('webhooks')
    .select('slot')
    .where('owner', '=', owner)
    .orderBy('slot')
    .limit(request.perUserMax)
    .execute()
  // the unique key of owner and slot lets nobody in beside another one that took it at the same moment
  const taken = new Set(rows.map(({ slot }) => slot))
  const slot = Array.from({ length: request.perUserMax }, (_, at) => at).find((at) => !taken.has(at))
  if (slot === undefined) throw new PeerbinError('webhooks-full')
  const { last } = await listEvents(db, { stream: request.stream, after: 0, limit: 1 })
  const webhook = rules.newWebhook(request, last)
  await db
    .insertInto('webhooks')
    .values({
      id: uuidBytes(request.id),
      owner,
      slot,
      stream: request.stream,
      created_at: request.createdAt,
      ...webhookColumns(webhook),
      revision: 0
    })
    .execute()
  return webhook
}

export const getWebhook = async (db: Kysely<Schema>, id: WebhookId): Promise<StoredWebhook | undefined> =>
  (await readWebhook(db, id))?.webhook

export async function listWebhooks(
  db: Kysely<Schema>,
  owner: UserId,
  limit: number
): Promise<StoredWebhook[]> {
  // as many as a user may have, so that they need no index for their order
  const rows = await db.selectFrom('webhooks').selectAll().where('owner', '=', uuidBytes(owner)).execute()
  return rows.map(webhookOf).toSorted(byAge).slice(0, limit)
}

const byAge = (a: StoredWebhook, b: StoredWebhook): number =>
  a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)

export async function changeWebhook(
  db: Kysely<Schema>,
  change: Request<'changeWebhook'>
): Promise<StoredWebhook> {
  const read = await knownWebhook(db, change.id)
  return (await writeWebhook(db, read, rules.changedWebhook(read.webhook, change))).webhook
}

export async function deleteWebhook(db: Kysely<Schema>, id: WebhookId): Promise<boolean> {
  const webhook = uuidBytes(id)
  for (const table of ['webhook_attempts', 'webhook_dead', 'webhook_replays'] as const)
    await db.deleteFrom(table).where('webhook', '=', webhook).execute()
  const deleted = await db.deleteFrom('webhooks').where('id', '=', webhook).executeTakeFirst()
  return deleted.numDeletedRows > 0n
}

/** Adds it to those that are remembered, and forgets what is too much; answers the webhook with the number of its attempts. */
export async function remember(
  db: Kysely<Schema>,
  webhook: StoredWebhook,
  attempt: Omit<WebhookAttempt, 'attempt'>
): Promise<StoredWebhook> {
  const id = uuidBytes(webhook.id)
  const tries = webhook.tries + 1
  await db
    .insertInto('webhook_attempts')
    .values({ webhook: id, attempt: tries, ...attemptColumns(attempt) })
    .execute()
  await db
    .deleteFrom('webhook_attempts')
    .where('webhook', '=', id)
    .where('attempt', '<=', tries - WEBHOOK_ATTEMPTS_MAX)
    .execute()
  return { ...webhook, tries }
}

export async function noteAttempt(
  db: Kysely<Schema>,
  id: WebhookId,
  attempt: Omit<WebhookAttempt, 'attempt'>
): Promise<void> {
  const read = await knownWebhook(db, id)
  await writeWebhook(db, read, await remember(db, read.webhook, attempt))
}

export async function listAttempts(db: Kysely<Schema>, id: WebhookId): Promise<WebhookAttempt[]> {
  const rows = await db
    .selectFrom('webhook_attempts')
    .selectAll()
    .where('webhook', '=', uuidBytes(id))
    .orderBy('attempt', 'desc')
    .limit(WEBHOOK_ATTEMPTS_MAX)
    .execute()
  return rows.map(webhookAttemptOf)
}

export async function listDeadLetters(db: Kysely<Schema>, id: WebhookId): Promise<DeadLetter[]> {
  const rows = await db
    .selectFrom('webhook_dead')
    .selectAll()
    .where('webhook', '=', uuidBytes(id))
    .orderBy('number', 'desc')
    .limit(WEBHOOK_DEAD_MAX)
    .execute()
  return rows.map(deadLetterOf)
}

export async function rewindWebhook(
  db: Kysely<Schema>,
  { id, after, now }: Request<'rewindWebhook'>
): Promise<StoredWebhook> {
  const read = await knownWebhook(db, id)
  const { from, last } = await listEvents(db, { stream: read.webhook.stream, after, limit: 1 })
  if (after < from || after > last) throw new PeerbinError('cursor-expired')
  return (await writeWebhook(db, read, rules.rewoundWebhook(read.webhook, after, now))).webhook
}

export async function replayEvents(
  db: Kysely<Schema>,
  { id, events, now }: Request<'replayEvents'>
): Promise<void> {
  const read = await knownWebhook(db, id)
  for (const event of events) {
    const number = await numberOf(db, read, event)
    // what is not told yet is told in its turn
    if (number <= read.webhook.place)
      await db
        .insertInto('webhook_replays')
        .values({ webhook: uuidBytes(id), number })
        .onConflict((oc) => oc.doNothing())
        .execute()
  }
  await writeWebhook(db, read, rules.awakenedWebhook(read.webhook, now))
}

/** @throws `event-unknown` */
async function numberOf(
  db: Kysely<Schema>,
  { webhook: { id } }: ReadWebhook,
  event: EventId
): Promise<number> {
  const webhook = uuidBytes(id)
  // some hundreds of rows each, of this webhook alone
  const dead = await db
    .selectFrom('webhook_dead')
    .select('number')
    .where('webhook', '=', webhook)
    .where('event', '=', uuidBytes(event))
    .executeTakeFirst()
  if (dead !== undefined) return dead.number
  const told = await db
    .selectFrom('webhook_attempts')
    .select('number')
    .where('webhook', '=', webhook)
    .where('event', '=', uuidBytes(event))
    .where('number', 'is not', null)
    .orderBy('attempt', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (told?.number === undefined || told.number === null) throw new PeerbinError('event-unknown')
  return told.number
}
