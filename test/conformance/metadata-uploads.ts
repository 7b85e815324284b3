import type { Test } from 'tap'
import { MANIFEST_INDEX } from '../../src/metadata-store.ts'
import type { CommitUpload } from '../../src/metadata-store.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  START,
  addFile,
  chunk,
  fileId,
  hash,
  openUpload,
  peer,
  prepareFile,
  receipt,
  rejectsWith,
  reserve,
  uploadId
} from './metadata-fixture.ts'

export async function testUploads(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('opening, reserving and abandoning', (t) => testOpenUploads(t, makeStore))
  await t.test('committing', (t) => testCommit(t, makeStore))
}

async function testOpenUploads(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('an upload is opened once, however often it is asked for', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await openUpload(store, 'a')
    t.equal(await reserve(store, upload, 0, chunk('x')), g)
    t.equal((await store.stats(3)).uploadsOpen, 1)
  })

  await t.test('a chunk gets one generation, and the same again when asked again', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const request = { upload, index: 0, chunk: chunk('x'), sizeBytes: CHUNK_BYTES, expiresAt: EXPIRY }
    const first = await store.reserveChunk(request)
    t.strictSame(first.copies, [])
    t.strictSame(await store.reserveChunk(request), first)
    t.equal(await reserve(store, upload, 1, chunk('x')), first.generation, 'at another index too')
    t.ok((await reserve(store, upload, 2, chunk('y'))) > first.generation)
    t.equal((await store.stats(3)).chunks, 2)
  })

  await t.test('a reservation shows the copies that are recorded', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await store.recordReceipts([receipt(2, chunk('x'), g, 5), receipt(1, chunk('x'), g, 4)])
    const other = await openUpload(store, 'b')
    const reservation = await store.reserveChunk({
      upload: other,
      index: 0,
      chunk: chunk('x'),
      sizeBytes: CHUNK_BYTES,
      expiresAt: EXPIRY
    })
    t.strictSame(reservation, {
      generation: g,
      copies: [
        { peer: peer(1), host: 'host-1', generation: g, boot: 4 },
        { peer: peer(2), host: 'host-2', generation: g, boot: 5 }
      ]
    })
  })

  await t.test('an index keeps its chunk and size', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    await reserve(store, upload, 0, chunk('x'))
    await rejectsWith(t, reserve(store, upload, 0, chunk('y')), 'upload-conflict')
    await rejectsWith(t, reserve(store, upload, 0, chunk('x'), CHUNK_BYTES + 1), 'upload-conflict')
    await rejectsWith(t, reserve(store, upload, 1, chunk('x'), CHUNK_BYTES + 1), 'upload-conflict')
    t.equal((await store.stats(3)).chunks, 1, 'what was refused left nothing behind')
  })

  await t.test('only an open upload reserves', async (t) => {
    const store = await makeStore(t)
    await rejectsWith(t, reserve(store, uploadId('never'), 0, chunk('x')), 'upload-unknown')
    const upload = await openUpload(store, 'a')
    t.equal(await store.abandonUpload(upload), true)
    await rejectsWith(t, reserve(store, upload, 0, chunk('x')), 'upload-closed')
    await rejectsWith(t, openUpload(store, 'a'), 'upload-closed')
    t.equal(await store.abandonUpload(upload), true, 'again')
    t.equal((await store.stats(3)).chunks, 0)
  })

  await t.test('an upload that was never opened is closed for good', async (t) => {
    const store = await makeStore(t)
    t.equal(await store.abandonUpload(uploadId('a')), true)
    t.equal(await store.abandonUpload(uploadId('a')), true)
    await rejectsWith(t, openUpload(store, 'a'), 'upload-closed', 'a late open')
    t.strictSame(await store.listStaleUploads(EXPIRY * 2, 10), [])
  })

  await t.test('a committed upload cannot be abandoned', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    t.equal(await store.abandonUpload(uploadId('a')), false)
    t.equal(await store.abandonUpload(uploadId('a')), false)
    t.strictSame(await store.getFile(file.id), file)
    t.equal(await store.condemnChunks(100), 0)
  })

  await t.test('uploads are stale from their expiry on, in order', async (t) => {
    const store = await makeStore(t)
    const details = { mediaType: 'a/b', metadata: {}, openedAt: START }
    for (const [name, expiresAt] of Object.entries({ late: 30, early: 10, middle: 20 }))
      await store.openUpload({ id: uploadId(name), name, ...details, expiresAt })
    t.strictSame(await store.listStaleUploads(9, 10), [])
    t.strictSame(await store.listStaleUploads(20, 10), [uploadId('early'), uploadId('middle')])
    t.strictSame(await store.listStaleUploads(99, 1), [uploadId('early')])
    await store.abandonUpload(uploadId('early'))
    t.strictSame(await store.listStaleUploads(99, 10), [uploadId('middle'), uploadId('late')])
  })

  await t.test('an upload that goes on is not stale, and not given up as such', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a') // until EXPIRY
    const piece = (index: number, expiresAt: number) =>
      store.reserveChunk({ upload, index, chunk: chunk(`x ${index}`), sizeBytes: CHUNK_BYTES, expiresAt })
    await piece(0, EXPIRY + 100)
    t.strictSame(await store.listStaleUploads(EXPIRY + 99, 10), [])
    await piece(1, EXPIRY + 50)
    t.strictSame(await store.listStaleUploads(EXPIRY + 99, 10), [], 'its time only grows')
    t.strictSame(await store.listStaleUploads(EXPIRY + 100, 10), [upload])
    t.equal(await store.abandonUpload(upload, { staleAt: EXPIRY + 99 }), false)
    await piece(2, EXPIRY + 200)
    t.equal(await store.abandonUpload(upload, { staleAt: EXPIRY + 100 }), false, 'it went on in between')
    t.equal(await store.abandonUpload(upload, { staleAt: EXPIRY + 200 }), true)
    t.equal(await store.abandonUpload(upload, { staleAt: EXPIRY + 200 }), true, 'again')
    await rejectsWith(t, piece(3, EXPIRY * 2), 'upload-closed')
  })
}

