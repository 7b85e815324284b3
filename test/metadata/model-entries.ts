/** Random operations on users' files: two users, few paths, so that files and folders meet. */

import fc from 'fast-check'
import { userStream } from '../../src/events.ts'
import type { ListEntries, MetadataStore } from '../../src/metadata-store.ts'
import { ENTRY_SORTS } from '../../src/metadata-entries.ts'
import type { EntryId, Generation } from '../../src/types.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  chunk,
  fileId,
  hash,
  receipt,
  tokenOf,
  uploadId
} from '../conformance/metadata-fixture.ts'
import { entryId, owner as userId } from '../conformance/entry-fixture.ts'
import { PEERS, chunkName, limit, operation, remember } from './model-world.ts'
import type { Step } from './model-world.ts'

const UPLOADS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const USERS = ['ann', 'bob']
const PATHS = ['x', 'X', 'x/y', 'x/y/z', 'Q/é', 'q/É', 'q/w', 'r']
const GRACE_MS = 300
const FAILED_MS = 2000

const upload = fc.constantFrom(...UPLOADS)
const user = fc.constantFrom('ann', 'ann', 'ann', 'bob')
const path = fc.constantFrom(...PATHS)
/** Ids that entries have: of commits, of failures, and made up. */
const entry = fc.constantFrom(...UPLOADS)
const version = fc.constantFrom(1, 1, 2, 3, 4)
/** The version that must count. */
const expected = fc.option(version, { nil: undefined, freq: 1 })
/** Where it must be. */
const basePath = fc.option(path, { nil: undefined, freq: 1 })

const entryOf = (each: string): EntryId => entryId(each)

/** A whole upload of a user's file, so that there are some; its link beside it at times. */
export const wholeEntry: fc.Arbitrary<Step[]> = fc
  .record({
    each: upload,
    who: user,
    at: path,
    content: chunkName,
    expires: fc.constantFrom(undefined, undefined, null, 500),
    onlyNew: fc.constantFrom(undefined, undefined, true),
    base: fc.constantFrom(undefined, undefined, undefined, 0, 1, 2),
    baseEntry: fc.option(upload, { nil: undefined, freq: 2 }),
    link: fc.constantFrom(false, false, true),
    copies: fc.constantFrom(2, 3)
  })
  .map(({ each, who, at, content, expires, onlyNew, base, baseEntry, link, copies }) => {
    const pieces: Array<[number, string]> = [
      [-1, 'z'],
      [0, content]
    ]
    const owner = { user: userId(who), path: at }
    const space = { key: `user:${userId(who)}` as const, bytes: 3 * CHUNK_BYTES, bytesMax: 9 * CHUNK_BYTES }
    return [
      ({ now }) =>
        (store) =>
          store.openUpload({
            id: uploadId(each),
            name: each,
            mediaType: 'a/b',
            metadata: { each },
            openedAt: now,
            expiresAt: now + 500,
            space,
            owner
          }),
      ...pieces.map(([index, of]): Step => (world) => async (store) => {
        const sizes = { sizeBytes: CHUNK_BYTES, expiresAt: 0 }
        const request = { upload: uploadId(each), index, chunk: chunk(of), ...sizes }
        const { generation } = await store.reserveChunk(request)
        remember(world, of, generation)
        await store.recordReceipts(PEERS.slice(0, copies).map((n) => receipt(n, chunk(of), generation, 3)))
        return generation
      }),
      ({ now }) =>
        (store) =>
          store.commitUpload({
            upload: uploadId(each),
            file: fileId(each),
            sizeBytes: CHUNK_BYTES,
            sha256: hash(each),
            chunkCount: 1,
            uploadedAt: now,
            entry: {
              id: entryOf(each),
              ...owner,
              ...(expires !== undefined && { expiresAt: expires === null ? null : now + expires }),
              onlyNew,
              base,
              baseEntry: baseEntry === undefined ? undefined : entryOf(baseEntry),
              graceMs: GRACE_MS
            },
            ...(link && {
              link: {
                tokenHash: tokenOf(each),
                deleteHash: hash(`delete ${each}`),
                downloads: 1,
                expiresAt: now + 300
              }
            }),
            copiesMin: 2,
            hostsMin: 2,
            boots: BOOTS.map(({ peer }) => ({ peer, boot: 3 }))
          })
    ]
  })

