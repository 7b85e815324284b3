import type { Test } from 'tap'
import type { MetadataStore } from '../../src/metadata-store.ts'
import {
  STAGED_UNTIL,
  addBlock,
  addFromBlocks,
  openFromBlocks,
  ownedBlocks,
  prepareFromBlocks,
  reserveBlock,
  spaceOf,
  stage,
  take
} from './block-fixture.ts'
import { BLOCKS_PER_PAGE_MAX } from '../../src/protocol/limits.ts'
import { ANN, BOB, addEntry, entryId, prepareEntry, remove, settleEntries } from './entry-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  START,
  chunk,
  collectAll,
  fileId,
  receipt,
  rejectsWith,
  settleAll,
  uploadId
} from './metadata-fixture.ts'

const used = async (store: MetadataStore, user = ANN): Promise<number> => await store.usedSpace(spaceOf(user))
const settleBlocks = async (store: MetadataStore, now: number): Promise<void> => {
  while ((await store.settleBlocks(now, 2)) > 0);
}
const isKnown = async (store: MetadataStore, name: string): Promise<boolean> =>
  (await store.findChunk(chunk(name))) !== undefined

export async function testBlocks(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('possession', (t) => testPossession(t, makeStore))
  await t.test('files made of blocks', (t) => testTaking(t, makeStore))
  await t.test('space', (t) => testBlockSpace(t, makeStore))
  await t.test('their end', (t) => testEnds(t, makeStore))
}

async function testPossession(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a reservation is none, and a block without its copies is not staged', async (t) => {
    const store = await makeStore(t)
    const { generation, staged } = await reserveBlock(store, 'x')
    t.notOk(staged)
    t.same(await ownedBlocks(store, ['x']), [])
    await store.recordReceipts([receipt(1, chunk('x'), generation)])
    await rejectsWith(t, stage(store, 'x', generation), 'copies-missing', 'one copy')
    t.same(await ownedBlocks(store, ['x']), [])
    await openFromBlocks(store, 'a')
    t.same(await take(store, 'a', ['x']), { missing: [chunk('x')] })
    await store.recordReceipts([receipt(2, chunk('x'), generation, 7)])
    await rejectsWith(t, stage(store, 'x', generation), 'copies-missing', 'of another life of its node')
    await store.recordReceipts([receipt(3, chunk('x'), generation)])
    await stage(store, 'x', generation)
    await stage(store, 'x', generation)
    t.same(await ownedBlocks(store, ['y', 'x']), [chunk('x')])
    t.match(await reserveBlock(store, 'x'), { generation, staged: true })
    await rejectsWith(t, reserveBlock(store, 'x', { sizeBytes: 7 }), 'upload-conflict')
    await rejectsWith(t, stage(store, 'y', generation), 'upload-unknown')
  })

  await t.test('nobody has what is others’', async (t) => {
    const store = await makeStore(t)
    const generation = await addBlock(store, 'x')
    await addEntry(store, 'file', { content: 'y' })
    await store.openUpload({
      id: uploadId('link'),
      name: 'link',
      mediaType: 'a/b',
      metadata: {},
      openedAt: START,
      expiresAt: EXPIRY
    })
    t.same(await ownedBlocks(store, ['x', 'y'], BOB), [])
    await openFromBlocks(store, 'a', { user: BOB })
    t.same(await take(store, 'a', ['x', 'y', 'x']), { missing: [chunk('x'), chunk('y')] })
    t.match(await reserveBlock(store, 'x', { user: BOB }), { generation, staged: false })
    t.same(await ownedBlocks(store, ['x'], BOB), [], 'the digest alone, reserved')
    await rejectsWith(t, take(store, 'link', ['x']), 'upload-conflict', 'nobody’s upload takes none')
  })

  await t.test('content of one’s own, for as long as it counts', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareEntry(store, 'a', { content: 'x' })
    t.same(await ownedBlocks(store, ['x']), [], 'not before it is committed')
    await commit()
    t.same(await ownedBlocks(store, ['x', 'manifest of a']), [chunk('x')], 'and no manifest')
    await openFromBlocks(store, 'late')
    t.same(await take(store, 'late', ['x']), { missing: [] })
    await remove(store, 'a')
    t.same(await ownedBlocks(store, ['x']), [], 'deleted, though its bytes are there in their grace')
    await store.abandonUpload(uploadId('late'))
    await settleEntries(store, START + GRACE_MS)
    await settleAll(store, START + GRACE_MS)
    await collectAll(store)
    t.notOk(await isKnown(store, 'x'))
  })
}

