/** Version 3: what senders ask about their links, passwords of links, and the space that each role of users takes up. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion3(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await indexForSenders(db)
  await addPasswords(db)
  await addSpaces(db, ddl)
}

/** A link by its delete secret, and its claims in order of time. */
async function indexForSenders(db: Kysely<Schema>): Promise<void> {
  await sql`create unique index links_sent on links (delete_hash)`.execute(db)
  await sql`create index claims_by_time on claims (token, claimed_at, claim)`.execute(db)
}

async function addPasswords(db: Kysely<Schema>): Promise<void> {
  await sql`alter table links add column password text`.execute(db)
}

/** Until now nobody had a role; open uploads had nothing reserved, so they count from their commit on. */
async function addSpaces(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'spaces', ['role'], { role: 'text', bytes: 'int' })
  for (const table of ['uploads', 'files'])
    await sql`alter table ${sql.table(table)} add column role text not null default 'anonymous'`.execute(db)
  await sql`alter table uploads add column reserved ${sql.raw(ddl.int)} not null default 0`.execute(db)
  await sql`insert into spaces (role, bytes) select 'anonymous', coalesce(sum(size), 0) from files where state = 'live'`.execute(
    db
  )
}
