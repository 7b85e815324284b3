/** Webhooks as rows, and back. */

import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { EventType } from '../../events.ts'
import type { StoredWebhook } from '../../metadata-webhooks.ts'
import type { EventId, EventStream } from '../../types.ts'
import type { CourierId, DeadLetter, WebhookAttempt, WebhookId, WEBHOOK_TEST } from '../../webhooks.ts'
import { userOf, uuidBytes, uuidOf } from '../columns.ts'
import type { WebhookAttemptsTable, WebhookDeadTable, WebhooksTable } from '../schema-webhooks.ts'
import type { Schema } from '../schema.ts'

/** A webhook, and what of its row is nobody's business: `revision` counts its changes. */
export interface ReadWebhook {
  readonly webhook: StoredWebhook
  readonly revision: number
}

const wordsOf = <Word extends string>(text: string): Word[] =>
  text === '' ? [] : (text.split(' ') as Word[])

export const webhookOf = (row: Selectable<WebhooksTable>): StoredWebhook => ({
  id: uuidOf(row.id) as WebhookId,
  owner: userOf(row.owner),
  stream: row.stream as EventStream,
  url: row.url,
  types: wordsOf<EventType>(row.types),
  description: row.description,
  state: row.state,
  reason: row.reason,
  createdAt: row.created_at,
  changedAt: row.changed_at,
  secret: row.secret,
  previous: row.previous_secret === null ? null : { secret: row.previous_secret, until: row.previous_until },
  place: row.place,
  attempted: row.attempted,
  attempts: row.attempts,
  failingSince: row.failing_since,
  deadInRow: row.dead_in_row,
  dueAt: row.due_at,
  courier: row.courier === null ? null : (uuidOf(row.courier) as CourierId),
  lease: row.lease,
  leasedUntil: row.leased_until,
  tries: row.tries
})

/** All but what never changes. */
export const webhookColumns = (webhook: StoredWebhook) => ({
  url: webhook.url,
  types: webhook.types.join(' '),
  description: webhook.description,
  state: webhook.state,
  reason: webhook.reason,
  changed_at: webhook.changedAt,
  secret: webhook.secret,
  previous_secret: webhook.previous?.secret ?? null,
  previous_until: webhook.previous?.until ?? 0,
  place: webhook.place,
  attempted: webhook.attempted,
  attempts: webhook.attempts,
  failing_since: webhook.failingSince,
  dead_in_row: webhook.deadInRow,
  due_at: webhook.dueAt,
  courier: webhook.courier === null ? null : uuidBytes(webhook.courier),
  lease: webhook.lease,
  leased_until: webhook.leasedUntil,
  tries: webhook.tries
})

export async function readWebhook(db: Kysely<Schema>, id: WebhookId): Promise<ReadWebhook | undefined> {
  const row = await db.selectFrom('webhooks').selectAll().where('id', '=', uuidBytes(id)).executeTakeFirst()
  return row && { webhook: webhookOf(row), revision: row.revision }
}

/** @throws `webhook-unknown` */
export async function knownWebhook(db: Kysely<Schema>, id: WebhookId): Promise<ReadWebhook> {
  const read = await readWebhook(db, id)
  if (read === undefined) throw new PeerbinError('webhook-unknown')
  return read
}

/** The one conditional update that every decision is: of a row that is as it was read. @throws `busy` when another one was first */
export async function writeWebhook(
  db: Kysely<Schema>,
  { webhook: { id }, revision }: ReadWebhook,
  webhook: StoredWebhook
): Promise<ReadWebhook> {
  const next = { webhook, revision: revision + 1 }
  const written = await db
    .updateTable('webhooks')
    .set({ ...webhookColumns(webhook), revision: next.revision })
    .where('id', '=', uuidBytes(id))
    .where('revision', '=', revision)
    .executeTakeFirst()
  if (written.numUpdatedRows !== 1n) throw new PeerbinError('busy')
  return next
}

export const attemptColumns = (attempt: Omit<WebhookAttempt, 'attempt'>) => ({
  at: attempt.at,
  event: attempt.event === null ? null : uuidBytes(attempt.event),
  number: attempt.number,
  type: attempt.type,
  outcome: attempt.outcome,
  status: attempt.status,
  duration_ms: attempt.durationMs,
  next_at: attempt.nextAt,
  missed: attempt.missed
})

const eventOf = (bytes: Uint8Array): EventId => uuidOf(bytes) as EventId

export const webhookAttemptOf = (row: Selectable<WebhookAttemptsTable>): WebhookAttempt => ({
  attempt: row.attempt,
  at: row.at,
  event: row.event === null ? null : eventOf(row.event),
  number: row.number,
  type: row.type as EventType | typeof WEBHOOK_TEST | null,
  outcome: row.outcome,
  status: row.status,
  durationMs: row.duration_ms,
  nextAt: row.next_at,
  missed: row.missed
})

export const deadLetterOf = (row: Selectable<WebhookDeadTable>): DeadLetter => ({
  event: eventOf(row.event),
  number: row.number,
  type: row.type as EventType,
  at: row.at,
  outcome: row.outcome,
  status: row.status
})
