/** Short ways to users' files, for tests of metadata. */

import type { CommittedFile, MetadataStore, NewLink } from '../../src/metadata-store.ts'
import type { EntryId, UserId, VersionRecord } from '../../src/types.ts'
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
  uploadId,
  uuid
} from './metadata-fixture.ts'

export const entryId = (name: string): EntryId => uuid(`entry ${name}`) as EntryId
export const owner = (name: string): UserId => uuid(`user ${name}`) as UserId
export const ANN = owner('ann')
export const BOB = owner('bob')
export const FAILED_MS = 10_000

export interface EntryOptions {
  user?: UserId
  /** Default: the upload's name. */
  path?: string
  /** Name of a new entry; default: the upload's. */
  entry?: string
  /** Default: of its own. */
  content?: string
  now?: number
  expiresAt?: number | null
  onlyNew?: boolean
  base?: number
  /** Name of the entry that `base` is of. */
  baseEntry?: string
  metadata?: Record<string, string>
  link?: NewLink
  /** Nodes that hold every chunk. */
  peers?: number[]
  quotaBytes?: number
}

/** Opened, reserved, received: all but the commit. */
export async function prepareEntry(
  store: MetadataStore,
  name: string,
  options: EntryOptions = {}
): Promise<() => Promise<CommittedFile>> {
  const { user = ANN, path = name, content = name, now = START, peers = [1, 2, 3] } = options
  const { expiresAt, onlyNew, base, baseEntry, metadata, link } = options
  const upload = uploadId(name)
  const space = { key: `user:${user}` as const, bytes: CHUNK_BYTES, bytesMax: options.quotaBytes }
  const opened = { openedAt: now, expiresAt: EXPIRY, space, owner: { user, path } }
  await store.openUpload({ id: upload, name, mediaType: 'text/plain', metadata: { name }, ...opened })
  for (const [i, id] of [chunk(`manifest of ${name}`), chunk(content)].entries()) {
    const g = await reserve(store, upload, i - 1, id)
    await store.recordReceipts(peers.map((n) => receipt(n, id, g)))
  }
  return async () =>
    await store.commitUpload({
      upload,
      file: fileId(name),
      sizeBytes: CHUNK_BYTES,
      sha256: hash(content),
      chunkCount: 1,
      uploadedAt: now,
      entry: {
        id: entryId(options.entry ?? name),
        user,
        path,
        expiresAt,
        onlyNew,
        base,
        baseEntry: baseEntry === undefined ? undefined : entryId(baseEntry),
        metadata,
        graceMs: GRACE_MS
      },
      link,
      copiesMin: 2,
      hostsMin: 2,
      boots: BOOTS
    })
}

/** A version of a user's file: `name` names the upload, its content, and the entry if it is a new one. */
export const addEntry = async (store: MetadataStore, name: string, options: EntryOptions = {}) =>
  await (
    await prepareEntry(store, name, options)
  )()

export const remove = async (store: MetadataStore, name: string, now = START) =>
  await store.deleteEntry({ id: entryId(name), now, graceMs: GRACE_MS })

export const settleEntries = async (store: MetadataStore, now: number): Promise<void> => {
  while ((await store.settleEntries({ now, graceMs: GRACE_MS, failedMs: FAILED_MS }, 100)) > 0);
}

export const numbersOf = async (store: MetadataStore, name: string): Promise<number[]> =>
  (await store.listVersions(entryId(name), undefined, 100)).map(({ number }: VersionRecord) => number)

export const shareOf = (name: string, expiresAt = EXPIRY): NewLink => ({
  tokenHash: hash(`token ${name}`),
  deleteHash: hash(`delete ${name}`),
  downloads: 1,
  expiresAt
})
