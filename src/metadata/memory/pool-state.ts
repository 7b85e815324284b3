/** Pools in the memory store: each has everything of it. */

import type {
  BatchFile,
  BatchId,
  BatchRecord,
  GroupId,
  GroupRecord,
  JoinKeyId,
  JoinKeyRecord,
  PoolMember,
  PoolRecord
} from '../../pools.ts'
import type { EntryId, SecretHash, UserId } from '../../types.ts'

export interface PoolRow {
  /** `members` apart, which are counted. */
  record: PoolRecord
  members: Map<UserId, MemberRow>
  joinKeys: Map<JoinKeyId, JoinKeyRow>
  batches: Map<BatchId, BatchRow>
  groups: Map<GroupId, GroupRow>
  /** Files that are committed, by identity in hex, until their batch is forgotten. */
  files: Map<string, PoolFileRow>
}

export interface MemberRow {
  /** `name` is the account's whenever it is told. */
  record: Omit<PoolMember, 'name'>
  /** When it becomes silent. */
  lateAt: number | null
}

export interface JoinKeyRow {
  record: JoinKeyRecord
  hash: SecretHash
}

export interface BatchRow {
  record: BatchRecord
  /** By index. */
  files: Map<number, PoolFileRow>
  /** When something has to be done: an open one is given up, another one is forgotten. */
  dueAt: number | null
}

export interface PoolFileRow {
  file: BatchFile
  batch: BatchId
  member: UserId
  /** In hex. */
  identity: string
  isDuplicate: boolean
  /** Set by the commit; null again once its group was emptied. */
  entry: EntryId | null
  group: GroupId | null
}

export interface GroupRow {
  record: GroupRecord
  /** In no order. */
  files: PoolFileRow[]
  producers: Map<UserId, { files: number; bytes: number }>
  /** When its files are let go; null: not as things are, or they have been. */
  emptyAt: number | null
  /** When it is forgotten. */
  forgetAt: number | null
  /** What the server calls its asking for the lease. */
  leaseRequest: string | null
}
