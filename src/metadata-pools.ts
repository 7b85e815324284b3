/** What the metadata does with pools (pools.ts): part of the seam of metadata-store.ts, whose rules hold here too. */

import type { CreateUser } from './account-store.ts'
import type {
  BatchFile,
  BatchFileState,
  BatchId,
  BatchRecord,
  GroupFile,
  GroupId,
  GroupProducer,
  GroupRecord,
  GroupState,
  JoinKeyId,
  JoinKeyRecord,
  PoolId,
  PoolMember,
  PoolRecord,
  PoolRole,
  PoolSettings,
  PoolState
} from './pools.ts'
import type { EntryId, SecretHash, SessionId, UserId } from './types.ts'

/** Who did it, for the event that tells of it; undefined: the cluster itself, or an operator. */
type By = UserId | undefined

export interface CreatePool extends Pick<PoolRecord, 'id' | 'name' | 'settings' | 'createdBy' | 'createdAt'> {
  /** Pools that one user may have made and that are there still. */
  perUserMax: number
}

/** What is given changes, the rest stays. */
export interface ChangePool {
  id: PoolId
  /** Refused with `pool-conflict` unless it is the present one. */
  revision?: number | undefined
  name?: string | undefined
  settings?: PoolSettings | undefined
  /** `archived` can become `active` again; `deleting` stays. */
  state?: PoolState | undefined
  quotaBytes?: number | null | undefined
  now: number
  by?: By
}

/** A pool as one of its members sees it. */
export interface Membership {
  pool: PoolRecord
  member: PoolMember
}

/** Whoever joins: a user who is there, or an account for a program, which is made by the same step, with its key. */
export type Joining =
  | { user: UserId }
  | {
      program: CreateUser['user']
      key: { id: SessionId; name: string; secretHash: SecretHash; expiresAt: number | null }
    }

export interface OpenBatch extends Pick<
  BatchRecord,
  'id' | 'pool' | 'member' | 'files' | 'bytes' | 'digest' | 'openedAt' | 'expiresAt'
> {
  /** Open batches of one member at most. */
  openMax: number
}

/** Who works on a group. */
export interface GroupHolder {
  group: GroupId
  pool: PoolId
  server: UserId
  fence: number
}

export interface GroupCursor {
  start: number
  generation: number
}

export interface PoolRecords {
  // ---------------------------------------------------------------- pools

  /** Idempotent by id. Whoever makes it is its first owner. `pools-full` */
  createPool(request: CreatePool): Promise<PoolRecord>
  /** Undefined for one that is not known, or is being deleted. */
  getPool(id: PoolId): Promise<PoolRecord | undefined>
  /** Pools of a member, by id after `after`; without `user` everybody's. */
  listPools(request: {
    user?: UserId | undefined
    after?: PoolId | undefined
    limit: number
  }): Promise<Array<{ pool: PoolRecord; role: PoolRole | null }>>
  /**
   * Other windows hold for groups that are opened from then on: one that is open keeps its times, and a file goes into the open group whose window covers it.
   * `deleting` voids leases and open batches, revokes join keys and ends programs' accounts. `pool-unknown`, `pool-conflict`
   */
  changePool(change: ChangePool): Promise<PoolRecord>

  // ---------------------------------------------------------------- members

