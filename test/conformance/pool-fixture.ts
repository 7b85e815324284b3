/** Short ways to pools, for tests of metadata. */

import type { MetadataStore } from '../../src/metadata-store.ts'
import { poolStream } from '../../src/pools.ts'
import type {
  BatchId,
  JoinKeyId,
  JoinKeyRecord,
  PoolId,
  PoolRecord,
  PoolRole,
  PoolSettings
} from '../../src/pools.ts'
import type { EventType, StoredEvent } from '../../src/events.ts'
import { addUser, keyHash, newUser, sessionId, userId } from './account-fixture.ts'
import { START, hash, uuid } from './metadata-fixture.ts'

export const poolId = (name: string): PoolId => uuid(`pool ${name}`) as PoolId
export const batchId = (name: string): BatchId => uuid(`batch ${name}`) as BatchId
export const joinKeyId = (name: string): JoinKeyId => uuid(`join key ${name}`) as JoinKeyId
export const POOL = poolId('pool')
export const OWNER = userId('olga')

export const MEMBERS_MAX = 10
/** Windows of the fixture begin at START, as START is a multiple of it. */
export const WINDOW_MS = 1000
export const FREQUENCY_MS = 2000
export const POOL_GRACE_MS = 100

export const SETTINGS: PoolSettings = {
  frequencyMs: FREQUENCY_MS,
  windowMs: WINDOW_MS,
  graceMs: POOL_GRACE_MS,
  toleranceMs: 500,
  maxAgeMs: 50_000,
  closeAtProducers: null,
  leaseMs: 300,
  attemptsMax: 3,
  filesTtlMs: 4000,
  resultTtlMs: 6000
}

/** With its owner, Olga, who is made where she is not there. */
export async function addPool(
  store: MetadataStore,
  name = 'pool',
  { settings = {}, perUserMax = 5 }: { settings?: Partial<PoolSettings>; perUserMax?: number } = {}
): Promise<PoolRecord> {
  if ((await store.getUser(OWNER)) === undefined) await addUser(store, 'olga')
  return await store.createPool({
    id: poolId(name),
    name,
    settings: { ...SETTINGS, ...settings },
    createdBy: OWNER,
    createdAt: START,
    perUserMax
  })
}

/** A user, who is made where they are not there, by the owner's right. */
export async function addMember(
  store: MetadataStore,
  name: string,
  role: PoolRole = 'producer',
  { pool = POOL, now = START, membersMax = MEMBERS_MAX } = {}
) {
  if ((await store.getUser(userId(name))) === undefined) await addUser(store, name)
  return await store.joinPool({
    by: { pool, role, owner: OWNER },
    joining: { user: userId(name) },
    membersMax,
    now
  })
}

export const joinKeyHash = (name: string) => hash(`join ${name}`)

export const addJoinKey = (
  store: MetadataStore,
  name: string,
  fields: Partial<JoinKeyRecord> & { keysMax?: number } = {}
): Promise<JoinKeyRecord> =>
  store.createJoinKey({
    id: joinKeyId(name),
    pool: POOL,
    hash: joinKeyHash(name),
    role: 'producer',
    createdBy: OWNER,
    createdAt: START,
    expiresAt: START + 10_000,
    usesMax: null,
    keysMax: 3,
    ...fields
  })

/** A program, by a key. */
export const joinProgram = (
  store: MetadataStore,
  name: string,
  key: string,
  { now = START, membersMax = MEMBERS_MAX, account = name } = {}
) =>
  store.joinPool({
    by: { key: joinKeyHash(key) },
    joining: {
      program: newUser(account, { id: userId(name), createdAt: now }),
      key: { id: sessionId(name), name: 'pool', secretHash: keyHash(name), expiresAt: null }
    },
    membersMax,
    now
  })

export const poolEvents = async (store: MetadataStore, pool = POOL): Promise<StoredEvent[]> =>
  (await store.listEvents({ stream: poolStream(pool), after: 0, limit: 1000 })).events

export const poolEventTypes = async (store: MetadataStore, pool = POOL): Promise<EventType[]> =>
  (await poolEvents(store, pool)).map(({ type }) => type)
