/** Names, ids and whole files for tests of metadata: short ways to the state a test is about. */

import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import { hasCode } from '../../src/errors.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { MANIFEST_INDEX } from '../../src/metadata-store.ts'
import type {
  Claim,
  ClaimProgress,
  CommitUpload,
  MetadataStore,
  NewLink,
  NodeRecord
} from '../../src/metadata-store.ts'
import { chunkIdOf, digestOf } from '../../src/protocol/ids.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import type {
  Address,
  ChunkId,
  FileId,
  FileRecord,
  Generation,
  PasswordRecord,
  PeerId,
  Receipt,
  SecretHash,
  UploadId,
  UploadWriter
} from '../../src/types.ts'

/** Gives an open, empty store and closes it when the test ends. */
export type MakeStore = (t: Test) => Promise<MetadataStore>

/** Bytes of the chunks that the fixture makes. */
export const CHUNK_BYTES = 10
export const LEASE_MS = 1000
export const LEASE_MAX_MS = 5000
export const GRACE_MS = 500
/** When uploads of the fixture are opened and committed. */
export const START = 1_000_000
/** When its links expire. */
export const EXPIRY = START + 100_000

export const uuid = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
export const uploadId = (name: string): UploadId => uuid(`upload ${name}`) as UploadId
export const writerOf = (name: string): UploadWriter => uuid(`writer ${name}`) as UploadWriter
export const fileId = (name: string): FileId => uuid(`file ${name}`) as FileId
export const chunk = (name: string): ChunkId => chunkIdOf(Buffer.from(name))
/** The order of every page of chunks. */
export const byDigest = (a: { chunk: ChunkId }, b: { chunk: ChunkId }): number =>
  Buffer.compare(digestOf(a.chunk), digestOf(b.chunk))
export const hash = (secret: string): SecretHash => hashSecret(secret)
export const peer = (n: number): PeerId => `12D3KooW${String(n).padStart(44, 'x')}` as PeerId
export const generation = (n: number): Generation => n as Generation

/** Nodes as they live: each in its first boot. */
export const BOOTS = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({ peer: peer(n), boot: 1 }))

export const receipt = (n: number, id: ChunkId, g: Generation, boot = 1): Receipt => ({
  peer: peer(n),
  host: `host-${n}`,
  chunk: id,
  generation: g,
  boot
})

export const node = (n: number, fields: Partial<NodeRecord> = {}): NodeRecord => ({
  peer: peer(n),
  addresses: [`/ip4/10.0.0.${n}/tcp/4811` as Address],
  host: `host-${n}`,
  zone: '',
  tier: 'hot',
  capacityBytes: 1000,
  freeBytes: 900,
  usedBytes: 100,
  chunks: 1,
  state: 'active',
  version: '0.1.0',
  boot: 1,
  sequence: 1,
  lastSeenAt: START,
  ...fields
})

export async function openUpload(store: MetadataStore, name: string): Promise<UploadId> {
  const id = uploadId(name)
  const record = { id, name, mediaType: 'text/plain', metadata: { name }, openedAt: START, expiresAt: EXPIRY }
  await store.openUpload(record)
  return id
}

export async function reserve(
  store: MetadataStore,
  upload: UploadId,
  index: number,
  id: ChunkId,
  sizeBytes = CHUNK_BYTES
): Promise<Generation> {
  const reservation = await store.reserveChunk({ upload, index, chunk: id, sizeBytes, expiresAt: EXPIRY })
  return reservation.generation
}

export interface FileOptions {
  /** Names of its chunks; equal names are equal chunks. */
  chunks?: string[]
  downloads?: number
  expiresAt?: number
  password?: string
  /** What is shown to claim it, in place of the proof of a key. */
  proof?: string
  indexBytes?: number
  encryption?: 'aes256gcm-1'
  /** Nodes that hold every chunk. */
  peers?: number[]
}

const manifestOf = (name: string): ChunkId => chunk(`manifest of ${name}`)

/** The record of a password, as if its hash were the tag: stores only compare. */
export const passwordOf = (text: string): PasswordRecord => ({
  v: 1,
  memoryKiB: 19_456,
  passes: 2,
  parallelism: 1,
  salt: '5a'.repeat(16),
  hash: hash(`shown ${text}`)
})

/** A commit that makes a link. */
export type LinkedCommit = CommitUpload & { link: NewLink }

