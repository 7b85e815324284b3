/** Version 9: events. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion9(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  // the greatest `seq` ever and the greatest that was forgotten, and the last number of a stream
  for (const key of ['events', 'events_gone', 'streams'] as const)
    await db.insertInto('meta').values({ key, value: 0 }).execute()
  await createTable(db, ddl, 'event_streams', ['no'], { no: 'int', name: 'text', last: 'int', oldest: 'int' })
  await sql`create unique index event_streams_name on event_streams (name)`.execute(db)
  await createTable(db, ddl, 'events', ['seq'], {
    seq: 'int',
    stream: 'int',
    number: 'int',
    id: 'bytes',
    type: 'text',
    at: 'int',
    subject: 'text',
    data: 'text'
  })
  await sql`create unique index events_number on events (stream, number)`.execute(db)
}