async function testCommit(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('file and link become visible together, and only with the commit', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a')
    t.equal(await store.getFile(fileId('a')), undefined)
    t.equal(await store.findLink(commit.link.tokenHash), undefined)
    t.strictSame(await store.listFileChunks(fileId('a'), 0, 10), [])
    const file = await store.commitUpload(commit)
    t.strictSame(file, {
      id: fileId('a'),
      name: 'a',
      sizeBytes: 2 * CHUNK_BYTES,
      indexBytes: 0,
      encryption: null,
      mediaType: 'text/plain',
      sha256: hash('content of a'),
      uploadedAt: START,
      metadata: { name: 'a' },
      chunkCount: 2,
      manifest: chunk('manifest of a'),
      state: 'live'
    })
    t.strictSame(await store.getFile(file.id), file)
    t.strictSame(await store.findLink(commit.link.tokenHash), {
      link: {
        tokenHash: commit.link.tokenHash,
        fileId: file.id,
        state: 'live',
        downloads: 1,
        isProtected: false,
        needsProof: false,
        claimed: 0,
        createdAt: START,
        expiresAt: EXPIRY
      },
      file,
      password: null
    })
    const { files, fileBytes, linksLive, uploadsOpen } = await store.stats(3)
    t.strictSame([files, fileBytes, linksLive, uploadsOpen], [1, 2 * CHUNK_BYTES, 1, 0])
  })

  await t.test('the same commit again answers the same file', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a')
    const [first, second] = await Promise.all([store.commitUpload(commit), store.commitUpload(commit)])
    t.strictSame(second, first)
    t.equal((await store.stats(3)).files, 1)
    await rejectsWith(t, store.commitUpload({ ...commit, file: fileId('b') }), 'upload-closed')
    const link = { ...commit.link, tokenHash: hash('another') }
    await rejectsWith(t, store.commitUpload({ ...commit, link }), 'upload-closed')
    await rejectsWith(t, openUpload(store, 'a'), 'upload-closed')
    await rejectsWith(t, reserve(store, commit.upload, 5, chunk('x')), 'upload-closed')
  })

  const refused: Record<string, (commit: CommitUpload) => Partial<CommitUpload>> = {
    'a size that does not add up': ({ sizeBytes }) => ({ sizeBytes: sizeBytes + 1 }),
    'more chunks than were reserved': ({ chunkCount }) => ({ chunkCount: chunkCount + 1 }),
    'fewer chunks than were reserved': ({ chunkCount, sizeBytes }) => ({
      chunkCount: chunkCount - 1,
      sizeBytes: sizeBytes - CHUNK_BYTES
    })
  }
  for (const [what, change] of Object.entries(refused)) {
    await t.test(`${what} is refused, and the upload stays open`, async (t) => {
      const store = await makeStore(t)
      const commit = await prepareFile(store, 'a')
      await rejectsWith(t, store.commitUpload({ ...commit, ...change(commit) }), 'upload-conflict')
      t.equal(await store.getFile(commit.file), undefined)
      t.equal(await store.findLink(commit.link.tokenHash), undefined)
      t.ok(await store.commitUpload(commit), 'the right one goes through')
    })
  }

  await t.test('a missing index and a missing manifest are refused', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const commit = { ...(await prepareFile(store, 'b')), upload }
    for (const index of [0, 2, MANIFEST_INDEX]) {
      const g = await reserve(store, upload, index, chunk(`${index}`))
      await store.recordReceipts([1, 2].map((n) => receipt(n, chunk(`${index}`), g)))
    }
    await rejectsWith(t, store.commitUpload(commit), 'upload-conflict', 'index 1 is missing')
    const g = await reserve(store, upload, 1, chunk('1'))
    await store.recordReceipts([1, 2].map((n) => receipt(n, chunk('1'), g)))
    const whole = { ...commit, chunkCount: 3, sizeBytes: 3 * CHUNK_BYTES }
    t.ok(await store.commitUpload(whole))

    const without = await openUpload(store, 'c')
    for (const index of [0, 1]) await reserve(store, without, index, chunk(`${index}`))
    const other = { ...commit, upload: without, file: fileId('c') }
    await rejectsWith(t, store.commitUpload(other), 'upload-conflict', 'the manifest is missing')
  })

  await t.test('too few copies are refused, and as many as asked for are enough', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a', { peers: [1] })
    await rejectsWith(t, store.commitUpload(commit), 'copies-missing')
    const chunks = [chunk('manifest of a'), chunk('a 0'), chunk('a 1')]
    const generations = await Promise.all(chunks.map((id, i) => reserve(store, commit.upload, i - 1, id)))
    for (const [i, id] of chunks.entries()) {
      await rejectsWith(t, store.commitUpload(commit), 'copies-missing', `${i} of 3 have two copies`)
      const g = generations[i]
      if (g !== undefined) await store.recordReceipts([receipt(2, id, g)])
    }
    await rejectsWith(t, store.commitUpload({ ...commit, copiesMin: 3 }), 'copies-missing')
    t.ok(await store.commitUpload(commit))
  })

  await t.test('copies on one host only are refused where two are asked for', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a', { peers: [1] })
    for (const [index, id] of [chunk('manifest of a'), chunk('a 0'), chunk('a 1')].entries()) {
      const g = await reserve(store, commit.upload, index - 1, id)
      await store.recordReceipts([{ ...receipt(2, id, g), host: 'host-1' }])
    }
    await rejectsWith(t, store.commitUpload(commit), 'copies-missing')
    t.ok(await store.commitUpload({ ...commit, hostsMin: 1 }))
  })

  await t.test('two receipts of one node are one copy', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a', { peers: [1, 1] })
    await rejectsWith(t, store.commitUpload({ ...commit, hostsMin: 1 }), 'copies-missing')
  })

  await t.test('a token or file id that is taken is refused', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    const commit = await prepareFile(store, 'b')
    await rejectsWith(t, store.commitUpload({ ...commit, file: file.id }), 'upload-conflict')
    const link = { ...commit.link, tokenHash: hash('token a') }
    await rejectsWith(t, store.commitUpload({ ...commit, link }), 'upload-conflict')
    t.strictSame(await store.getFile(file.id), file)
    t.ok(await store.commitUpload(commit))
  })

  await t.test('nothing is committed for an upload that is not open', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a')
    await rejectsWith(t, store.commitUpload({ ...commit, upload: uploadId('never') }), 'upload-unknown')
    await store.abandonUpload(commit.upload)
    await rejectsWith(t, store.commitUpload(commit), 'upload-closed')
    t.equal(await store.getFile(commit.file), undefined)
  })
}
