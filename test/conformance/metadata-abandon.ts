import type { Test } from 'tap'
import { ABANDONED_PIECES_MAX } from '../../src/metadata/limits.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  EXPIRY,
  START,
  chunk,
  collectAll,
  openUpload,
  rejectsWith,
  reserve,
  settleAll
} from './metadata-fixture.ts'

/** A few more than are dropped at once. */
const PIECES = ABANDONED_PIECES_MAX + 20

export async function testAbandon(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a large upload is abandoned at once, and its pieces go in steps of settling', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'large')
    for (let from = 0; from < PIECES; from += 100) {
      const indexes = Array.from({ length: Math.min(100, PIECES - from) }, (_, i) => from + i)
      await Promise.all(indexes.map((i) => reserve(store, upload, i, chunk(`chunk ${i % 700}`))))
    }
    t.equal(await store.abandonUpload(upload), true)
    t.equal((await store.stats(3)).uploadsOpen, 0)
    await rejectsWith(t, reserve(store, upload, 0, chunk('chunk 0')), 'upload-closed')
    t.equal(await store.abandonUpload(upload), true, 'again')
    t.strictSame(await store.listLacking(upload, { copiesMin: 1, hostsMin: 1, boots: [] }, 10), [])
    t.equal(await store.condemnChunks(2000), 700 - 20, 'those of the last pieces are referenced still')
    t.equal(await store.purgeTombstones(EXPIRY * 2, 10), 0, 'what leads to pieces is not forgotten')
    t.equal(await store.settleLinks(START, 15), 15)
    t.equal(await store.settleLinks(START, 15), 5)
    t.equal(await store.settleLinks(START, 15), 0)
    t.equal(await store.condemnChunks(2000), 20)
    await settleAll(store, START)
    await collectAll(store)
    t.equal((await store.stats(3)).chunks, 0)
    t.equal(await store.purgeTombstones(EXPIRY * 2, 10), 1)
  })
}
