import type { Test } from 'tap'
import { ABANDONED_PIECES_MAX } from '../../src/metadata/limits.ts'
import { MANIFEST_INDEX } from '../../src/metadata-store.ts'
import type { MetadataStore, ResumedUpload } from '../../src/metadata-store.ts'
import type { Generation, UploadId } from '../../src/types.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  EXPIRY,
  START,
  chunk,
  collectAll,
  fileId,
  hash,
  openUpload,
  peer,
  receipt,
  rejectsWith,
  settleAll,
  tokenOf,
  uploadId,
  writerOf
} from './metadata-fixture.ts'

const RULE = { copiesMin: 2, hostsMin: 2, boots: BOOTS }
/** All nodes have started again since. */
const LATER = { ...RULE, boots: BOOTS.map((each) => ({ ...each, boot: 2 })) }

async function openResumable(store: MetadataStore, name: string): Promise<UploadId> {
  const id = uploadId(name)
  const times = { openedAt: START, expiresAt: EXPIRY }
  await store.openUpload({
    id,
    name,
    mediaType: 'text/plain',
    metadata: {},
    plan: `plan of ${name}`,
    ...times
  })
  return id
}

const takeOver = (
  store: MetadataStore,
  upload: UploadId,
  who: string,
  fields: { held?: boolean; rule?: typeof RULE } = {}
): Promise<ResumedUpload> =>
  store.resumeUpload({ upload, writer: writerOf(who), held: false, rule: RULE, ...fields })

const reserveAs = async (
  store: MetadataStore,
  upload: UploadId,
  who: string | undefined,
  index: number
): Promise<Generation> => {
  const { generation } = await store.reserveChunk({
    upload,
    index,
    chunk: chunk(`${upload} ${index}`),
    sizeBytes: CHUNK_BYTES,
    expiresAt: 0,
    writer: who === undefined ? undefined : writerOf(who)
  })
  return generation
}

/** Reserved and received by so many nodes. */
async function write(
  store: MetadataStore,
  upload: UploadId,
  who: string,
  index: number,
  copies = 2
): Promise<void> {
  const g = await reserveAs(store, upload, who, index)
  const id = chunk(`${upload} ${index}`)
  if (copies > 0) await store.recordReceipts(Array.from({ length: copies }, (_, n) => receipt(n + 1, id, g)))
}

const checkIn = (store: MetadataStore, upload: UploadId, who: string, chunkCount: number, rule = RULE) =>
  store.checkpointUpload({
    upload,
    writer: writerOf(who),
    chunkCount,
    checkpoint: `up to ${chunkCount}`,
    expiresAt: EXPIRY + 5,
    rule
  })

const offsetOf = async (store: MetadataStore, upload: UploadId, rule = RULE): Promise<unknown> => {
  const found = await store.findUpload(upload, rule)
  return found?.state === 'open' ? [found.chunkCount, found.sizeBytes] : found?.state
}

const commitAs = (store: MetadataStore, name: string, who: string | undefined, chunkCount: number) =>
  store.commitUpload({
    upload: uploadId(name),
    file: fileId(name),
    sizeBytes: chunkCount * CHUNK_BYTES,
    sha256: hash(name),
    chunkCount,
    uploadedAt: START,
    writer: who === undefined ? undefined : writerOf(who),
    link: { tokenHash: tokenOf(name), deleteHash: hash(`delete ${name}`), downloads: 1, expiresAt: EXPIRY },
    ...RULE
  })

