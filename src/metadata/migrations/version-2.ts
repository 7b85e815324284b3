/** Version 2: inventories, decisions about nodes, times of reading, suspended links, uploads that are given up in steps. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion2(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createDecisions(db, ddl)
  await createInventories(db, ddl)
  await addReading(db, ddl)
  await sql`create index links_suspended on links (token) where state = 'suspended'`.execute(db)
  await sql`create index links_suspended_expiry on links (expires_at, token) where state = 'suspended'`.execute(
    db
  )
  // until now an upload that was given up had no pieces left; from now on its holder says whether there are any
  await db.updateTable('uploads').set({ holder: 0 }).where('state', '=', 'abandoned').execute()
  await sql`create index uploads_dropping on uploads (id) where state = 'abandoned' and holder > 0`.execute(
    db
  )
}

async function createDecisions(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'settings', ['key'], { key: 'text', value: 'text' })
  await createTable(db, ddl, 'decisions', ['peer'], { peer: 'text', decision: 'text', decided_at: 'int' })
}

async function createInventories(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  // what a peer is recorded to hold, in the order and with all that its digest is made of
  await sql`create index copies_by_peer on copies (peer, digest, generation)`.execute(db)
  await createTable(db, ddl, 'unknown_chunks', ['peer', 'digest'], {
    peer: 'int',
    digest: 'bytes',
    generation: 'int',
    first_seen: 'int',
    last_seen: 'int'
  })
  await sql`create index unknown_chunks_first on unknown_chunks (peer, first_seen, digest)`.execute(db)
}

async function addReading(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  for (const column of ['read_at', 'reads'])
    await sql`alter table chunks add column ${sql.ref(column)} ${sql.raw(ddl.int)} not null default 0`.execute(
      db
    )
  // nobody knows when the old ones were read: as of now, so that they do not all turn cold at once
  const now = db.selectFrom('meta').select('value').where('key', '=', 'time')
  await db.updateTable('chunks').set({ read_at: now }).execute()
}
