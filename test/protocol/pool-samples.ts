/** One example of every message about pools: see samples.ts. */

import type { BatchId, GroupId, JoinKeyId, PoolId } from '../../src/pools.ts'
import type { PoolMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import type { EntryId, SecretHash, SessionId, UserId } from '../../src/types.ts'

const now = 1_795_262_460_000
const start = 1_795_262_400_000
const hour = 3_600_000
const user = '00000000-0000-4000-8000-000000000004' as UserId
const other = '00000000-0000-4000-8000-000000000005' as UserId
const poolId = '00000000-0000-4000-8000-0000000000d1' as PoolId
const batchId = '00000000-0000-4000-8000-0000000000d2' as BatchId
const groupId = '00000000-0000-4000-8000-0000000000d3' as GroupId
const keyId = '00000000-0000-4000-8000-0000000000d4' as JoinKeyId
const entry = '00000000-0000-4000-8000-0000000000d5' as EntryId
const session = '00000000-0000-4000-8000-0000000000d6' as SessionId
const hash = 'a7'.repeat(32) as SecretHash
const actor = { user, role: 'user' as const, scopes: ['pools' as const] }
const operator = { user: null, role: 'admin' as const }
const inPool = { actor, pool: poolId }
const inGroup = { ...inPool, group: groupId }
const held = { ...inGroup, fence: 3 }
const metadata = { sensor: 'Küche' }

const settings: ResponseOf<PoolMessages, 'getPool'>['pool']['settings'] = {
  frequencyMs: hour,
  windowMs: hour,
  graceMs: 360_000,
  toleranceMs: 300_000,
  maxAgeMs: 720 * hour,
  closeAtProducers: 12,
  leaseMs: 600_000,
  attemptsMax: 3,
  filesTtlMs: 168 * hour,
  resultTtlMs: 720 * hour
}
const pool: ResponseOf<PoolMessages, 'getPool'>['pool'] = {
  id: poolId,
  name: 'Bienenstöcke',
  state: 'active',
  settings,
  quotaBytes: 5_000_000_000,
  createdBy: user,
  createdAt: start,
  changedAt: now,
  members: 14,
  revision: 2
}
const member: ResponseOf<PoolMessages, 'addMember'>['member'] = {
  pool: poolId,
  user: other,
  name: 'program-a1b2c3',
  role: 'producer',
  isProgram: true,
  joinedAt: start,
  lastSentAt: now,
  silentSince: null
}
const key: ResponseOf<PoolMessages, 'createJoinKey'>['key'] = {
  id: keyId,
  pool: poolId,
  role: 'producer',
  createdBy: user,
  createdAt: start,
  expiresAt: start + 168 * hour,
  usesMax: 20,
  uses: 3
}
const batch: ResponseOf<PoolMessages, 'openBatch'>['batch'] = {
  id: batchId,
  pool: poolId,
  member: other,
  state: 'committed',
  files: 2,
  bytes: 5_000_000_002,
  digest: 'b8'.repeat(32),
  declared: 2,
  duplicates: 1,
  openedAt: start,
  expiresAt: start + 24 * hour,
  committedAt: now
}
const file: RequestOf<PoolMessages, 'declareFiles'>['files'][number] = {
  index: 1,
  name: 'Messung 2.csv',
  at: start + 17,
  sizeBytes: 5_000_000_000,
  sha256: 'c9'.repeat(32),
  mediaType: 'text/csv',
  metadata
}
const group: ResponseOf<PoolMessages, 'getGroup'>['group'] = {
  id: groupId,
  pool: poolId,
  start,
  end: start + hour,
  generation: 1,
  isLate: true,
  state: 'processing',
  openedAt: start,
  closesAt: start + hour + 360_000,
  closedAt: start + hour,
  files: 12,
  bytes: 6_000_000_000,
  producers: 12,
  server: user,
  fence: 3,
  leasedUntil: start + 2 * hour,
  attempts: 2,
  dueAt: null,
  failure: 'not enough memory',
  result: null,
  endedAt: null,
  isEmptied: false
}
const done: typeof group = {
  ...group,
  state: 'done',
  leasedUntil: null,
  failure: null,
  result: {
    entry,
    name: 'model.bin',
    mediaType: 'application/octet-stream',
    sizeBytes: 1_000_000,
    sha256: 'da'.repeat(32),
    metadata: { round: '7' },
    expiresAt: start + 720 * hour
  },
  endedAt: start + 2 * hour,
  isEmptied: true
}
const cursor = { start, generation: 1 }

const ofPools = {
  createPool: { request: { actor, id: poolId, name: pool.name, settings }, response: { pool, now } },
  listPools: {
    request: { actor: operator, after: poolId, limit: 100, isMine: false },
    response: { pools: [{ pool, role: null }], next: poolId }
  },
  getPool: {
    request: inPool,
    response: { pool, member, usedBytes: 4711, quotaBytes: null, epoch: 'k3v9x2m1', now }
  },
  changePool: {
    request: { ...inPool, revision: 1, name: pool.name, settings, state: 'archived', quotaBytes: null },
    response: { pool: { ...pool, state: 'archived', quotaBytes: null } }
  },
  deletePool: { request: inPool, response: {} },
  listMembers: {
    request: { ...inPool, role: 'producer', silent: true, after: user, limit: 50 },
    response: { members: [{ ...member, lastSentAt: null, silentSince: now }], next: null }
  },
  addMember: { request: { ...inPool, name: 'Ada', role: 'server' }, response: { member } },
  changeMember: { request: { ...inPool, user: other, role: 'listener' }, response: { member } },
  removeMember: { request: { ...inPool, user: other }, response: {} },
  createJoinKey: {
    request: { ...inPool, id: keyId, hash, role: 'producer', ttlMs: 168 * hour, usesMax: 20 },
    response: { key }
  },
  listJoinKeys: { request: inPool, response: { keys: [{ ...key, usesMax: null }] } },
  deleteJoinKey: { request: { ...inPool, id: keyId }, response: {} },
  findJoinKey: {
    request: { hash },
    response: {
      pool: { id: poolId, name: pool.name, settings },
      role: 'producer',
      expiresAt: key.expiresAt
    }
  },
  joinPool: {
    request: {
      hash,
      program: { user: other, name: 'program-a1b2c3', session, secretHash: hash, suffix: true }
    },
    response: { pool, member }
  }
} satisfies Partial<Samples>

const ofBatches = {
  openBatch: {
    request: {
      ...inPool,
      batch: batchId,
      files: 2,
      bytes: batch.bytes,
      digest: batch.digest,
      clientTime: now
    },
    response: { batch: { ...batch, state: 'open', committedAt: null }, now }
  },
  declareFiles: { request: { ...inPool, batch: batchId, files: [file] }, response: { batch } },
  getBatch: {
    request: { ...inPool, batch: batchId, after: 0, missing: true, limit: 500 },
    response: { batch, files: [{ ...file, state: 'declared' }], next: 1, now }
  },
  getBatchFile: {
    request: { ...inPool, batch: batchId, index: 1 },
    response: { file, state: 'stored', expiresAt: batch.expiresAt }
  },
  commitBatch: { request: { ...inPool, batch: batchId }, response: { batch } },
  abandonBatch: { request: { ...inPool, batch: batchId }, response: {} }
} satisfies Partial<Samples>

const ofGroups = {
  listGroups: {
    request: { ...inPool, state: 'done', from: start, to: now, before: cursor, limit: 20 },
    response: { groups: [done], next: cursor, now }
  },
  getGroup: { request: inGroup, response: { group, now } },
  listGroupFiles: {
    request: { ...inGroup, after: { member: other, at: start, name: 'Messung 1.csv' }, limit: 500 },
    response: {
      files: [{ ...file, batch: batchId, member: other, memberName: member.name, entry }],
      isLast: true
    }
  },
  listGroupProducers: {
    request: { ...inGroup, after: user, limit: 100 },
    response: { producers: [{ user: other, name: member.name, files: 1, bytes: 2 }], next: other }
  },
  openPoolFile: {
    request: { ...inGroup, entry },
    response: { entry, owner: poolId as unknown as UserId, group: done }
  },
  closeGroup: { request: inGroup, response: { group, now } },
  leaseGroup: { request: { ...inGroup, request: inGroup.group, waitMs: 30_000 }, response: { group, now } },
  renewLease: { request: held, response: { group, now } },
  finishGroup: { request: { ...held, name: 'model.bin', metadata }, response: { group: done, now } },
  failGroup: {
    request: { ...held, reason: 'not enough memory', isFinal: true },
    response: { group: { ...group, state: 'failed' }, now }
  },
  retryGroup: { request: inGroup, response: { group: { ...group, state: 'closed', dueAt: now }, now } }
} satisfies Partial<Samples>

type Samples = {
  [K in keyof PoolMessages]: { request: RequestOf<PoolMessages, K>; response: ResponseOf<PoolMessages, K> }
}

export const poolSamples: Samples = { ...ofPools, ...ofBatches, ...ofGroups }
