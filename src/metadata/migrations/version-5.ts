/** Version 5: files with an index behind their payload, files that their senders encrypted, and links that ask for a proof of the key. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion5(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await sql`alter table files add column index_bytes ${sql.raw(ddl.int)} not null default 0`.execute(db)
  await sql`alter table files add column encryption text`.execute(db)
  await sql`alter table links add column proof ${sql.raw(ddl.bytes)}`.execute(db)
}
