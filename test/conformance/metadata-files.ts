import type { Test } from 'tap'
import type { MakeStore } from './metadata-fixture.ts'
import { CHUNK_BYTES, addFile, chunk, fileId, peer, revoke, settleAll, START } from './metadata-fixture.ts'

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

  await t.test('a deleted file keeps its record, and shows no chunks', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    await revoke(store, 'a')
    await settleAll(store, START)
    t.strictSame(await store.getFile(file.id), { ...file, state: 'deleted' })
    t.strictSame(await store.listFileChunks(file.id, 0, 10), [])
  })
}
