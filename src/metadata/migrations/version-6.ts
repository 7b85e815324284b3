/** Version 6: users, their sessions and API keys, invitations. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion6(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createUsers(db, ddl)
  await createSessions(db, ddl)
  await createInvites(db, ddl)
}

async function createUsers(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'users', ['id'], {
    id: 'bytes',
    name: 'text',
    name_key: 'text',
    role: 'text',
    state: 'text',
    'quota?': 'int',
    created_at: 'int',
    password: 'text',
    keys: 'int'
  })
  await sql`create unique index users_name on users (name_key)`.execute(db)
  await db.insertInto('meta').values({ key: 'admins', value: 0 }).execute()
}

async function createSessions(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'sessions', ['id'], {
    id: 'bytes',
    user_id: 'bytes',
    kind: 'text',
    name: 'text',
    scopes: 'text',
    created_at: 'int',
    'expires_at?': 'int',
    last_used_at: 'int',
    ended: 'int',
    'over_at?': 'int',
    'secret?': 'bytes'
  })
  await sql`create index sessions_user on sessions (user_id, created_at, id)`.execute(db)
  await sql`create unique index sessions_secret on sessions (secret) where secret is not null`.execute(db)
  await sql`create index sessions_over on sessions (over_at, id) where over_at is not null`.execute(db)
  await sql`create index sessions_running on sessions (id) where ended = 0 and kind = 'session'`.execute(db)
}

async function createInvites(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'invites', ['id'], {
    id: 'bytes',
    hash: 'bytes',
    role: 'text',
    'created_by?': 'bytes',
    created_at: 'int',
    expires_at: 'int',
    'used_by?': 'bytes'
  })
  await sql`create unique index invites_hash on invites (hash)`.execute(db)
  await sql`create index invites_time on invites (created_at, id)`.execute(db)
  await sql`create index invites_over on invites (expires_at, id)`.execute(db)
}
