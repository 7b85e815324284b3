/** Version 3: what senders ask about their links, and passwords of links. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'

export async function toVersion3(db: Kysely<Schema>): Promise<void> {
  await indexForSenders(db)
  await addPasswords(db)
}

/** A link by its delete secret, and its claims in order of time. */
async function indexForSenders(db: Kysely<Schema>): Promise<void> {
  await sql`create unique index links_sent on links (delete_hash)`.execute(db)
  await sql`create index claims_by_time on claims (token, claimed_at, claim)`.execute(db)
}

async function addPasswords(db: Kysely<Schema>): Promise<void> {
  await sql`alter table links add column password text`.execute(db)
}