/** One that nobody ends, or that fails. */
export const failing: fc.Arbitrary<Step[]> = fc.tuple(upload, user, path).map(([each, who, at]) => [
  ({ now }) =>
    (store) =>
      store.openUpload({
        id: uploadId(each),
        name: each,
        mediaType: 'a/b',
        metadata: { each },
        openedAt: now,
        expiresAt: now + 500,
        owner: { user: userId(who), path: at }
      }),
  ({ now }) =>
    (store) =>
      store.abandonUpload(uploadId(each), { failure: { code: 'not-enough-nodes', attempts: 3, now } })
])

const move = operation(
  'move',
  fc.tuple(entry, path, expected, basePath),
  ([each, to, shown, at]): Step =>
    ({ now }) =>
    (store) =>
      store.moveEntry({ id: entryOf(each), version: shown, basePath: at, path: to, now })
)

/** Few bounds, so that a folder has too many at times. */
const moveFolder = operation(
  'move folder',
  fc.tuple(
    user,
    fc.constantFrom('x', 'X', 'x/y', 'q', 'r', 'Q/s'),
    fc.constantFrom(...PATHS, 'Q', 'q/s'),
    fc.constantFrom(1, 9, 9)
  ),
  ([who, from, to, most]): Step =>
    ({ now }) =>
    (store) =>
      store.moveFolder({ owner: userId(who), from, to, limit: most, now })
)

const change = operation(
  'change',
  fc.tuple(
    entry,
    fc.constantFrom(undefined, { k: 'v' }, {}),
    fc.constantFrom(undefined, null, 200),
    expected
  ),
  ([each, metadata, expires, shown]): Step =>
    ({ now }) =>
    (store) =>
      store.changeEntry({
        id: entryOf(each),
        version: shown,
        metadata,
        expiresAt: typeof expires === 'number' ? now + expires : expires,
        now
      })
)

const restore = operation(
  'restore',
  fc.tuple(entry, version),
  ([each, number]): Step =>
    ({ now }) =>
    (store) =>
      store.restoreVersion({ id: entryOf(each), version: number, now, graceMs: GRACE_MS })
)

const deleteVersion = operation(
  'delete version',
  fc.tuple(entry, version),
  ([each, number]): Step =>
    ({ now }) =>
    (store) =>
      store.deleteVersion({ id: entryOf(each), version: number, now, graceMs: GRACE_MS })
)

const prune = operation(
  'prune',
  fc.tuple(entry, fc.constantFrom(1, 1, 2)),
  ([each, keep]): Step =>
    ({ now }) =>
    (store) =>
      store.pruneVersions({ id: entryOf(each), keep, now, graceMs: GRACE_MS })
)

const remove = operation(
  'delete',
  fc.tuple(entry, expected, basePath),
  ([each, shown, at]): Step =>
    ({ now }) =>
    (store) =>
      store.deleteEntry({ id: entryOf(each), version: shown, basePath: at, now, graceMs: GRACE_MS })
)

const share = operation(
  'share',
  fc.tuple(entry, upload, fc.option(version, { nil: undefined }), fc.constantFrom(200, 3000)),
  ([each, link, number, ttlMs]): Step =>
    ({ now }) =>
    (store) =>
      store.shareEntry({
        id: entryOf(each),
        version: number,
        link: {
          tokenHash: tokenOf(`share ${link}`),
          deleteHash: hash(`delete share ${link}`),
          downloads: 1,
          expiresAt: now + ttlMs
        },
        now
      })
)

const settle = operation(
  'settle entries',
  limit,
  (most): Step =>
    ({ now }) =>
    (store) =>
      store.settleEntries({ now, graceMs: GRACE_MS, failedMs: FAILED_MS }, most)
)

const settleStatuses = operation(
  'settle statuses',
  fc.tuple(limit, fc.constantFrom(2, 3), fc.option(fc.tuple(entry, version), { nil: undefined })),
  ([most, copies, after]): Step =>
    ({ now }) =>
    (store) =>
      store.settleStatuses({
        copies,
        limit: most,
        now,
        after: after && { entry: entryOf(after[0]), version: after[1] }
      })
)

