/** Version 12: pools. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { createTable } from './create-table.ts'
import type { Ddl } from './create-table.ts'

export async function toVersion12(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  for (const make of [pools, batches, groups]) await make(db, ddl)
  for (const statement of INDEXES) await sql.raw(statement).execute(db)
}

const INDEXES = [
  'create unique index pools_slot on pools (created_by, slot) where slot is not null',
  `create index pools_deleting on pools (changed_at, id) where state = 'deleting'`,

  'create index pool_members_user on pool_members (user_id, pool)',
  'create index pool_members_role on pool_members (pool, role, user_id)',
  'create index pool_members_late on pool_members (late_at, pool, user_id) where late_at is not null',
  'create index pool_members_silent on pool_members (pool, user_id) where silent_since is not null',

  'create unique index pool_join_keys_hash on pool_join_keys (hash)',
  'create unique index pool_join_keys_slot on pool_join_keys (pool, slot) where slot is not null',
  'create index pool_join_keys_pool on pool_join_keys (pool, created_at, id)',

  'create unique index pool_batches_slot on pool_batches (pool, member, slot) where slot is not null',
  'create index pool_batches_due on pool_batches (due_at, pool, id) where due_at is not null',

  // in its batch until it is committed, and then among all of the pool
  'create unique index pool_files_announced on pool_files (pool, batch, identity) where grp is null',
  'create unique index pool_files_identity on pool_files (pool, identity) where grp is not null',
  'create index pool_files_group on pool_files (grp, member, at, name) where entry is not null',
  'create unique index pool_files_entry on pool_files (entry) where entry is not null',

  'create unique index pool_groups_window on pool_groups (pool, starts, generation)',
  'create index pool_groups_state on pool_groups (pool, state, starts, generation)',
  `create index pool_groups_closing on pool_groups (closes_at, id) where state = 'open'`,
  'create index pool_groups_due on pool_groups (pool, starts, generation) where due_at is not null',
  `create index pool_groups_leased on pool_groups (leased_until, id) where state = 'processing'`,
  'create index pool_groups_server on pool_groups (pool, server) where leased_until is not null',
  'create index pool_groups_emptying on pool_groups (empty_at, id) where empty_at is not null',
  'create index pool_groups_forgetting on pool_groups (forget_at, id) where forget_at is not null'
]

async function pools(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'pools', ['id'], {
    id: 'bytes',
    name: 'text',
    state: 'text',
    settings: 'text',
    'quota?': 'int',
    created_by: 'bytes',
    'slot?': 'int',
    created_at: 'int',
    changed_at: 'int',
    members: 'int',
    owners: 'int',
    revision: 'int'
  })
  await createTable(db, ddl, 'pool_members', ['pool', 'user_id'], {
    pool: 'bytes',
    user_id: 'bytes',
    role: 'text',
    is_program: 'int',
    joined_at: 'int',
    'last_sent_at?': 'int',
    'silent_since?': 'int',
    'late_at?': 'int'
  })
  await createTable(db, ddl, 'pool_join_keys', ['id'], {
    id: 'bytes',
    pool: 'bytes',
    'slot?': 'int',
    hash: 'bytes',
    role: 'text',
    created_by: 'bytes',
    created_at: 'int',
    expires_at: 'int',
    'uses_max?': 'int',
    uses: 'int'
  })
}

async function batches(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'pool_batches', ['pool', 'id'], {
    pool: 'bytes',
    id: 'bytes',
    member: 'bytes',
    'slot?': 'int',
    state: 'text',
    files: 'int',
    bytes: 'int',
    digest: 'bytes',
    declared: 'int',
    duplicates: 'int',
    opened_at: 'int',
    expires_at: 'int',
    'committed_at?': 'int',
    'due_at?': 'int'
  })
  await createTable(db, ddl, 'pool_files', ['pool', 'batch', 'idx'], {
    pool: 'bytes',
    batch: 'bytes',
    idx: 'int',
    member: 'bytes',
    name: 'text',
    at: 'int',
    size: 'int',
    sha256: 'bytes',
    media_type: 'text',
    metadata: 'text',
    identity: 'bytes',
    is_duplicate: 'int',
    'entry?': 'bytes',
    'grp?': 'bytes'
  })
}

async function groups(db: Kysely<Schema>, ddl: Ddl): Promise<void> {
  await createTable(db, ddl, 'pool_groups', ['id'], {
    id: 'bytes',
    pool: 'bytes',
    starts: 'int',
    ends: 'int',
    generation: 'int',
    is_late: 'int',
    state: 'text',
    opened_at: 'int',
    closes_at: 'int',
    'closed_at?': 'int',
    files: 'int',
    bytes: 'int',
    producers: 'int',
    'server?': 'bytes',
    fence: 'int',
    'leased_until?': 'int',
    'lease_request?': 'text',
    attempts: 'int',
    'due_at?': 'int',
    'failure?': 'text',
    'result?': 'text',
    'result_entry?': 'bytes',
    'ended_at?': 'int',
    is_emptied: 'int',
    'empty_at?': 'int',
    'forget_at?': 'int'
  })
  await createTable(db, ddl, 'pool_group_producers', ['grp', 'user_id'], {
    grp: 'bytes',
    user_id: 'bytes',
    files: 'int',
    bytes: 'int'
  })
}
