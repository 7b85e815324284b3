/** Version 11: webhooks. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion11(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'webhooks', ['id'], {
    id: 'bytes',
    owner: 'bytes',
    slot: 'int',
    stream: 'text',
    url: 'text',
    types: 'text',
    description: 'text',
    state: 'text',
    'reason?': 'text',
    created_at: 'int',
    changed_at: 'int',
    secret: 'text',
    'previous_secret?': 'text',
    previous_until: 'int',
    place: 'int',
    attempted: 'int',
    attempts: 'int',
    'failing_since?': 'int',
    dead_in_row: 'int',
    'due_at?': 'int',
    'courier?': 'bytes',
    lease: 'int',
    leased_until: 'int',
    tries: 'int',
    revision: 'int'
  })
  await sql`create unique index webhooks_slot on webhooks (owner, slot)`.execute(db)
  await sql`create index webhooks_due on webhooks (due_at, id) where due_at is not null`.execute(db)
  // looked through with every event: those that wait for one
  await sql`create index webhooks_idle on webhooks (stream) where due_at is null and state = 'enabled'`.execute(
    db
  )
  await createTable(db, ddl, 'webhook_attempts', ['webhook', 'attempt'], {
    webhook: 'bytes',
    attempt: 'int',
    at: 'int',
    'event?': 'bytes',
    'number?': 'int',
    'type?': 'text',
    outcome: 'text',
    'status?': 'int',
    duration_ms: 'int',
    'next_at?': 'int',
    missed: 'int'
  })
  await createTable(db, ddl, 'webhook_dead', ['webhook', 'number'], {
    webhook: 'bytes',
    number: 'int',
    event: 'bytes',
    type: 'text',
    at: 'int',
    outcome: 'text',
    'status?': 'int'
  })
  await createTable(db, ddl, 'webhook_replays', ['webhook', 'number'], { webhook: 'bytes', number: 'int' })
}
