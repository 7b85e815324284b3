/** Version 10: blocks, and finding the chunks that are in a user's files. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

/** Pieces that are there already get no mark: such content is sent again where it is asked for as a block. */
export async function toVersion10(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'blocks', ['space', 'digest'], {
    space: 'text',
    digest: 'bytes',
    generation: 'int',
    size: 'int',
    staged: 'int',
    expires_at: 'int'
  })
  await sql`create index blocks_expiry on blocks (expires_at, space, digest)`.execute(db)
  for (const column of ['staged', 'blocks'])
    await sql`alter table spaces add column ${sql.ref(column)} ${sql.raw(ddl.int)} not null default 0`.execute(
      db
    )
  await sql`alter table pieces add column mark ${sql.raw(ddl.int)}`.execute(db)
  await sql`create index pieces_mark on pieces (mark) where mark is not null`.execute(db)
  await sql`create index files_holder on files (holder) where holder is not null`.execute(db)
  await sql`create index uploads_file on uploads (file) where entry is not null`.execute(db)
}