export async function testResume(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('the offset is what is durable, without a gap, and no more', async (t) => {
    const store = await makeStore(t)
    const upload = await openResumable(store, 'a')
    t.match(await store.findUpload(upload, RULE), {
      state: 'open',
      name: 'a',
      mediaType: 'text/plain',
      plan: 'plan of a',
      expiresAt: EXPIRY,
      chunkCount: 0,
      sizeBytes: 0,
      hasMore: false
    })
    await takeOver(store, upload, 'one')
    await write(store, upload, 'one', 0, 0)
    t.strictSame(await offsetOf(store, upload), [0, 0], 'reserved is not durable')
    await write(store, upload, 'one', 0, 1)
    t.strictSame(await offsetOf(store, upload), [0, 0], 'nor is one copy')
    await write(store, upload, 'one', 1)
    await write(store, upload, 'one', 3)
    t.strictSame(await offsetOf(store, upload), [0, 0], 'a gap ends it')
    await write(store, upload, 'one', 0)
    t.strictSame(await offsetOf(store, upload), [2, 2 * CHUNK_BYTES])
    t.match(await store.findUpload(upload, RULE), { hasMore: true })
    t.strictSame(await offsetOf(store, upload, LATER), [0, 0], 'copies of an earlier boot do not count')
    t.strictSame(
      (await store.listUploadChunks(upload, 1, 10)).map(({ index, copies }) => [index, copies.length]),
      [
        [1, 2],
        [3, 2]
      ]
    )
    t.equal((await store.listUploadChunks(upload, 0, 1)).length, 1)
    t.strictSame(
      (await store.listLacking(upload, LATER, 10, 3)).map((lacking) => lacking.chunk),
      [chunk(`${upload} 3`)]
    )
  })

  await t.test('the newest writer goes on, and no other', async (t) => {
    const store = await makeStore(t)
    const upload = await openResumable(store, 'a')
    await rejectsWith(t, reserveAs(store, upload, undefined, 0), 'upload-conflict', 'nobody has begun')
    await rejectsWith(t, reserveAs(store, upload, 'one', 0), 'upload-conflict')
    await takeOver(store, upload, 'one')
    await write(store, upload, 'one', 0)
    await write(store, upload, 'one', 1, 1)
    await write(store, upload, 'one', MANIFEST_INDEX)
    t.match(await takeOver(store, upload, 'two'), { isLast: true, chunkCount: 1, sizeBytes: CHUNK_BYTES })
    await rejectsWith(t, reserveAs(store, upload, 'one', 1), 'upload-conflict')
    await rejectsWith(t, reserveAs(store, upload, 'one', 2), 'upload-conflict')
    await rejectsWith(t, reserveAs(store, upload, undefined, 2), 'upload-conflict')
    await rejectsWith(t, checkIn(store, upload, 'one', 1), 'upload-conflict')
    await rejectsWith(t, commitAs(store, 'a', 'one', 1), 'upload-conflict')
    t.equal((await store.stats(3)).chunks, 3)
    t.equal(await store.condemnChunks(10), 2, 'what was behind the offset, and the manifest, is let go')
    await write(store, upload, 'two', 1, 0)
    t.match(await takeOver(store, upload, 'two'), { chunkCount: 1 }, 'a repeat')
    t.equal((await store.listUploadChunks(upload, 0, 10)).length, 2, 'takes nothing from the writer itself')
    await write(store, upload, 'two', 1)
    await write(store, upload, 'two', MANIFEST_INDEX)
    await rejectsWith(t, commitAs(store, 'a', undefined, 2), 'upload-conflict')
    t.match(await commitAs(store, 'a', 'two', 2), { sizeBytes: 2 * CHUNK_BYTES })
    t.match(await commitAs(store, 'a', 'one', 2), { sizeBytes: 2 * CHUNK_BYTES }, 'it is the same file')
    t.equal(await offsetOf(store, upload), 'committed')
    t.strictSame(await store.listUploadChunks(upload, 0, 10), [])
    await rejectsWith(t, takeOver(store, upload, 'three'), 'upload-closed')
    await rejectsWith(t, checkIn(store, upload, 'two', 1), 'upload-closed')
  })

  await t.test('what was kept once stays kept', async (t) => {
    const store = await makeStore(t)
    const upload = await openResumable(store, 'a')
    await takeOver(store, upload, 'one')
    for (const index of [0, 1, 2]) await write(store, upload, 'one', index)
    t.match(await checkIn(store, upload, 'one', 2), { chunkCount: 3, expiresAt: EXPIRY + 5 })
    await write(store, upload, 'one', 3)
    const [lost] = await store.listUploadChunks(upload, 1, 1)
    if (lost === undefined) throw new Error('there is no such chunk')
    for (const n of [1, 2])
      await store.dropCopy({ peer: peer(n), chunk: lost.id, generation: lost.generation })
    t.strictSame(await offsetOf(store, upload, LATER), [3, 3 * CHUNK_BYTES], 'a sender need not keep it')
    t.match(await takeOver(store, upload, 'two', { rule: LATER }), {
      chunkCount: 3,
      checkpoint: 'up to 2',
      expiresAt: EXPIRY + 5
    })
    await write(store, upload, 'two', MANIFEST_INDEX)
    await rejectsWith(t, commitAs(store, 'a', 'two', 3), 'copies-missing', 'the end asks for all copies')
  })

  await t.test('a checkpoint counts only as far as what is kept', async (t) => {
    const store = await makeStore(t)
    const upload = await openResumable(store, 'a')
    await takeOver(store, upload, 'one')
    await write(store, upload, 'one', 0)
    t.match(await checkIn(store, upload, 'one', 1), { chunkCount: 1 })
    await write(store, upload, 'one', 1)
    t.match(await checkIn(store, upload, 'one', 2, LATER), { chunkCount: 1 }, 'its nodes started again')
    t.match(await takeOver(store, upload, 'two'), { chunkCount: 2, checkpoint: 'up to 1' })
  })

  await t.test('what a writer holds back counts once he checks in', async (t) => {
    const store = await makeStore(t)
    const upload = await openResumable(store, 'a')
    await takeOver(store, upload, 'one')
    await write(store, upload, 'one', 0)
    await takeOver(store, upload, 'two', { held: true })
    await write(store, upload, 'two', 1)
    t.strictSame(await offsetOf(store, upload), [1, CHUNK_BYTES])
    t.match(await takeOver(store, upload, 'three', { held: true }), { chunkCount: 1 })
    t.equal((await store.listUploadChunks(upload, 0, 10)).length, 1, 'and goes when he does not')
    await write(store, upload, 'three', 1)
    t.match(await checkIn(store, upload, 'three', 2), { chunkCount: 2 })
    await write(store, upload, 'three', 2)
    t.strictSame(await offsetOf(store, upload), [3, 3 * CHUNK_BYTES])
  })

  await t.test('much that does not count goes in steps, in which nobody writes', async (t) => {
    const store = await makeStore(t)
    const upload = await openResumable(store, 'a')
    await takeOver(store, upload, 'one', { held: true })
    await write(store, upload, 'one', 0)
    const count = ABANDONED_PIECES_MAX + 20
    for (let from = 1; from < count; from += 100) {
      const indexes = Array.from({ length: Math.min(100, count - from) }, (_, i) => from + i)
      await Promise.all(indexes.map((i) => reserveAs(store, upload, 'one', i)))
    }
    t.match(await takeOver(store, upload, 'two'), { isLast: false, chunkCount: 0 })
    t.equal((await store.listUploadChunks(upload, 0, 100)).length, 20)
    await rejectsWith(t, reserveAs(store, upload, 'one', 20), 'upload-conflict')
    await rejectsWith(t, reserveAs(store, upload, 'two', 20), 'upload-conflict')
    t.strictSame(await offsetOf(store, upload), [0, 0], 'what was held back does not come to count')
    t.match(await takeOver(store, upload, 'two'), { isLast: true, chunkCount: 0 })
    t.strictSame(await store.listUploadChunks(upload, 0, 100), [])
    await reserveAs(store, upload, 'two', 0)
  })

  await t.test('only what was opened to go on later can', async (t) => {
    const store = await makeStore(t)
    const plain = await openUpload(store, 'plain')
    for (const id of [plain, uploadId('never')]) {
      t.equal(await store.findUpload(id, RULE), undefined)
      await rejectsWith(t, takeOver(store, id, 'one'), 'upload-unknown')
      await rejectsWith(t, checkIn(store, id, 'one', 0), 'upload-unknown')
      t.strictSame(await store.listUploadChunks(id, 0, 10), [])
    }
    await rejectsWith(t, reserveAs(store, plain, 'one', 0), 'upload-conflict')
    const upload = await openResumable(store, 'a')
    await takeOver(store, upload, 'one')
    await write(store, upload, 'one', 0)
    t.strictSame(await store.listStaleUploads(EXPIRY, 10), [plain, upload].toSorted())
    t.equal(await store.abandonUpload(upload), true)
    t.equal(await offsetOf(store, upload), 'abandoned')
    await rejectsWith(t, takeOver(store, upload, 'two'), 'upload-closed')
    await settleAll(store, START)
    await collectAll(store)
    t.equal((await store.stats(3)).chunks, 0)
  })
}
