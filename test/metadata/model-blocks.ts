/** Random operations on blocks, beside those on users' files: the same users, chunks and uploads, so that they meet. */

import fc from 'fast-check'
import type { MetadataStore } from '../../src/metadata-store.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  chunk,
  fileId,
  hash,
  receipt,
  uploadId
} from '../conformance/metadata-fixture.ts'
import { entryId, owner } from '../conformance/entry-fixture.ts'
import { CHUNKS, PEERS, chunkName, generationOf, limit, operation, remember } from './model-world.ts'
import type { Step } from './model-world.ts'

const UPLOADS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const upload = fc.constantFrom(...UPLOADS)
const user = fc.constantFrom('ann', 'ann', 'ann', 'bob')
const names = fc.array(chunkName, { minLength: 1, maxLength: 3 })
const rule = { copiesMin: 2, hostsMin: 2, boots: BOOTS.map(({ peer }) => ({ peer, boot: 3 })) }
const spaceOf = (who: string) => `user:${owner(who)}` as const
const refsOf = (of: readonly string[]) => of.map((each) => ({ chunk: chunk(each), sizeBytes: CHUNK_BYTES }))

const reserve =
  (who: string, of: string, ms: number): Step =>
  (world) =>
  async (store) => {
    const reserved = await store.reserveBlock({
      space: spaceOf(who),
      chunk: chunk(of),
      sizeBytes: CHUNK_BYTES,
      bytesMax: 8 * CHUNK_BYTES,
      blocksMax: 2,
      expiresAt: world.now + ms
    })
    remember(world, of, reserved.generation)
    return reserved
  }

const stage =
  (who: string, of: string, back: number, ms: number): Step =>
  (world) => {
    const generation = generationOf(world, of, back)
    return (store) =>
      store.stageBlock({
        space: spaceOf(who),
        chunk: chunk(of),
        generation,
        expiresAt: world.now + ms,
        rule
      })
  }

const received =
  (of: string): Step =>
  (world) =>
  async (store) => {
    const generation = generationOf(world, of, 0)
    await store.recordReceipts(PEERS.map((n) => receipt(n, chunk(of), generation, 3)))
  }

const take =
  (each: string, from: number, of: readonly string[]): Step =>
  ({ now }) =>
  (store) =>
    store.takeBlocks({
      upload: uploadId(each),
      from,
      blocks: refsOf(of),
      expiresAt: now + 500,
      stagedUntil: now + 700
    })

/** A block that is stored as a user does it. */
export const wholeBlock: fc.Arbitrary<Step[]> = fc
  .tuple(user, chunkName, fc.constantFrom(300, 2000))
  .map(([who, of, ms]) => [reserve(who, of, 100), received(of), stage(who, of, 0, ms)])

/** A file that is made of what a user may have. */
export const wholeFromBlocks: fc.Arbitrary<Step[]> = fc
  .tuple(upload, user, fc.constantFrom('x', 'r', 'q/w'), names)
  .map(([each, who, path, of]) => [
    ({ now }) =>
      (store) =>
        store.openUpload({
          id: uploadId(each),
          name: each,
          mediaType: 'a/b',
          metadata: {},
          openedAt: now,
          expiresAt: now + 500,
          space: {
            key: spaceOf(who),
            bytes: of.length * CHUNK_BYTES,
            bytesMax: 8 * CHUNK_BYTES,
            fromBlocks: true
          }
        }),
    take(each, 0, of),
    (world) => async (store) => {
      const request = { upload: uploadId(each), index: -1, chunk: chunk('z'), sizeBytes: CHUNK_BYTES }
      const { generation } = await store.reserveChunk({ ...request, expiresAt: 0 })
      remember(world, 'z', generation)
      await store.recordReceipts(PEERS.map((n) => receipt(n, chunk('z'), generation, 3)))
    },
    ({ now }) =>
      (store) =>
        store.commitUpload({
          upload: uploadId(each),
          file: fileId(each),
          sizeBytes: of.length * CHUNK_BYTES,
          sha256: hash(each),
          chunkCount: of.length,
          uploadedAt: now,
          entry: { id: entryId(each), user: owner(who), path, graceMs: 300 },
          fromBlocks: { bytesMax: 8 * CHUNK_BYTES },
          ...rule
        })
  ])

export const blockStep: fc.Arbitrary<Step> = fc.oneof(
  operation('reserve block', fc.tuple(user, chunkName, fc.constantFrom(100, 900)), ([who, of, ms]) =>
    reserve(who, of, ms)
  ),
  operation('stage', fc.tuple(user, chunkName, fc.constantFrom(0, 0, 1)), ([who, of, back]) =>
    stage(who, of, back, 700)
  ),
  operation('take', fc.tuple(upload, fc.constantFrom(0, 1), names), ([each, from, of]) =>
    take(each, from, of)
  ),
  operation(
    'owned',
    fc.tuple(user, names),
    ([who, of]): Step =>
      ({ now }) =>
      (store) =>
        store.ownedBlocks({ space: spaceOf(who), chunks: of.map(chunk), expiresAt: now + 700 })
  ),
  operation(
    'release',
    fc.tuple(upload, fc.constantFrom(0, 1), limit),
    ([each, from, most]): Step =>
      () =>
      (store) =>
        store.releaseBlocks({ file: fileId(each), from, limit: most })
  ),
  operation(
    'settle blocks',
    limit,
    (most): Step =>
      ({ now }) =>
      (store) =>
        store.settleBlocks(now, most)
  )
)

/** What can be seen of blocks, without keeping them longer. */
export const observeBlocks = async (store: MetadataStore): Promise<unknown> => [
  await Promise.all(
    ['ann', 'bob'].map((who) =>
      store.ownedBlocks({ space: spaceOf(who), chunks: CHUNKS.map(chunk), expiresAt: 0 })
    )
  ),
  await Promise.all(UPLOADS.map((each) => store.findCommitted(fileId(each)))),
  await Promise.all(UPLOADS.map((each) => store.listUploadChunks(uploadId(each), 0, 5))),
  await Promise.all(CHUNKS.map((each) => store.findChunk(chunk(each))))
]
