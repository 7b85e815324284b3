import type { Test } from 'tap'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  START,
  addFile,
  chunk,
  fileId,
  peer,
  prepareFile,
  receipt,
  reserve,
  revoke,
  settleAll,
  uploadId
} from './metadata-fixture.ts'

export async function testFiles(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('chunks come in pages, in order, with their copies and without the manifest', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a', { chunks: ['x', 'y', 'x', 'z', 'w'] })
    const first = await store.listFileChunks(file.id, 0, 3)
    const rest = await store.listFileChunks(file.id, 3, 3)
    t.strictSame(
      [...first, ...rest].map(({ index, id, sizeBytes }) => [index, id, sizeBytes]),
      ['x', 'y', 'x', 'z', 'w'].map((name, index) => [index, chunk(name), CHUNK_BYTES])
    )
    for (const { generation, copies } of first)
      t.strictSame(
        copies,
        [1, 2].map((n) => ({ peer: peer(n), host: `host-${n}`, generation, boot: 1 }))
      )
    t.equal(first[0]?.generation, first[2]?.generation)
    t.strictSame(await store.listFileChunks(file.id, 5, 3), [], 'past the end')
    t.strictSame(await store.listFileChunks(fileId('never'), 0, 3), [])
    t.equal(await store.getFile(fileId('never')), undefined)
  })

  await t.test('answers belong to the caller', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    file.metadata['name'] = 'changed'
    t.strictSame((await store.getFile(file.id))?.metadata, { name: 'a' })
  })

  await t.test('names and metadata come back as they were', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'unused')
    const nasty = '../a\u0000b\r\n"\'`; drop table files; --\u202e\u{1f4a3}é'
    const upload = uploadId('nasty')
    const metadata = { [nasty]: nasty, '': '', constructor: 'x' }
    await store.openUpload({ id: upload, name: nasty, mediaType: nasty, metadata, openedAt: 1, expiresAt: 2 })
    for (const index of [-1, 0, 1]) {
      const g = await reserve(store, upload, index, chunk('same'))
      await store.recordReceipts([1, 2].map((n) => receipt(n, chunk('same'), g)))
    }
    const file = await store.commitUpload({ ...commit, upload })
    t.strictSame([file.name, file.mediaType, file.metadata], [nasty, nasty, metadata])
    t.strictSame(await store.getFile(file.id), file)
  })

  await t.test('a deleted file keeps its record, and shows no chunks', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    await revoke(store, 'a')
    await settleAll(store, START)
    t.strictSame(await store.getFile(file.id), { ...file, state: 'deleted' })
    t.strictSame(await store.listFileChunks(file.id, 0, 10), [])
  })
}
