import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { EventStream } from '../../types.ts'
import type { Schema } from '../schema.ts'

/** In the transaction that writes an event: those that had nothing to tell have. */
export async function wakeWebhooks(db: Kysely<Schema>, stream: EventStream, now: number): Promise<void> {
  await db
    .updateTable('webhooks')
    .set((eb) => ({ due_at: now, revision: eb('revision', '+', 1) }))
    .where('stream', '=', stream)
    .where('due_at', 'is', null)
    // a word in the statement, so that the partial index serves
    .where('state', '=', sql<'enabled'>`'enabled'`)
    .execute()
}
