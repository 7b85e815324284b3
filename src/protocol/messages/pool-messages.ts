/** Pools, as part of the control protocol. docs/protocol.md explains them, docs/pools.md what they are for. */

import { z } from 'zod'
import { GROUP_STATES } from '../../pools.ts'
import {
  POOLS_PER_PAGE_MAX,
  POOL_FAILURE_BYTES_MAX,
  POOL_FILES_PER_PAGE_MAX,
  POOL_FILE_NAME_BYTES_MAX,
  POOL_WORK_WAIT_MS_MAX
} from '../limits.ts'
import * as s from '../schema.ts'
import { actor } from './account-messages.ts'
import * as p from './pool-shapes.ts'

const noBodies = { requestBody: false, responseBody: false } as const

const {
  MINUTE_MS,
  DAY_MS,
  within,
  pageLimit,
  poolId,
  batchId,
  groupId,
  joinKeyId,
  role,
  pool,
  member,
  joinKey,
  batch,
  batchFile,
  batchFileState,
  groupFile,
  group
} = p
const batchFiles = z.array(batchFile).min(1).max(POOL_FILES_PER_PAGE_MAX)
const inPool = { actor, pool: poolId }
const inGroup = { ...inPool, group: groupId }
const held = { ...inGroup, fence: z.int().min(1) }
const known = z.object({ group, now: s.timeMs })

/**
 * Of a pool the actor has to be a member, or an administrator (who counts as an owner); whoever is neither is told `pool-unknown`, and a member whose role does not allow it
 * `permission-denied`. A key needs the scope `pools`.
 */
