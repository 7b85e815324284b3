/** Version 8: the history. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion8(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await db.insertInto('meta').values({ key: 'history', value: 0 }).execute()
  await createTable(db, ddl, 'history', ['seq'], {
    seq: 'int',
    id: 'bytes',
    at: 'int',
    action: 'text',
    'actor?': 'bytes',
    'actor_name?': 'text',
    'owner?': 'bytes',
    'entry?': 'bytes',
    'version?': 'int',
    'file?': 'bytes',
    'path?': 'text',
    'bytes?': 'int',
    'duration_ms?': 'int',
    'attempts?': 'int',
    outcome: 'text',
    'address?': 'text',
    'session?': 'bytes',
    'detail?': 'text'
  })
  await sql`create unique index history_id on history (id)`.execute(db)
  await sql`create index history_at on history (at, seq)`.execute(db)
  await sql`create index history_action on history (action, seq)`.execute(db)
  // most records name only some of these
  for (const column of ['actor', 'owner', 'entry', 'file'])
    await sql`create index ${sql.ref(`history_${column}`)} on history (${sql.ref(column)}, seq)
      where ${sql.ref(column)} is not null`.execute(db)
}