async function testTaking(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a file has its blocks, which are staged no longer', async (t) => {
    const store = await makeStore(t)
    for (const name of ['x', 'y', 'z']) await addBlock(store, name)
    const commit = await prepareFromBlocks(store, 'a', ['x', 'y', 'x'])
    t.same(await take(store, 'a', ['x', 'y', 'x']), { missing: [] }, 'again')
    await rejectsWith(t, take(store, 'a', ['y', 'y', 'x']), 'upload-conflict')
    t.match(await commit(), { entry: entryId('a'), version: 1, sizeBytes: 3 * CHUNK_BYTES })
    t.match(await commit(), { entry: entryId('a'), version: 1 }, 'again')
    t.match(await store.listFileChunks(fileId('a'), 0, 9), [
      { id: chunk('x') },
      { id: chunk('y') },
      { id: chunk('x') }
    ])
    t.same(await ownedBlocks(store, ['x', 'y', 'z']), ['x', 'y', 'z'].map(chunk))
    t.equal(await used(store), 4 * CHUNK_BYTES, 'the file, and the block that is left')
    await remove(store, 'a')
    t.same(await ownedBlocks(store, ['x', 'y', 'z']), [chunk('z')])
    t.same(await store.findCommitted(fileId('a')), { entry: entryId('a'), version: 1, path: 'a' })
    t.equal(await store.findCommitted(fileId('b')), undefined)
  })

  await t.test('one that is refused leaves its blocks staged', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'there', { path: 'p' })
    await addBlock(store, 'x')
    const commit = await prepareFromBlocks(store, 'a', ['x'], { path: 'p', base: 0 })
    await rejectsWith(t, commit(), 'version-conflict')
    await store.abandonUpload(uploadId('a'))
    t.same(await ownedBlocks(store, ['x']), [chunk('x')])
    t.match(await addFromBlocks(store, 'b', ['x'], { path: 'p', base: 1 }), { version: 2 })
  })

  await t.test('a wrong size, and pages of many', async (t) => {
    const store = await makeStore(t)
    for (const name of ['x', 'y']) await addBlock(store, name)
    await openFromBlocks(store, 'a')
    const wrong = { chunk: chunk('x'), sizeBytes: CHUNK_BYTES + 1 }
    const times = { expiresAt: EXPIRY, stagedUntil: STAGED_UNTIL }
    await rejectsWith(
      t,
      store.takeBlocks({ upload: uploadId('a'), from: 0, blocks: [wrong], ...times }),
      'invalid-field'
    )
    t.same(await take(store, 'a', ['x'], 0), { missing: [] })
    t.same(await take(store, 'a', ['y'], 1), { missing: [] })
    t.match(await store.listUploadChunks(uploadId('a'), 0, 9), [{ id: chunk('x') }, { id: chunk('y') }])
    await rejectsWith(t, take(store, 'none', ['x']), 'upload-unknown')
  })

  await t.test('blocks of a large file are let go in steps', async (t) => {
    const store = await makeStore(t)
    for (const name of ['x', 'y']) await addBlock(store, name)
    await addEntry(store, 'a', { content: 'x' })
    t.equal(await store.releaseBlocks({ file: fileId('a'), from: 1, limit: 9 }), 0)
    t.equal(await store.releaseBlocks({ file: fileId('a'), from: 0, limit: 9 }), 1)
    t.equal(await store.releaseBlocks({ file: fileId('a'), from: 0, limit: 9 }), 0)
    t.equal(await used(store), 2 * CHUNK_BYTES)
    await remove(store, 'a')
    t.equal(await store.releaseBlocks({ file: fileId('a'), from: 0, limit: 9 }), 0)
  })

  await t.test('a copy whose node lives another life does not count at the commit', async (t) => {
    const store = await makeStore(t)
    await addBlock(store, 'x')
    const commit = await prepareFromBlocks(store, 'a', ['x'])
    const boots = BOOTS.map(({ peer }, i) => ({ peer, boot: i === 0 ? 2 : 1 }))
    const rule = { copiesMin: 2, hostsMin: 2, boots }
    t.match(await store.listLacking(uploadId('a'), rule, 9), [{}, {}])
    await commit()
  })
}

