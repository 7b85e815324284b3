/** As interleaving.test.ts, for users' files. */

import type { Kysely } from 'kysely'
import t from 'tap'
import { listFolders } from '../../src/metadata/operations/paths.ts'
import { commitUpload } from '../../src/metadata/operations/commit.ts'
import {
  changeEntry,
  findEntry,
  getEntry,
  listVersions,
  moveEntry
} from '../../src/metadata/operations/entries.ts'
import { moveFolder } from '../../src/metadata/operations/folder-move.ts'
import { deleteEntry } from '../../src/metadata/operations/entry-removal.ts'
import { settleEntries } from '../../src/metadata/operations/entry-settle.ts'
import { shareEntry } from '../../src/metadata/operations/shares.ts'
import { deleteVersion, pruneVersions, restoreVersion } from '../../src/metadata/operations/versions.ts'
import { claimLink } from '../../src/metadata/operations/claims.ts'
import type { Schema } from '../../src/metadata/schema.ts'
import { ANN, entryId, shareOf } from '../conformance/entry-fixture.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  START,
  fileId,
  hash,
  tokenOf,
  uploadId
} from '../conformance/metadata-fixture.ts'
import { all, open, receive, reserve, settle, testMeetings } from './meeting-runs.ts'
import type { Run } from './meeting.ts'

const id = entryId('a')
const times = { now: START, graceMs: GRACE_MS }

/** Chunks are the same, so that generations are known: 1 is the manifest's and 2 the content's. */
const ready = (name: string): Run =>
  all(open(name), reserve(name, -1, 'm'), reserve(name, 0, 'x'), receive('m', 1, 1, 2), receive('x', 2, 1, 2))
const commit =
  (name: string, onlyNew = false, { base, path = 'x' }: { base?: number; path?: string } = {}): Run =>
  (db) =>
    commitUpload(db, {
      upload: uploadId(name),
      file: fileId(name),
      sizeBytes: CHUNK_BYTES,
      sha256: hash(name),
      chunkCount: 1,
      uploadedAt: START,
      entry: { id: entryId(name), user: ANN, path, onlyNew, base },
      copiesMin: 2,
      hostsMin: 2,
      boots: BOOTS
    })
const first = all(ready('a'), commit('a'))
const two = all(first, ready('b'), commit('b'))
const remove: Run = (db) => deleteEntry(db, { id, ...times })
const restore: Run = (db) => restoreVersion(db, { id, version: 1, ...times })
const prune: Run = (db) => pruneVersions(db, { id, keep: 1, ...times })
const drop: Run = (db) => deleteVersion(db, { id, version: 2, ...times })
const share: Run = (db) => shareEntry(db, { id, version: 1, link: shareOf('s'), now: START })
const move =
  (path: string): Run =>
  (db) =>
    moveEntry(db, { id, path, now: START })
const moveAll: Run = (db) => moveFolder(db, { owner: ANN, from: 'from', to: 'to', limit: 9, now: START })
const expire: Run = (db) => settleEntries(db, { now: EXPIRY, graceMs: GRACE_MS, failedMs: EXPIRY }, 10)

const shownAt = async (db: Kysely<Schema>, path: string) =>
  (await findEntry(db, ANN, path)).entry?.current.number

