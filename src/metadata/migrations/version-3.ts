/** Version 3: passwords of links. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion3(db: Kysely<Schema>, _ddl: Ddl): Promise<void> {
  await addPasswords(db)
}

async function addPasswords(db: Kysely<Schema>): Promise<void> {
  await sql`alter table links add column password text`.execute(db)
}
