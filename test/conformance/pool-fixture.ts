/** Short ways to pools, for tests of metadata. */

import type { Test } from 'tap'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { batchPath, poolOwner, poolStream } from '../../src/pools.ts'
import type {
  BatchFile,
  BatchId,
  BatchRecord,
  GroupRecord,
  JoinKeyId,
  JoinKeyRecord,
  PoolId,
  PoolRecord,
  PoolRole,
  PoolSettings
} from '../../src/pools.ts'
import type { EventType, StoredEvent } from '../../src/events.ts'
import type { EntryId } from '../../src/types.ts'
import { addUser, keyHash, newUser, sessionId, userId } from './account-fixture.ts'
import { addEntry, entryId } from './entry-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { CHUNK_BYTES, START, hash, uuid } from './metadata-fixture.ts'

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

// ---------------------------------------------------------------- batches

/** When batches of the fixture are given up. */
export const BATCH_END = START + 20_000

export interface FileFields {
  index?: number
  at?: number
  /** Default: the name. */
  content?: string
  metadata?: Record<string, string>
}

/** A file of a batch, by its name. */
export const batchFile = (
  name: string,
  { index = 0, at = START, content = name, metadata = {} }: FileFields = {}
): BatchFile => ({
  index,
  name,
  at,
  sizeBytes: CHUNK_BYTES,
  sha256: hash(content),
  mediaType: 'text/plain',
  metadata
})

/** By their names, or with more of them, in their order. */
export const batchFiles = (...files: Array<string | [string, FileFields]>): BatchFile[] =>
  files.map((file, index) =>
    typeof file === 'string' ? batchFile(file, { index }) : batchFile(file[0], { index, ...file[1] })
  )

export interface Sending {
  member?: string
  pool?: PoolId
  now?: number
  openMax?: number
}

export const openBatch = (
  store: MetadataStore,
  name: string,
  files: readonly BatchFile[],
  { member = 'ann', pool = POOL, now = START, openMax = 3 }: Sending = {}
): Promise<BatchRecord> =>
  store.openBatch({
    id: batchId(name),
    pool,
    member: userId(member),
    files: files.length,
    bytes: files.length * CHUNK_BYTES,
    digest: hash(JSON.stringify(files)),
    openedAt: now,
    expiresAt: BATCH_END,
    openMax
  })

export const declareFiles = (
  store: MetadataStore,
  name: string,
  files: BatchFile[],
  { member = 'ann', pool = POOL }: Sending = {}
): Promise<BatchRecord> =>
  store.declareFiles({ pool, batch: batchId(name), member: userId(member), files, expiresAt: BATCH_END })

/** The bytes of one file. @param content default: what was announced */
export const bringFile = async (
  store: MetadataStore,
  name: string,
  file: BatchFile,
  {
    content,
    pool = POOL,
    expiresAt = BATCH_END
  }: { content?: string; pool?: PoolId; expiresAt?: number } = {}
): Promise<EntryId> => {
  const entry = `${pool} ${name} ${file.index}`
  await addEntry(store, entry, {
    user: poolOwner(pool),
    path: batchPath(batchId(name), file.index),
    content: content ?? file.name,
    expiresAt,
    onlyNew: true
  })
  return entryId(entry)
}

/** Announced, and all of its bytes are there. */
export async function bringBatch(
  store: MetadataStore,
  name: string,
  files: BatchFile[],
  sending: Sending = {}
): Promise<void> {
  await openBatch(store, name, files, sending)
  await declareFiles(store, name, files, sending)
  const { pool = POOL } = sending
  const there = await store.listBatchFiles({ pool, batch: batchId(name), limit: 1000 })
  for (const file of files)
    if (there[file.index]?.state === 'declared') await bringFile(store, name, file, { pool })
}

export const commitBatch = (
  store: MetadataStore,
  name: string,
  { member = 'ann', pool = POOL, now = START }: Sending = {}
): Promise<BatchRecord> => store.commitBatch({ pool, batch: batchId(name), member: userId(member), now })

export async function sendBatch(
  store: MetadataStore,
  name: string,
  files: BatchFile[],
  sending: Sending = {}
): Promise<BatchRecord> {
  await bringBatch(store, name, files, sending)
  return await commitBatch(store, name, sending)
}

/** With producers, Ann and Bob. */
export async function poolOfTwo(
  t: Test,
  makeStore: MakeStore,
  settings: Partial<PoolSettings> = {}
): Promise<MetadataStore> {
  const store = await makeStore(t)
  await addPool(store, 'pool', { settings })
  await addMember(store, 'ann')
  await addMember(store, 'bob')
  return store
}

/** The oldest window first. */
export const groupsOf = async (store: MetadataStore): Promise<GroupRecord[]> =>
  (await store.listGroups({ pool: POOL, limit: 100 })).toReversed()

export const namesIn = async (store: MetadataStore, group: GroupRecord): Promise<string[]> =>
  (await store.listGroupFiles({ group: group.id, limit: 100 })).map(({ name }) => name).toSorted()