/** Everything before the commit: opened, reserved, received. */
export async function prepareFile(
  store: MetadataStore,
  name: string,
  options: FileOptions = {}
): Promise<LinkedCommit> {
  const { chunks = [`${name} 0`, `${name} 1`], downloads = 1, expiresAt = EXPIRY, peers = [1, 2] } = options
  const upload = await openUpload(store, name)
  const ids = [manifestOf(name), ...chunks.map(chunk)]
  for (const [i, id] of ids.entries()) {
    const g = await reserve(store, upload, i === 0 ? MANIFEST_INDEX : i - 1, id)
    await store.recordReceipts(peers.map((n) => receipt(n, id, g)))
  }
  return {
    upload,
    file: fileId(name),
    sizeBytes: chunks.length * CHUNK_BYTES,
    sha256: hash(`content of ${name}`),
    chunkCount: chunks.length,
    uploadedAt: START,
    indexBytes: options.indexBytes,
    encryption: options.encryption,
    link: {
      tokenHash: hash(`token ${name}`),
      deleteHash: hash(`delete ${name}`),
      downloads,
      expiresAt,
      ...(options.password !== undefined && { password: passwordOf(options.password) }),
      ...(options.proof !== undefined && { proofHash: hash(options.proof) })
    },
    copiesMin: 2,
    hostsMin: 2,
    boots: BOOTS
  }
}

export async function addFile(
  store: MetadataStore,
  name: string,
  options: FileOptions = {}
): Promise<FileRecord> {
  return await store.commitUpload(await prepareFile(store, name, options))
}

export const tokenOf = (name: string): SecretHash => hash(`token ${name}`)

export const claim = (store: MetadataStore, name: string, secret: string, now = START): Promise<Claim> =>
  store.claimLink({ tokenHash: tokenOf(name), claimHash: hash(secret), now, leaseMs: LEASE_MS })

export const claimWith = (
  store: MetadataStore,
  name: string,
  secret: string,
  password: string,
  now = START
): Promise<Claim> =>
  store.claimLink({
    tokenHash: tokenOf(name),
    claimHash: hash(secret),
    now,
    leaseMs: LEASE_MS,
    shown: passwordOf(password).hash
  })

/** With whatever is shown. */
export const claimShowing = (
  store: MetadataStore,
  name: string,
  secret: string,
  { password, proof }: { password?: string; proof?: string },
  now = START
): Promise<Claim> =>
  store.claimLink({
    tokenHash: tokenOf(name),
    claimHash: hash(secret),
    now,
    leaseMs: LEASE_MS,
    ...(password !== undefined && { shown: passwordOf(password).hash }),
    ...(proof !== undefined && { proofHash: hash(proof) })
  })

export const find = (store: MetadataStore, name: string, secret: string, now = START): Promise<Claim> =>
  store.findClaim({ tokenHash: tokenOf(name), claimHash: hash(secret), now })

export const release = (store: MetadataStore, name: string, secret: string): Promise<boolean> =>
  store.releaseClaim({ tokenHash: tokenOf(name), claimHash: hash(secret) })

export const revoke = (store: MetadataStore, name: string, now = START) =>
  store.revokeLink({ tokenHash: tokenOf(name), deleteHash: hash(`delete ${name}`), now })

let reports = 0
export const report = (
  store: MetadataStore,
  name: string,
  secret: string,
  fields: Partial<ClaimProgress> = {}
) =>
  store.reportClaim({
    tokenHash: tokenOf(name),
    claimHash: hash(secret),
    ranges: [],
    bytesSent: 0,
    now: START,
    leaseMs: LEASE_MS,
    leaseMaxMs: LEASE_MAX_MS,
    graceMs: GRACE_MS,
    reportId: `report ${reports++}`,
    ...fields
  })

/** Settles until nothing is left to do. */
export async function settleAll(store: MetadataStore, now: number): Promise<void> {
  while ((await store.settleLinks(now, 100)) > 0);
}

/** Whoever collects: orders are given to their nodes, which confirm them. */
export async function collectAll(store: MetadataStore): Promise<void> {
  while ((await store.condemnChunks(100)) > 0);
  for (const to of await store.listOrderPeers()) await store.confirmOrders(await store.listOrders(to, 1000))
}

export const rejectsWith = (t: Test, promise: Promise<unknown>, code: ErrorCode, message?: string) =>
  promise.then(
    () => t.fail(message ?? `resolves, and should reject with ${code}`),
    (error: unknown) => t.ok(hasCode(error, code), message ?? `rejects with ${code}`, { error })
  )