const adopt = operation(
  'adopt',
  fc.record({
    each: upload,
    id: upload,
    who: user,
    at: path,
    number: version,
    content: chunkName,
    expires: fc.constantFrom(null, 500),
    ageMs: fc.constantFrom(0, 0, 700)
  }),
  ({ each, id, who, at, number, content, expires, ageMs }): Step =>
    ({ now }) =>
    (store) => {
      const generation = 1 as Generation
      return store.adoptFile({
        file: {
          id: fileId(each),
          name: each,
          sizeBytes: CHUNK_BYTES,
          mediaType: 'a/b',
          sha256: hash(each),
          uploadedAt: now - ageMs,
          metadata: {}
        },
        manifest: { id: chunk('z'), sizeBytes: CHUNK_BYTES, generation },
        chunks: [{ id: chunk(content), sizeBytes: CHUNK_BYTES, generation }],
        entry: {
          id: entryOf(id),
          user: userId(who),
          path: at,
          version: number,
          expiresAt: expires && now + expires
        }
      })
    }
)

const purgeEvents = fc.tuple(fc.constantFrom(100, 1000), fc.nat(5)).map(
  ([ageMs, many]): Step =>
    ({ now }) =>
    (store) =>
      store.purgeEvents(now - ageMs, many)
)
const trimEvents = fc.record({ recordsMax: fc.nat(30), perStreamMax: fc.nat(20), limit: fc.nat(5) }).map(
  (rule): Step =>
    () =>
    (store) =>
      store.trimEvents(rule)
)

export const entryStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: move },
  { weight: 4, arbitrary: moveFolder },
  { weight: 3, arbitrary: change },
  { weight: 4, arbitrary: restore },
  { weight: 4, arbitrary: deleteVersion },
  { weight: 3, arbitrary: prune },
  { weight: 3, arbitrary: remove },
  { weight: 5, arbitrary: share },
  { weight: 5, arbitrary: settle },
  { weight: 4, arbitrary: settleStatuses },
  { weight: 2, arbitrary: adopt },
  { weight: 1, arbitrary: purgeEvents },
  { weight: 1, arbitrary: trimEvents }
)

/** All pages: where one ends is for each store to say. */
async function walk(store: MetadataStore, request: ListEntries): Promise<EntryId[]> {
  const { entries, next } = await store.listEntries(request)
  const ids = entries.map(({ id }) => id)
  return next === null ? ids : [...ids, ...(await walk(store, { ...request, after: next }))]
}

/** Everything that can be asked of users' files, as one value. */
export async function observeEntries(store: MetadataStore): Promise<unknown> {
  const found = await Promise.all(USERS.flatMap((who) => PATHS.map((at) => store.findEntry(userId(who), at))))
  const entries = await Promise.all(
    UPLOADS.map(async (each) => {
      const id = entryOf(each)
      return [
        await store.getEntry(id),
        await store.listVersions(id, undefined, 9),
        await store.getVersion(id, 2),
        await store.listShares(id, undefined, 9)
      ]
    })
  )
  const lists = []
  const ann = userId('ann')
  for (const sort of ENTRY_SORTS) {
    const order = 'ascending'
    lists.push(await walk(store, { owner: ann, recursive: true, sort, order: 'descending', limit: 2 }))
    lists.push(await walk(store, { owner: ann, recursive: false, sort, order, limit: 1 }))
    lists.push(await walk(store, { owner: ann, folder: 'x', recursive: true, sort, order, limit: 1 }))
    lists.push(await walk(store, { folder: 'Q', recursive: false, sort, order, limit: 1 }))
    lists.push(await walk(store, { recursive: true, sort, order, limit: 3 }))
  }
  return {
    found,
    entries,
    lists,
    search: await walk(store, {
      recursive: true,
      search: 'É',
      sort: 'name',
      order: 'ascending',
      limit: 5
    }),
    folders: await Promise.all(
      USERS.flatMap((who) =>
        [undefined, 'X', 'q'].flatMap((folder) =>
          [undefined, 1500].map((now) => store.listFolders({ owner: userId(who), folder, limit: 5, now }))
        )
      )
    ),
    usedByUsers: await store.usedByUsers(),
    used: await Promise.all(USERS.map((who) => store.usedSpace(`user:${userId(who)}`))),
    files: await Promise.all(UPLOADS.map((each) => store.getFile(fileId(each)))),
    links: await Promise.all(UPLOADS.map((each) => store.findLink(tokenOf(`share ${each}`)))),
    stats: await store.stats(2),
    events: await store.tailEvents({ after: 0, limit: 10_000 }),
    streams: await Promise.all(
      USERS.map((who) => store.listEvents({ stream: userStream(userId(who)), after: 2, limit: 3 }))
    )
  }
}
