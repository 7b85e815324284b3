/** Version 1: files, links, claims, chunks and what is to be deleted. Released: never changed again. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion1(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createCluster(db, ddl)
  await createChunks(db, ddl)
  await createUploads(db, ddl)
  await createLinks(db, ddl)
}

async function createCluster(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'meta', ['key'], { key: 'text', value: 'int' })
  const counters = ['schema', 'term', 'generation', 'time', 'holder', 'name']
  await db
    .insertInto('meta')
    .values(counters.map((key) => ({ key, value: 0 })))
    .execute()
  await createTable(db, ddl, 'names', ['no'], { no: 'int', name: 'text' })
  await db.schema.createIndex('names_name').on('names').column('name').unique().execute()
  await createTable(db, ddl, 'nodes', ['peer'], {
    peer: 'text',
    boot: 'int',
    sequence: 'int',
    record: 'text'
  })
}

async function createChunks(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'chunks', ['digest'], {
    digest: 'bytes',
    generation: 'int',
    state: 'text',
    refs: 'int',
    size: 'int',
    copies: 'int'
  })
  // partial, so that they cost nothing for a chunk in its usual state: referenced, with all its copies
  await sql`create index chunks_unreferenced on chunks (digest) where state = 'live' and refs = 0`.execute(db)
  await sql`create index chunks_owed on chunks (digest) where state = 'live' and refs > 0 and copies < 3`.execute(
    db
  )
  await createTable(db, ddl, 'copies', ['digest', 'peer'], {
    digest: 'bytes',
    peer: 'int',
    generation: 'int',
    host: 'int',
    boot: 'int'
  })
  await createTable(db, ddl, 'pieces', ['holder', 'idx'], {
    holder: 'int',
    idx: 'int',
    digest: 'bytes',
    generation: 'int',
    size: 'int'
  })
  await createTable(db, ddl, 'orders', ['peer', 'digest'], {
    peer: 'int',
    digest: 'bytes',
    generation: 'int'
  })
}

async function createUploads(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'uploads', ['id'], {
    id: 'bytes',
    holder: 'int',
    state: 'text',
    reservations: 'int',
    opened_at: 'int',
    expires_at: 'int',
    'ended_at?': 'int',
    'record?': 'text',
    'file?': 'bytes',
    'token?': 'bytes'
  })
  await sql`create index uploads_open on uploads (expires_at, id) where state = 'open'`.execute(db)
  await sql`create index uploads_ended on uploads (ended_at, id) where ended_at is not null`.execute(db)
  await createTable(db, ddl, 'files', ['id'], {
    id: 'bytes',
    'holder?': 'int',
    state: 'text',
    name: 'text',
    size: 'int',
    media_type: 'text',
    sha256: 'bytes',
    uploaded_at: 'int',
    metadata: 'text',
    chunk_count: 'int',
    manifest: 'bytes',
    links: 'int',
    link_rows: 'int'
  })
  await sql`create index files_unlinked on files (id) where state = 'live' and links = 0`.execute(db)
  await sql`create index files_dropping on files (id) where state = 'deleted' and holder is not null`.execute(
    db
  )
}

async function createLinks(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'links', ['token'], {
    token: 'bytes',
    delete_hash: 'bytes',
    file: 'bytes',
    state: 'text',
    downloads: 'int',
    claimed: 'int',
    ended: 'int',
    created_at: 'int',
    expires_at: 'int',
    'ended_at?': 'int'
  })
  await sql`create index links_live on links (expires_at, token) where state = 'live'`.execute(db)
  await sql`create index links_ended on links (ended_at, token) where ended_at is not null`.execute(db)
  await createTable(db, ddl, 'claims', ['token', 'claim'], {
    token: 'bytes',
    claim: 'bytes',
    state: 'text',
    version: 'int',
    claimed_at: 'int',
    lease_until: 'int',
    bytes_sent: 'int',
    'consumed_at?': 'int',
    ended: 'int',
    progress: 'text'
  })
  await sql`create index claims_running on claims (lease_until, token, claim) where ended = 0`.execute(db)
}
