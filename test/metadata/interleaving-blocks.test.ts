/** As interleaving.test.ts, for blocks. */

import type { Kysely } from 'kysely'
import t from 'tap'
import {
  ownedBlocks,
  reserveBlock,
  settleBlocks,
  stageBlock,
  takeBlocks
} from '../../src/metadata/operations/blocks.ts'
import { commitUpload } from '../../src/metadata/operations/commit.ts'
import { condemnChunks } from '../../src/metadata/operations/garbage.ts'
import type { Schema } from '../../src/metadata/schema.ts'
import type { Generation } from '../../src/types.ts'
import { RULE, spaceOf } from '../conformance/block-fixture.ts'
import { ANN, entryId } from '../conformance/entry-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  START,
  chunk,
  fileId,
  hash,
  uploadId
} from '../conformance/metadata-fixture.ts'
import { all, open as openFor, receive, reserve, testMeetings } from './meeting-runs.ts'
import type { Run } from './meeting.ts'

const space = spaceOf()
const QUOTA_BYTES = 2 * CHUNK_BYTES
const x = { chunk: chunk('x'), sizeBytes: CHUNK_BYTES }

const addBlock =
  (name: string, { bytesMax, blocksMax = 9 }: { bytesMax?: number; blocksMax?: number } = {}): Run =>
  (db) =>
    reserveBlock(db, {
      space,
      chunk: chunk(name),
      sizeBytes: CHUNK_BYTES,
      bytesMax,
      blocksMax,
      expiresAt: EXPIRY
    })
const stage: Run = (db) =>
  stageBlock(db, { space, chunk: x.chunk, generation: 1 as Generation, expiresAt: EXPIRY, rule: RULE })
/** At its first generation, held by two. */
const staged = all(addBlock('x'), receive('x', 1, 1, 2), stage)
const open = (name: string): Run =>
  openFor(name, { space: { key: space, bytes: CHUNK_BYTES, bytesMax: QUOTA_BYTES, fromBlocks: true } })
const take =
  (name: string): Run =>
  (db) =>
    takeBlocks(db, { upload: uploadId(name), from: 0, blocks: [x], expiresAt: EXPIRY, stagedUntil: 0 })
const commit =
  (name: string): Run =>
  (db) =>
    commitUpload(db, {
      upload: uploadId(name),
      file: fileId(name),
      sizeBytes: CHUNK_BYTES,
      sha256: hash(name),
      chunkCount: 1,
      uploadedAt: START,
      entry: { id: entryId(name), user: ANN, path: name, graceMs: GRACE_MS },
      fromBlocks: { bytesMax: QUOTA_BYTES },
      ...RULE
    })
/** Of one whose manifest is the chunk of generation 2. */
const ready = (name: string): Run =>
  all(open(name), take(name), reserve(name, -1, 'm'), receive('m', 2, 1, 2))
const expire: Run = all(
  (db) => settleBlocks(db, EXPIRY, 9),
  (db) => condemnChunks(db, 9)
)
const isOwned = async (db: Kysely<Schema>): Promise<boolean> =>
  (await ownedBlocks(db, { space, chunks: [x.chunk], expiresAt: 0 })).length === 1

testMeetings(t, {
  'a block is taken while its time ends: it is the upload’s, or missing': {
    prepare: all(staged, open('a')),
    first: take('a'),
    second: expire
  },
  'its time ends while it is taken: the piece holds it': {
    prepare: all(staged, open('a')),
    first: expire,
    second: take('a')
  },
  'it is asked for while its time ends': {
    prepare: staged,
    first: (db) => ownedBlocks(db, { space, chunks: [x.chunk], expiresAt: EXPIRY + 1 }),
    second: expire
  },
  'its time ends while it is asked for: it is kept': {
    prepare: staged,
    first: expire,
    second: (db) => ownedBlocks(db, { space, chunks: [x.chunk], expiresAt: EXPIRY + 1 }),
    after: ({ plain }) => isOwned(plain)
  },
  'it is staged while its reservation ends: not staged': {
    prepare: all(addBlock('x'), receive('x', 1, 1, 2)),
    first: stage,
    second: expire,
    after: ({ first }) => first === 'upload-unknown'
  },
  'it is reserved while it ends': {
    prepare: staged,
    first: addBlock('x'),
    second: expire
  },
  'two reserve the last place': {
    prepare: async () => {},
    first: addBlock('x', { blocksMax: 1 }),
    second: addBlock('y', { blocksMax: 1 }),
    after: ({ first }) => first === 'blocks-full'
  },
  'two reserve the last space': {
    prepare: async () => {},
    first: addBlock('x', { bytesMax: CHUNK_BYTES }),
    second: addBlock('y', { bytesMax: CHUNK_BYTES }),
    after: ({ first }) => first === 'space-full'
  },
  'two files are made of one block: both have it': {
    prepare: all(staged, ready('a'), ready('b')),
    first: commit('a'),
    second: commit('b'),
    after: ({ plain }) => isOwned(plain)
  },
  'a block is taken while another file is made of it: it has it too': {
    prepare: all(staged, ready('a'), open('b')),
    first: take('b'),
    second: commit('a'),
    after: ({ first }) => (first as { missing: unknown[] }).missing.length === 0
  },
  'a file is made while its block ends': {
    prepare: all(staged, ready('a')),
    first: commit('a'),
    second: expire,
    after: ({ plain }) => isOwned(plain)
  }
})
