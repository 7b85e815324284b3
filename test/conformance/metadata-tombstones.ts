import type { Test } from 'tap'
import type { MakeStore } from './metadata-fixture.ts'
import {
  EXPIRY,
  START,
  addFile,
  claim,
  openUpload,
  prepareFile,
  rejectsWith,
  release,
  report,
  revoke,
  settleAll,
  tokenOf,
  uploadId
} from './metadata-fixture.ts'

export async function testTombstones(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a used link says so until its tombstone goes, well after its expiry', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    await claim(store, 'a', 'me')
    await report(store, 'a', 'me', { ranges: [{ start: 0, end: file.sizeBytes }], bytesSent: 20 })
    await settleAll(store, START + 1000)
    while ((await store.purgeTombstones(EXPIRY, 10)) > 0);
    t.strictSame(await claim(store, 'a', 'other', EXPIRY), { outcome: 'used' }, 'it has not expired yet')
    t.ok((await store.purgeTombstones(EXPIRY + 1, 10)) > 0)
    t.strictSame(await claim(store, 'a', 'other', EXPIRY), { outcome: 'unknown' })
    t.strictSame(await claim(store, 'a', 'me', EXPIRY), { outcome: 'unknown' })
    t.equal(await store.findLink(tokenOf('a')), undefined)
    t.equal(await store.getFile(file.id), undefined, 'the file goes with its last link')
    t.equal(await store.purgeTombstones(EXPIRY * 2, 10), 0)
  })

  await t.test('what is still alive is not purged', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    await openUpload(store, 'open')
    await store.purgeTombstones(EXPIRY * 2, 10)
    t.strictSame(await store.getFile(file.id), file)
    t.match(await claim(store, 'a', 'me'), { outcome: 'claimed' })
    t.equal((await store.stats(3)).uploadsOpen, 1)
  })

  await t.test('a link whose file still drops references waits for that', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await revoke(store, 'a')
    await store.purgeTombstones(EXPIRY * 2, 10)
    t.equal((await store.findLink(tokenOf('a')))?.link.state, 'revoked')
    await settleAll(store, START)
    await store.purgeTombstones(EXPIRY * 2, 10)
    t.equal(await store.findLink(tokenOf('a')), undefined)
    t.ok((await store.condemnChunks(10)) > 0, 'its chunks were not forgotten')
  })

  await t.test('a released claim stays dead as long as its link is known', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    await release(store, 'a', 'me')
    await store.purgeTombstones(EXPIRY * 2, 10)
    t.strictSame(await claim(store, 'a', 'me'), { outcome: 'released' })
  })

  await t.test('an upload that ended is forgotten by the store’s time', async (t) => {
    const store = await makeStore(t)
    await store.advanceTime(START + 50)
    await prepareFile(store, 'a')
    await store.abandonUpload(uploadId('a'))
    await store.abandonUpload(uploadId('never'))
    t.equal(await store.purgeTombstones(START + 50, 10), 0)
    await rejectsWith(t, openUpload(store, 'a'), 'upload-closed')
    t.equal(await store.purgeTombstones(START + 51, 1), 1)
    t.equal(await store.purgeTombstones(START + 51, 10), 1)
    await openUpload(store, 'a')
    t.equal((await store.stats(3)).uploadsOpen, 1)
  })

  await t.test('a link with many claims goes in steps of at most the limit', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 10 })
    for (let i = 0; i < 7; i++) await claim(store, 'a', `secret ${i}`)
    await revoke(store, 'a')
    await settleAll(store, EXPIRY)
    let removed = 0
    for (let step = 1; step > 0; removed += step) {
      step = await store.purgeTombstones(EXPIRY * 2, 3)
      t.ok(step <= 3)
    }
    t.equal(removed, 9, 'seven claims, the link and its upload')
    t.equal(await store.findLink(tokenOf('a')), undefined)
  })
}
