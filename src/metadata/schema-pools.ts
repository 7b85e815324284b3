/** The tables of pools: part of schema.ts. */

import type { BatchState, GroupState, PoolRole, PoolState } from '../pools.ts'

/** Docs: src/pools.ts. Ids are 16 bytes. */
export interface PoolsTable {
  id: Uint8Array
  name: string
  state: PoolState
  /** encodePoolSettings */
  settings: string
  quota: number | null
  created_by: Uint8Array
  /** Below `perUserMax`; one of each for whoever made it. Null once it is being deleted. */
  slot: number | null
  created_at: number
  /** Of one that is being deleted: when to go on with it. */
  changed_at: number
  members: number
  /** Of those: owners. Whoever takes one away changes this, as long as it is more than one. */
  owners: number
  revision: number
}

export interface PoolMembersTable {
  pool: Uint8Array
  user_id: Uint8Array
  role: PoolRole
  is_program: number
  joined_at: number
  last_sent_at: number | null
  silent_since: number | null
  /** When it becomes silent. Null: it is already, or need not send, or its pool takes nothing in. */
  late_at: number | null
}

export interface PoolJoinKeysTable {
  id: Uint8Array
  pool: Uint8Array
  /** Below `keysMax`; one of each for a pool. Null once it has ended, and that was noticed. */
  slot: number | null
  hash: Uint8Array
  role: PoolRole
  created_by: Uint8Array
  created_at: number
  expires_at: number
  uses_max: number | null
  uses: number
}

export interface PoolBatchesTable {
  pool: Uint8Array
  id: Uint8Array
  member: Uint8Array
  /** Below `openMax`; one of each for a member of a pool. Null unless it is open. */
  slot: number | null
  state: BatchState
  files: number
  bytes: number
  digest: Uint8Array
  declared: number
  duplicates: number
  opened_at: number
  expires_at: number
  committed_at: number | null
  /** When something has to be done: an open one is given up (this is `expires_at` then), another one is forgotten, with its files. */
  due_at: number | null
}

/** What batches announced, and what groups are made of. */
export interface PoolFilesTable {
  pool: Uint8Array
  batch: Uint8Array
  idx: number
  member: Uint8Array
  name: string
  at: number
  size: number
  sha256: Uint8Array
  media_type: string
  /** encodeMetadata */
  metadata: string
  /** identityOf member, timestamp and name. Once committed no two of a pool have the same, until the batch is forgotten: nothing is taken in twice. */
  identity: Uint8Array
  /** 1: an earlier batch has brought it; it has neither entry nor group. */
  is_duplicate: number
  /** Where its bytes are: set by the commit, null again once its group was emptied. */
  entry: Uint8Array | null
  /** pool_groups.id: set by the commit, for good. */
  grp: Uint8Array | null
}

export interface PoolGroupsTable {
  id: Uint8Array
  pool: Uint8Array
  /** The window. */
  starts: number
  ends: number
  generation: number
  is_late: number
  state: GroupState
  opened_at: number
  closes_at: number
  closed_at: number | null
  files: number
  bytes: number
  producers: number
  server: Uint8Array | null
  fence: number
  leased_until: number | null
  /** What the server calls its asking for this lease. */
  lease_request: string | null
  attempts: number
  due_at: number | null
  failure: string | null
  /** encodeGroupResult */
  result: string | null
  result_entry: Uint8Array | null
  ended_at: number | null
  is_emptied: number
  /** When its files are let go; null: not as things are, or they have been. */
  empty_at: number | null
  /** When its rows go; null: not as things are. */
  forget_at: number | null
}

export interface PoolGroupProducersTable {
  grp: Uint8Array
  user_id: Uint8Array
  files: number
  bytes: number
}

export interface PoolTables {
  pools: PoolsTable
  pool_members: PoolMembersTable
  pool_join_keys: PoolJoinKeysTable
  pool_batches: PoolBatchesTable
  pool_files: PoolFilesTable
  pool_groups: PoolGroupsTable
  pool_group_producers: PoolGroupProducersTable
}