  /** Undefined for whoever is no member, and for a pool that is not known or being deleted. */
  getMembership(pool: PoolId, user: UserId): Promise<Membership | undefined>
  /** By user id after `after`. `silent`: only those that are. Names as the accounts have them now. */
  listMembers(request: {
    pool: PoolId
    role?: PoolRole | undefined
    silent?: boolean | undefined
    after?: UserId | undefined
    limit: number
  }): Promise<PoolMember[]>
  /**
   * With a key: by one conditional update it is used once more (`join-key-invalid`: unknown, over, used up, or its pool is not active). Without: by an owner's right, for a user.
   * Somebody who is a member already stays what they are, and no use is counted. Idempotent by the program's id, which answers the member as it is. `pool-full`, `name-taken`, `user-unknown`
   */
  joinPool(request: {
    by: { key: SecretHash } | { pool: PoolId; role: PoolRole; owner: UserId }
    joining: Joining
    membersMax: number
    now: number
  }): Promise<Membership>
  /** `member-unknown`; `last-owner` where nobody would own it any more. */
  changeMember(request: {
    pool: PoolId
    user: UserId
    role: PoolRole
    now: number
    by?: By
  }): Promise<PoolMember>
  /**
   * In one step: out of the pool, open batches given up, webhooks of the pool that they made gone, leases void, and the account ended (disabled, keys ended) if it was made for a program.
   * What they have committed stays. False: no member. `last-owner`
   */
  removeMember(request: { pool: PoolId; user: UserId; now: number; by?: By }): Promise<boolean>
  /** Idempotent by id. `join-keys-full` above `keysMax` that have not ended */
  createJoinKey(
    request: Omit<JoinKeyRecord, 'uses'> & { hash: SecretHash; keysMax: number }
  ): Promise<JoinKeyRecord>
  findJoinKey(hash: SecretHash): Promise<JoinKeyRecord | undefined>
  /** The newest first (by time, then id). */
  listJoinKeys(pool: PoolId, limit: number): Promise<JoinKeyRecord[]>
  /** False: there was none. */
  deleteJoinKey(pool: PoolId, id: JoinKeyId): Promise<boolean>

  // ---------------------------------------------------------------- batches

  /**
   * Idempotent by pool and id, with the same digest: answers it as it is, committed too. `batch-conflict` for another digest or member; `batches-full`; `pool-unknown`, `pool-archived`,
   * `permission-denied` for whoever may not send (any more). One that was given up is opened anew.
   */
  openBatch(request: OpenBatch): Promise<BatchRecord>
  /**
   * A page of what it brings. A file of the member with the same name and timestamp that an earlier batch has committed is a `duplicate` if it has the same bytes (size and SHA-256), and
   * otherwise `file-conflict` (details: index, name). The same file twice in one batch: `duplicate-file` (details: index, name). The same page again changes nothing. `batch-unknown`, `batch-closed`
   */
  declareFiles(request: {
    pool: PoolId
    batch: BatchId
    member: UserId
    files: BatchFile[]
    /** The batch lives until then at least. */
    expiresAt: number
  }): Promise<BatchRecord>
  getBatch(pool: PoolId, batch: BatchId): Promise<BatchRecord | undefined>
  /** By index after `after`. `stored`: there is an entry at batchPath, whose current version has the announced size and hash. `missing`: only those that are `declared`. */
  listBatchFiles(request: {
    pool: PoolId
    batch: BatchId
    after?: number | undefined
    missing?: boolean | undefined
    limit: number
  }): Promise<Array<BatchFile & { state: BatchFileState }>>
  /**
   * All or nothing, in one step: every announced file is there (`batch-incomplete` otherwise, with the first missing `index` in the details), the sender is a member who may send, and
   * the pool takes files in (`pool-archived`). Each file goes into the open group whose window covers its timestamp; if there is none, into a new one: the window's, or one that is late
   * when the window and its grace are over, or its group has closed. A late group closes when the window that runs now is over, with its grace. A file that another batch has committed meanwhile
   * is a duplicate then (or `file-conflict`). The entries stay until their group is emptied. Counts producers, closes groups that have enough (closeAtProducers), ends the sender's silence.
   * Idempotent: a batch that is committed answers as before. Writes `batch.committed`, `group.opened`, `group.closed`. `batch-unknown`, `batch-closed`, `permission-denied`
   */
  commitBatch(request: { pool: PoolId; batch: BatchId; member: UserId; now: number }): Promise<BatchRecord>
  /** Its files go. False: there is none that is open. */
  abandonBatch(request: { pool: PoolId; batch: BatchId; now: number }): Promise<boolean>

  // ---------------------------------------------------------------- groups

