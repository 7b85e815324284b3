/** Version 7: users' files: entries with their paths and versions, links that were made of them, and space by whose it is. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion7(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await spaceByKey(db)
  await createEntries(db, ddl)
  await createVersions(db, ddl)
  await extendOthers(db, ddl)
}

/** What was a role's is somebody's from now on; `anonymous` is a key as it was a role. */
async function spaceByKey(db: Kysely<Schema>): Promise<void> {
  await sql`alter table spaces rename column role to key`.execute(db)
  for (const table of ['uploads', 'files'])
    await sql`alter table ${sql.table(table)} rename column role to space`.execute(db)
}

async function createEntries(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'entries', ['id'], {
    id: 'bytes',
    owner: 'bytes',
    state: 'text',
    path: 'text',
    folder: 'text',
    name: 'text',
    last: 'int',
    shown: 'int',
    stored: 'int',
    failed: 'int',
    size: 'int',
    shares: 'int',
    created_at: 'int',
    changed_at: 'int',
    'expires_at?': 'int',
    'ended_at?': 'int'
  })
  // each order in which entries are listed is the order of an index: of a folder, of an owner, of all
  const indexes = {
    entries_folder_name: 'owner, folder, name',
    entries_folder_date: 'owner, folder, changed_at, id',
    entries_folder_size: 'owner, folder, size, id',
    entries_owner_date: 'owner, changed_at, id',
    entries_owner_size: 'owner, size, id',
    entries_date: 'changed_at, id',
    entries_size: 'size, id'
  }
  for (const [name, columns] of Object.entries(indexes))
    await sql`create index ${sql.ref(name)} on entries (${sql.raw(columns)}) where state = 'live'`.execute(db)
  await sql`create index entries_expiry on entries (expires_at, id) where state = 'live' and expires_at is not null`.execute(
    db
  )
  await sql`create index entries_ended on entries (ended_at, id) where state = 'deleted'`.execute(db)
  await createTable(db, ddl, 'paths', ['owner', 'key'], {
    owner: 'bytes',
    key: 'text',
    parent: 'text',
    path: 'text',
    'entry?': 'bytes',
    children: 'int'
  })
  await sql`create index paths_folders on paths (owner, parent, key) where entry is null`.execute(db)
}

async function createVersions(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'versions', ['entry', 'number'], {
    entry: 'bytes',
    number: 'int',
    status: 'text',
    'file?': 'bytes',
    'metadata?': 'text',
    'failure?': 'text',
    uploaded_at: 'int',
    attempts: 'int',
    checked: 'int',
    'drop_at?': 'int'
  })
  await sql`create index versions_cached on versions (entry, number) where status = 'cached' and drop_at is null`.execute(
    db
  )
  await sql`create index versions_failed on versions (uploaded_at, entry, number) where status = 'upload_failed'`.execute(
    db
  )
  await sql`create index versions_dropping on versions (drop_at, entry, number) where drop_at is not null`.execute(
    db
  )
}

async function extendOthers(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  const add = async (table: string, column: string, type: string): Promise<void> => {
    await sql`alter table ${sql.table(table)} add column ${sql.ref(column)} ${sql.raw(type)}`.execute(db)
  }
  await add('uploads', 'entry', ddl.bytes)
  await add('uploads', 'version', ddl.int)
  await add('files', 'graced', `${ddl.int} not null default 0`)
  await add('files', 'counted', `${ddl.int} not null default 1`)
  await add('links', 'entry', ddl.bytes)
  await add('links', 'version', ddl.int)
  await sql`create index links_entry on links (entry, created_at, token) where entry is not null`.execute(db)
  await sql`create index files_gone on files (id) where state = 'deleted' and holder is null and link_rows = 0`.execute(
    db
  )
}