testMeetings(t, {
  'two uploads to one path: both become versions': {
    prepare: all(ready('a'), ready('b')),
    first: commit('a'),
    second: commit('b'),
    after: async ({ plain }) => (await shownAt(plain, 'x')) === 2
  },
  'two new files at one path: one is': {
    prepare: all(ready('a'), ready('b')),
    first: commit('a', true),
    second: commit('b', true),
    after: ({ first: made, second }) => made === 'path-taken' && second !== made
  },
  'two uploads on one version: one is': {
    prepare: all(first, ready('b'), ready('c')),
    first: commit('b', false, { base: 1 }),
    second: commit('c', false, { base: 1 }),
    after: ({ first: made, second }) => made === 'version-conflict' && second !== made
  },
  'two uploads where there is nothing: one is': {
    prepare: all(ready('a'), ready('b')),
    first: commit('a', false, { base: 0 }),
    second: commit('b', false, { base: 0 }),
    after: ({ first: made, second }) => made === 'version-conflict' && second !== made
  },
  'an upload on a version while the file is deleted: none': {
    prepare: all(first, ready('b')),
    first: commit('b', false, { base: 1 }),
    second: remove,
    after: ({ first: made }) => made === 'version-conflict'
  },
  'a delete of a version while another one comes: none': {
    prepare: all(first, ready('b')),
    first: (db) => deleteEntry(db, { id, version: 1, ...times }),
    second: commit('b'),
    after: ({ first: made }) => made === 'version-conflict'
  },
  'a delete at a path while it is moved away: none': {
    prepare: all(first),
    first: (db) => deleteEntry(db, { id, basePath: 'x', ...times }),
    second: (db) => moveEntry(db, { id, path: 'y', now: START }),
    after: ({ first: made }) => made === 'version-conflict'
  },
  'an upload while the file is deleted: a new file': {
    prepare: all(first, ready('b')),
    first: commit('b'),
    second: remove,
    after: async ({ plain }) => (await findEntry(plain, ANN, 'x')).entry?.id === entryId('b')
  },
  'a delete while an upload to it commits: it has that version too': {
    prepare: all(first, ready('b')),
    first: remove,
    second: commit('b'),
    after: async ({ plain }) => (await shownAt(plain, 'x')) === undefined
  },
  'a restore while that version is pruned': {
    prepare: two,
    first: restore,
    second: prune,
    after: ({ first: restored }) => restored === 'version-unknown'
  },
  'a prune while the version is restored: what was restored stays': {
    prepare: two,
    first: prune,
    second: restore,
    after: async ({ plain }) => {
      await settle(EXPIRY)(plain)
      const [shown] = await listVersions(plain, id, undefined, 9)
      return shown?.number === 3 && shown.file === fileId('a')
    }
  },
  'the current version deleted while a newer one comes: that counts': {
    prepare: all(two, ready('c')),
    first: drop,
    second: commit('c'),
    after: async ({ plain }) => (await shownAt(plain, 'x')) === 3
  },
  'a share while the file is deleted: none, or an ended one': {
    prepare: first,
    first: share,
    second: remove,
    after: ({ first: made }) => made === 'file-unknown'
  },
  'a delete while the file is shared: that ends too': {
    prepare: first,
    first: remove,
    second: share,
    after: async ({ plain }) => {
      const asked = { tokenHash: tokenOf('s'), claimHash: hash('me'), now: START, leaseMs: 1 }
      return (await claimLink(plain, asked)).outcome === 'revoked'
    }
  },
  'a share of a version while it is pruned': {
    prepare: two,
    first: share,
    second: prune,
    after: ({ first: made }) => made === 'version-unknown'
  },
  'one file moved to two places is at one': {
    prepare: first,
    first: move('y/z'),
    second: move('q/r'),
    after: async ({ plain }) => (await getEntry(plain, id))?.path === 'y/z'
  },
  'a move while the file is deleted': {
    prepare: first,
    first: move('y'),
    second: remove,
    after: ({ first: moved }) => moved === 'file-unknown'
  },
  'a folder moves while a file in it is deleted: nothing is left to move': {
    prepare: all(first, move('from/a')),
    first: moveAll,
    second: remove,
    after: ({ first: moved }) => moved === 'file-unknown'
  },
  'a folder moves while a file comes into it: that moves as well, or stays': {
    prepare: all(first, move('from/a'), ready('b')),
    first: moveAll,
    second: commit('b', false, { path: 'from/b' }),
    after: async ({ first: moved, plain }) => {
      const stays = moved === 1
      const folders = (await listFolders(plain, { owner: ANN, limit: 9 })).join()
      return (
        (await getEntry(plain, id))?.path === 'to/a' &&
        (await shownAt(plain, stays ? 'from/b' : 'to/b')) === 1 &&
        folders === (stays ? 'from,to' : 'to')
      )
    }
  },
  'a folder moves while a file takes a place where it goes': {
    prepare: all(first, move('from/a'), ready('b')),
    first: moveAll,
    second: commit('b', false, { path: 'to/a' }),
    after: async ({ first: moved, plain }) =>
      moved === 'path-taken' && (await getEntry(plain, id))?.path === 'from/a'
  },
  'a folder moves to where a file comes': {
    prepare: all(first, move('from/a'), ready('b')),
    first: moveAll,
    second: commit('b', false, { path: 'to' }),
    after: async ({ first: moved, plain }) =>
      moved === 'path-conflict' && (await getEntry(plain, id))?.path === 'from/a'
  },
  'an expiry while it is put off: the file stays': {
    prepare: all(first, (db) => changeEntry(db, { id, expiresAt: EXPIRY, now: START })),
    first: expire,
    second: (db) => changeEntry(db, { id, expiresAt: null, now: START }),
    after: async ({ plain }) => (await getEntry(plain, id)) !== undefined
  }
})