  getGroup(pool: PoolId, group: GroupId): Promise<GroupRecord | undefined>
  /** The newest window first, then the greatest generation. `from`/`to`: of the windows' starts. */
  listGroups(request: {
    pool: PoolId
    state?: GroupState | undefined
    from?: number | undefined
    to?: number | undefined
    before?: GroupCursor | undefined
    limit: number
  }): Promise<GroupRecord[]>
  /** By member, timestamp, name; `after`: the last of the page before. */
  listGroupFiles(request: {
    group: GroupId
    after?: { member: UserId; at: number; name: string } | undefined
    limit: number
  }): Promise<GroupFile[]>
  /** One of them. */
  getGroupFile(group: GroupId, entry: EntryId): Promise<GroupFile | undefined>
  /** By user id after `after`. */
  listGroupProducers(request: {
    group: GroupId
    after?: UserId | undefined
    limit: number
  }): Promise<GroupProducer[]>
  /** Before its time. One that is not open stays as it is. `group-unknown` */
  closeGroup(request: { pool: PoolId; group: GroupId; now: number; by?: By }): Promise<GroupRecord>
  /**
   * Gives the group that waits longest (by window, generation) to a server, with a new fence, by one conditional update: closed and due, or processing with a lease that is over. One whose
   * attempts are used up fails instead. With `group`, that one or nothing. Undefined: there is none. Writes `group.taken`
   */
  leaseGroup(request: {
    pool: PoolId
    server: UserId
    group?: GroupId | undefined
    /** Of the server's choice, for each time it asks: while it has what it was given for it, asking again answers that. */
    request?: string | undefined
    now: number
  }): Promise<GroupRecord | undefined>
  /** What leaseGroup gave the server for this request, while its lease lasts. */
  findLease(request: {
    pool: PoolId
    server: UserId
    request: string
    now: number
  }): Promise<GroupRecord | undefined>
  /** `lease-lost` unless the holder has it: this fence is the last, whether or not the time is over and the group waits again, as long as nobody else has taken it. */
  renewLease(holder: GroupHolder & { now: number }): Promise<GroupRecord>
  /**
   * The result is the entry at resultPath(group, fence). One conditional update. Idempotent with the same fence. `group-done` for another fence when it is done, otherwise `lease-lost`;
   * `result-missing` where no such entry is. Writes `group.done`. The entry then expires at `now` + resultTtlMs, the files are emptied later by settlePools.
   */
  finishGroup(
    request: GroupHolder & { name: string; metadata: Record<string, string>; now: number }
  ): Promise<GroupRecord>
  /** Waits again until `retryAt`, or has failed for good when its attempts are used up or `isFinal`. As finishGroup with errors. Writes `group.failed` (with `final`) */
  failGroup(
    request: GroupHolder & {
      reason: string
      retryAt: number
      isFinal: boolean
      now: number
    }
  ): Promise<GroupRecord>
  /** A group that has failed for good and has its files is tried again, from attempt 0. `group-unknown`; `group-state` for one that has not, or was emptied. */
  retryGroup(request: { pool: PoolId; group: GroupId; now: number; by?: By }): Promise<GroupRecord>

  // ---------------------------------------------------------------- time

  /** When settlePools has something to do first; null: never as things are. */
  nextPoolsAt(): Promise<number | null>
  /**
   * One bounded step (about `limit` rows): groups whose time has come close; leases that are over make a group wait again, or fail; producers that are late are silent (one event
   * `producers.silent` for a pool, with how many and the first names); batches that stood still are given up, with their entries; groups that ended are emptied after filesTtlMs;
   * pools that are being deleted lose their rows and entries, at last themselves. Content that is let go is kept for `graceMs`, for whoever is reading it (as in settleEntries). Groups,
   * and batches with what they announced, are forgotten when nothing of them could be sent again, or asked for. Answers how many rows changed; 0: nothing is due.
   */
  settlePools(request: { now: number; limit: number; graceMs: number }): Promise<number>
}
