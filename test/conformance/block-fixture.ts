/** Short ways to blocks, for tests of metadata. */

import type { CommittedFile, MetadataStore, SpaceKey } from '../../src/metadata-store.ts'
import type { Generation, UserId } from '../../src/types.ts'
import { ANN, entryId } from './entry-fixture.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  START,
  chunk,
  fileId,
  hash,
  receipt,
  reserve,
  uploadId
} from './metadata-fixture.ts'

export const RULE = { copiesMin: 2, hostsMin: 2, boots: BOOTS }
export const STAGED_UNTIL = EXPIRY + 5000
export const spaceOf = (user: UserId = ANN): SpaceKey => `user:${user}`

export interface BlockOptions {
  user?: UserId
  quotaBytes?: number | undefined
  blocksMax?: number
  expiresAt?: number
  sizeBytes?: number
}

export const reserveBlock = async (store: MetadataStore, name: string, options: BlockOptions = {}) =>
  await store.reserveBlock({
    space: spaceOf(options.user),
    chunk: chunk(name),
    sizeBytes: options.sizeBytes ?? CHUNK_BYTES,
    bytesMax: options.quotaBytes,
    blocksMax: options.blocksMax ?? 100,
    expiresAt: options.expiresAt ?? EXPIRY
  })

export const stage = async (
  store: MetadataStore,
  name: string,
  generation: Generation,
  { user, expiresAt = STAGED_UNTIL }: BlockOptions = {}
): Promise<void> =>
  await store.stageBlock({ space: spaceOf(user), chunk: chunk(name), generation, expiresAt, rule: RULE })

/** Reserved, received by two nodes, staged. */
export async function addBlock(
  store: MetadataStore,
  name: string,
  options: BlockOptions = {}
): Promise<Generation> {
  const { generation } = await reserveBlock(store, name, options)
  await store.recordReceipts([1, 2].map((n) => receipt(n, chunk(name), generation)))
  await stage(store, name, generation, options)
  return generation
}

export const ownedBlocks = async (store: MetadataStore, names: string[], user?: UserId) =>
  await store.ownedBlocks({ space: spaceOf(user), chunks: names.map(chunk), expiresAt: 0 })

export const openFromBlocks = async (
  store: MetadataStore,
  name: string,
  { user = ANN, sizeBytes = CHUNK_BYTES, quotaBytes: bytesMax }: BlockOptions = {}
): Promise<void> =>
  await store.openUpload({
    id: uploadId(name),
    name,
    mediaType: 'a/b',
    metadata: {},
    openedAt: START,
    expiresAt: EXPIRY,
    space: { key: spaceOf(user), bytes: sizeBytes, bytesMax, fromBlocks: true }
  })

export const take = async (store: MetadataStore, upload: string, names: string[], from = 0) =>
  await store.takeBlocks({
    upload: uploadId(upload),
    from,
    blocks: names.map((name) => ({ chunk: chunk(name), sizeBytes: CHUNK_BYTES })),
    expiresAt: EXPIRY,
    stagedUntil: STAGED_UNTIL
  })

/** Opened, taken, with its manifest: all but the commit. */
export async function prepareFromBlocks(
  store: MetadataStore,
  name: string,
  blocks: string[],
  { path = name, user = ANN, ...options }: BlockOptions & { path?: string; base?: number } = {}
): Promise<() => Promise<CommittedFile>> {
  const sizeBytes = blocks.length * CHUNK_BYTES
  await openFromBlocks(store, name, { ...options, user, sizeBytes })
  const { missing } = await take(store, name, blocks)
  if (missing.length > 0) throw new Error(`${missing.length} blocks are missing`)
  const manifest = chunk(`manifest of ${name}`)
  const g = await reserve(store, uploadId(name), -1, manifest)
  await store.recordReceipts([1, 2].map((n) => receipt(n, manifest, g)))
  const entry = { id: entryId(name), user, path, base: options.base, graceMs: GRACE_MS }
  return async () =>
    await store.commitUpload({
      upload: uploadId(name),
      file: fileId(name),
      sizeBytes,
      sha256: hash(name),
      chunkCount: blocks.length,
      uploadedAt: START,
      entry,
      fromBlocks: { bytesMax: options.quotaBytes },
      ...RULE
    })
}

export const addFromBlocks = async (...args: Parameters<typeof prepareFromBlocks>) =>
  await (
    await prepareFromBlocks(...args)
  )()