async function testBlockSpace(t: Test, makeStore: MakeStore): Promise<void> {
  const quotaBytes = 3 * CHUNK_BYTES
  await t.test('blocks take up space, and there are only so many', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { quotaBytes })
    await addBlock(store, 'x', { quotaBytes })
    await addBlock(store, 'x', { quotaBytes })
    await reserveBlock(store, 'y', { quotaBytes })
    t.equal(await used(store), quotaBytes)
    await rejectsWith(t, reserveBlock(store, 'z', { quotaBytes }), 'space-full')
    await rejectsWith(t, reserveBlock(store, 'z', { blocksMax: 2 }), 'blocks-full')
    t.notOk(await isKnown(store, 'z'), 'what is refused leaves nothing')
    t.match(await reserveBlock(store, 'y', { quotaBytes, blocksMax: 0 }), {}, 'one that is there')
    t.equal(await used(store, BOB), 0)
  })

  await t.test('a file takes the place of its blocks, and no more than there is', async (t) => {
    const store = await makeStore(t)
    for (const name of ['x', 'y', 'z']) await addBlock(store, name, { quotaBytes })
    t.match(await addFromBlocks(store, 'a', ['x', 'y', 'z'], { quotaBytes }), { version: 1 })
    t.equal(await used(store), quotaBytes)
    await rejectsWith(t, addFromBlocks(store, 'b', ['x'], { quotaBytes }), 'space-full')
    await rejectsWith(t, reserveBlock(store, 'w', { quotaBytes }), 'space-full')
    await remove(store, 'a')
    t.equal(await used(store), 0)
  })

  await t.test('of two files of the same blocks only one fits', async (t) => {
    const store = await makeStore(t)
    for (const name of ['x', 'y']) await addBlock(store, name, { quotaBytes })
    const first = await prepareFromBlocks(store, 'a', ['x', 'y'], { quotaBytes })
    const second = await prepareFromBlocks(store, 'b', ['x', 'y'], { quotaBytes })
    t.equal(await used(store), 2 * CHUNK_BYTES, 'what is under way takes no second place')
    await first()
    await rejectsWith(t, second(), 'space-full')
    t.equal(await used(store), 2 * CHUNK_BYTES)
  })

  await t.test('what waits counts beside a file that is not made of it', async (t) => {
    const store = await makeStore(t)
    for (const name of ['x', 'y', 'z']) await addBlock(store, name, { quotaBytes })
    const many = await prepareFromBlocks(store, 'a', ['x', 'x', 'x'], { quotaBytes })
    await rejectsWith(t, many(), 'space-full', 'y and z wait still')
    t.equal(await used(store), quotaBytes)
    t.same(await ownedBlocks(store, ['x', 'y', 'z']), ['x', 'y', 'z'].map(chunk), 'as if nothing had been')
    await store.abandonUpload(uploadId('a'))
    t.match(await addFromBlocks(store, 'b', ['x', 'y', 'z'], { quotaBytes }), { version: 1 })
    t.equal(await used(store), quotaBytes)
  })

  await t.test('two files at once, each of its own blocks, fill the space', async (t) => {
    const store = await makeStore(t)
    for (const name of ['x', 'y', 'z']) await addBlock(store, name, { quotaBytes })
    const first = await prepareFromBlocks(store, 'a', ['x', 'y'], { quotaBytes })
    const second = await prepareFromBlocks(store, 'b', ['z'], { quotaBytes })
    t.match(await first(), { version: 1 })
    t.match(await second(), { version: 1 })
    t.equal(await used(store), quotaBytes)
  })

  await t.test('blocks that are let go in later steps do not count against their file', async (t) => {
    const store = await makeStore(t)
    const blocks = ['x', ...Array.from({ length: BLOCKS_PER_PAGE_MAX }, () => 'y'), 'z']
    const limit = blocks.length * CHUNK_BYTES
    for (const name of ['x', 'y', 'z']) await addBlock(store, name, { quotaBytes: limit })
    await addBlock(store, 'w', { quotaBytes: limit })
    const commit = await prepareFromBlocks(store, 'a', blocks, { quotaBytes: limit })
    await rejectsWith(t, commit(), 'space-full', 'w waits')
    await settleBlocks(store, STAGED_UNTIL)
    t.same(await ownedBlocks(store, ['w']), [])
    for (const name of ['x', 'z']) await addBlock(store, name, { quotaBytes: limit })
    t.match(await commit(), { version: 1 })
    t.equal(await store.releaseBlocks({ file: fileId('a'), from: BLOCKS_PER_PAGE_MAX, limit: 9 }), 1)
    t.equal(await used(store), limit)
  })
}

async function testEnds(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a block is kept until its time is over, and then collected', async (t) => {
    const store = await makeStore(t)
    await addBlock(store, 'x')
    await reserveBlock(store, 'y')
    await collectAll(store)
    await settleBlocks(store, EXPIRY)
    await collectAll(store)
    t.ok(await isKnown(store, 'x'), 'staged')
    t.notOk(await isKnown(store, 'y'), 'a reservation is shorter')
    t.equal(await used(store), CHUNK_BYTES)
    await store.ownedBlocks({ space: spaceOf(), chunks: [chunk('x')], expiresAt: STAGED_UNTIL + 1 })
    await settleBlocks(store, STAGED_UNTIL)
    t.ok(await isKnown(store, 'x'), 'it was asked for')
    await settleBlocks(store, STAGED_UNTIL + 1)
    t.same(await ownedBlocks(store, ['x']), [])
    await collectAll(store)
    t.notOk(await isKnown(store, 'x'))
    t.equal(await used(store), 0)
  })

  await t.test('an upload that took it holds it beyond that', async (t) => {
    const store = await makeStore(t)
    const generation = await addBlock(store, 'x')
    const commit = await prepareFromBlocks(store, 'a', ['x'])
    await settleBlocks(store, STAGED_UNTIL)
    await collectAll(store)
    t.same(await ownedBlocks(store, ['x']), [])
    t.match(await commit(), { version: 1 })
    t.match(await store.findChunk(chunk('x')), { generation })
    await rejectsWith(t, stage(store, 'x', generation), 'upload-unknown', 'its reservation is over')
  })
}
