/** Version 4: uploads that go on later. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import type { Ddl } from './create-table.ts'

/** No open upload has a plan, so none of them can be resumed: they end as they would have. */
export async function toVersion4(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  for (const column of ['plan', 'writer', 'checkpoint'])
    await sql`alter table uploads add column ${sql.ref(column)} text`.execute(db)
  for (const column of ['kept_count', 'kept_bytes', 'held'])
    await sql`alter table uploads add column ${sql.ref(column)} ${sql.raw(ddl.int)} not null default 0`.execute(
      db
    )
}