export const poolMessages = {
  /** Idempotent by `id`. @throws `pools-full`, `permission-denied` for programs that joined by a key */
  createPool: {
    request: z.object({ actor, id: poolId, name: p.poolName, settings: p.poolSettings }),
    response: z.object({ pool, now: s.timeMs }),
    ...noBodies
  },
  /** `role` null: no member, but an administrator. `isMine` (default true): the actor's own; false, for administrators: all. */
  listPools: {
    request: z.object({
      actor,
      after: poolId.optional(),
      limit: pageLimit,
      isMine: z.boolean().default(true)
    }),
    response: z.object({
      pools: z.array(z.object({ pool, role: role.nullable() })).max(POOLS_PER_PAGE_MAX),
      next: poolId.nullable()
    }),
    ...noBodies
  },
  /** `used`: bytes that files, results and open batches take up. `quota`: null is none. `member`: null for an administrator who is none. `epoch`: what cursors of its events begin with. */
  getPool: {
    request: z.object(inPool),
    response: z.object({
      pool,
      member: member.nullable(),
      usedBytes: s.count,
      quotaBytes: s.count.nullable(),
      epoch: s.eventsEpoch,
      now: s.timeMs
    }),
    ...noBodies
  },
  /** For owners; `quotaBytes` for administrators. @throws `pool-conflict` when `revision` is not the present one */
  changePool: {
    request: z.object({
      ...inPool,
      revision: s.count.optional(),
      name: p.poolName.optional(),
      settings: p.poolSettings.optional(),
      state: z.enum(['active', 'archived']).optional(),
      quotaBytes: s.count.nullable().optional()
    }),
    response: z.object({ pool }),
    ...noBodies
  },
  /** For owners. Gone at once for everybody; its files go in the background. */
  deletePool: { request: z.object(inPool), response: z.object({}), ...noBodies },

  /** Owners and servers see all members; others only themselves and the owners. */
  listMembers: {
    request: z.object({
      ...inPool,
      role: role.optional(),
      silent: z.boolean().optional(),
      after: s.userId.optional(),
      limit: pageLimit
    }),
    response: z.object({ members: z.array(member).max(POOLS_PER_PAGE_MAX), next: s.userId.nullable() }),
    ...noBodies
  },
  /** For owners: a user who has an account. @throws `user-unknown`, `pool-full` */
  addMember: {
    request: z.object({ ...inPool, name: s.userName, role }),
    response: z.object({ member }),
    ...noBodies
  },
  /** For owners. @throws `member-unknown`, `last-owner` */
  changeMember: {
    request: z.object({ ...inPool, user: s.userId, role }),
    response: z.object({ member }),
    ...noBodies
  },
  /** For owners; everybody may go by themselves. @throws `member-unknown`, `last-owner` */
  removeMember: { request: z.object({ ...inPool, user: s.userId }), response: z.object({}), ...noBodies },
  /** For owners. Idempotent by `id`. */
  createJoinKey: {
    request: z.object({
      ...inPool,
      id: joinKeyId,
      hash: s.secretHash,
      role,
      ttlMs: within(MINUTE_MS, 3650 * DAY_MS),
      usesMax: z.int().min(1).nullable()
    }),
    response: z.object({ key: joinKey }),
    ...noBodies
  },
  /** For owners. */
  listJoinKeys: {
    request: z.object(inPool),
    response: z.object({ keys: z.array(joinKey).max(POOLS_PER_PAGE_MAX) }),
    ...noBodies
  },
  /** For owners. @throws `join-key-unknown` */
  deleteJoinKey: { request: z.object({ ...inPool, id: joinKeyId }), response: z.object({}), ...noBodies },
  /** What a key leads to, before it is used. @throws `join-key-invalid` */
  findJoinKey: {
    request: z.object({ hash: s.secretHash }),
    response: z.object({
      pool: pool.pick({ id: true, name: true, settings: true }),
      role,
      expiresAt: s.timeMs
    }),
    ...noBodies
  },
  /**
   * By a key, as somebody with an account (`actor`), or as a program, for which an account and an API key are made: `user` and `session` are their ids, chosen by the edge so that asking
   * again is harmless, `secretHash` that of the API key's text. `suffix`: where somebody has the name, something is put behind it. One of `actor` and `program`. Answers as commitBatch does.
   * @throws `join-key-invalid`, `pool-full`, `name-taken`, `permission-denied` for a program that has a pool
   */
  joinPool: {
    request: z.object({
      hash: s.secretHash,
      actor: actor.optional(),
      program: z
        .object({
          user: s.userId,
          name: s.userName,
          session: s.sessionId,
          secretHash: s.secretHash,
          suffix: z.boolean().optional()
        })
        .optional()
    }),
    response: z.object({ pool, member }),
    ...noBodies
  },

  /**
   * For producers (and owners and servers may not: only producers send). Opens a batch, or says how far it has come. `clientTime`: the sender's clock, now. @throws `clock-skewed` (details:
   * server_time), `batch-too-large`, `batches-full`, `batch-conflict`, `pool-archived`, `quota-exceeded`
   */
  openBatch: {
    request: z.object({
      ...inPool,
      batch: batchId,
      files: z.int().min(1),
      bytes: z.int().min(1),
      digest: s.sha256Hex,
      clientTime: s.timeMs
    }),
    response: z.object({ batch, now: s.timeMs }),
    ...noBodies
  },
  /**
   * What it brings, a page at a time. @throws `timestamp-in-future`, `timestamp-too-old`, `duplicate-file`, `file-conflict`: all with `index` and `name` in the details; `batch-unknown`,
   * `batch-closed`
   */
  declareFiles: {
    request: z.object({ ...inPool, batch: batchId, files: batchFiles }),
    response: z.object({ batch }),
    ...noBodies
  },
  /** For its sender, and owners and servers of the pool. `next`: where the next page begins. */
  getBatch: {
    request: z.object({
      ...inPool,
      batch: batchId,
      after: s.count.optional(),
      missing: z.boolean().optional(),
      limit: within(0, POOL_FILES_PER_PAGE_MAX)
    }),
    response: z.object({
      batch,
      files: z.array(batchFile.extend({ state: batchFileState })).max(POOL_FILES_PER_PAGE_MAX),
      next: s.count.nullable(),
      now: s.timeMs
    }),
    ...noBodies
  },
  /**
   * Before the bytes of one file are taken: its announcement. Only for the sender, while the batch is open, which lives on by that. `expiresAt`: when its entry ends, unless the batch lives
   * on, or has been committed by then. @throws `batch-unknown`, `batch-closed`, `file-unknown`
   */
  getBatchFile: {
    request: z.object({ ...inPool, batch: batchId, index: s.count }),
    response: z.object({
      file: batchFile,
      state: batchFileState,
      expiresAt: s.timeMs
    }),
    ...noBodies
  },
  /** All or nothing. Answers when the metadata are safe from the loss of the controller's machine. @throws `batch-incomplete`, `file-conflict`, `batch-closed`, `pool-archived`, `permission-denied` */
  commitBatch: {
    request: z.object({ ...inPool, batch: batchId }),
    response: z.object({ batch }),
    ...noBodies
  },
  /** For its sender, and owners. Idempotent. @throws `batch-closed` for one that is committed */
  abandonBatch: { request: z.object({ ...inPool, batch: batchId }), response: z.object({}), ...noBodies },

  /** Everybody in the pool sees groups; the newest first. */
  listGroups: {
    request: z.object({
      ...inPool,
      state: z.enum(GROUP_STATES).optional(),
      from: s.timeMs.optional(),
      to: s.timeMs.optional(),
      before: z.object({ start: s.timeMs, generation: s.count }).optional(),
      limit: pageLimit
    }),
    response: z.object({
      groups: z.array(group).max(POOLS_PER_PAGE_MAX),
      next: z.object({ start: s.timeMs, generation: s.count }).nullable(),
      now: s.timeMs
    }),
    ...noBodies
  },
  /** @throws `group-unknown` */
  getGroup: { request: z.object(inGroup), response: known, ...noBodies },
  /** For owners and servers. By member, timestamp and name. @throws `group-emptied` */
  listGroupFiles: {
    request: z.object({
      ...inGroup,
      after: z
        .object({ member: s.userId, at: s.timeMs, name: z.string().max(POOL_FILE_NAME_BYTES_MAX) })
        .optional(),
      limit: within(1, POOL_FILES_PER_PAGE_MAX)
    }),
    response: z.object({ files: z.array(groupFile).max(POOL_FILES_PER_PAGE_MAX), isLast: z.boolean() }),
    ...noBodies
  },
  /** For owners and servers. */
  listGroupProducers: {
    request: z.object({ ...inGroup, after: s.userId.optional(), limit: pageLimit }),
    response: z.object({
      producers: z
        .array(z.object({ user: s.userId, name: s.userName, files: s.count, bytes: s.count }))
        .max(POOLS_PER_PAGE_MAX),
      next: s.userId.nullable()
    }),
    ...noBodies
  },
  /**
   * Whether the actor may read an entry of the pool: a file of a group (owners, servers; whoever sent it), or without `entry` the group's result (every member). The edge then reads it as
   * `openContent` of an administrator would. @throws `file-unknown`, `group-emptied`, `result-unknown`, `result-expired`
   */
  openPoolFile: {
    request: z.object({ ...inGroup, entry: s.entryId.optional() }),
    response: z.object({ entry: s.entryId, owner: s.userId, group }),
    ...noBodies
  },
  /** For owners and servers: before its time. */
  closeGroup: { request: z.object(inGroup), response: known, ...noBodies },
  /**
   * For servers. Waits up to `waitMs` for a group, or up to `pools.workWaitMs`. Null: there is none. `request`: a UUID of the server's choice; asked again with it, while the lease lasts, it
   * is given the same one.
   */
  leaseGroup: {
    request: z.object({
      ...inPool,
      group: groupId.optional(),
      request: z.uuidv4().optional(),
      waitMs: within(0, POOL_WORK_WAIT_MS_MAX)
    }),
    response: z.object({ group: group.nullable(), now: s.timeMs }),
    ...noBodies
  },
  /** @throws `lease-lost` */
  renewLease: { request: z.object(held), response: known, ...noBodies },
  /** The result has been stored at resultPath(group, fence). `name`: what it is called. Answers as commitBatch does. @throws `lease-lost`, `group-done`, `result-missing` */
  finishGroup: {
    request: z.object({ ...held, name: s.fileName, metadata: p.smallMetadata }),
    response: known,
    ...noBodies
  },
  /** @throws `lease-lost`, `group-done` */
  failGroup: {
    request: z.object({
      ...held,
      reason: z.string().min(1).pipe(s.textWithin(POOL_FAILURE_BYTES_MAX)),
      isFinal: z.boolean().default(false)
    }),
    response: known,
    ...noBodies
  },
  /** For owners and servers. @throws `group-state` */
  retryGroup: { request: z.object(inGroup), response: known, ...noBodies }
} as const
