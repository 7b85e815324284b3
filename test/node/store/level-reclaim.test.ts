/** Space really comes back after deletes: what the files of the folder take is measured. */

import t from 'tap'
import type { PeerbinError } from '../../../src/errors.ts'
import { clustersOf } from '../../../src/node/store/slice-table.ts'
import { G1, someChunk } from '../../conformance/chunk-store-kit.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { until } from '../../kit/until.ts'
import { bytesOnDisk, fill, replaceMethod, storeIn } from './level-folder.ts'
import { testFolder } from '../../kit/test-folder.ts'

const MIB = 1024 * 1024

t.test('the bytes of deleted chunks are gone from the disk, those of others are not', async (t) => {
  const folder = testFolder(t)
  const store = await storeIn(t, folder)
  const chunks = await fill(store, 80)
  t.ok((await bytesOnDisk(folder)) >= 80 * MIB)
  for (const { id } of chunks.slice(0, 60)) t.equal(await store.delete(id, G1), true)
  await store.reclaim()
  const left = await bytesOnDisk(folder)
  t.ok(left >= 20 * MIB && left < 21 * MIB, `${left} bytes are left of 20 MiB`)
  for (const { id, bytes } of chunks.slice(60)) t.ok(Buffer.from(bytes).equals(await store.get(id)))
  for (const { id } of chunks.slice(60)) await store.delete(id, G1)
  await store.reclaim()
  t.ok((await bytesOnDisk(folder)) < MIB, 'nothing is left')
})

t.test('a chunk that is deleted right after it came is gone from the disk too', async (t) => {
  const folder = testFolder(t)
  const store = await storeIn(t, folder)
  const [kept] = await fill(store, 1)
  const { id, bytes } = someChunk(4 * MIB)
  await store.put(id, bytes, G1)
  await store.delete(id, G1)
  await store.reclaim()
  t.ok((await bytesOnDisk(folder)) < 2 * MIB)
  if (kept !== undefined) t.ok(Buffer.from(kept.bytes).equals(await store.get(kept.id)))
})

t.test('every other chunk of many can be removed, while more come', async (t) => {
  const folder = testFolder(t)
  const store = await storeIn(t, folder)
  const chunks = await fill(store, 60)
  for (const { id } of chunks.filter((_, i) => i % 2 === 0)) await store.delete(id, G1)
  const [, more] = await Promise.all([store.reclaim(), fill(store, 20)])
  // while LevelDB writes what is in memory to a table, the log of it is on the disk too
  await until('little more than 50 MiB is left', async () => {
    await store.reclaim()
    return (await bytesOnDisk(folder)) < 52 * MIB
  })
  for (const { id, bytes } of [...chunks.filter((_, i) => i % 2 === 1), ...more]) {
    t.ok(Buffer.from(bytes).equals(await store.get(id)))
  }
})

t.test('space comes back by itself a little later, also after a restart', async (t) => {
  const folder = testFolder(t)
  const clock = new ManualClock()
  const store = await storeIn(t, folder, { clock })
  const chunks = await fill(store, 20)
  for (const { id } of chunks.slice(0, 10)) await store.delete(id, G1)
  t.ok((await bytesOnDisk(folder)) >= 20 * MIB, 'not at once: deletes are gathered')
  await clock.advance(2000)
  await until('half of it is gone', async () => (await bytesOnDisk(folder)) < 11 * MIB)
  for (const { id } of chunks.slice(10)) await store.delete(id, G1)
  await store.close()
  t.equal(clock.timers, 0, 'no timer is left behind')
  await store.open()
  await clock.advance(2000)
  await until('all of it is gone', async () => (await bytesOnDisk(folder)) < MIB)
})

t.test('reads at the same time keep no space from coming back', async (t) => {
  const folder = testFolder(t)
  const store = await storeIn(t, folder)
  const chunks = await fill(store, 48)
  const [kept, gone] = [chunks.filter((_, i) => i % 4 === 0), chunks.filter((_, i) => i % 4 !== 0)]
  let reading = true
  let next = 0
  const read = async (): Promise<void> => {
    while (reading) await store.get((kept[next++ % kept.length] ?? someChunk()).id)
  }
  const readers = Array.from({ length: 6 }, read)
  for (const { id } of gone) await store.delete(id, G1)
  await store.reclaim()
  reading = false
  await Promise.all(readers)
  // no more is asked of the store: what is there now would stay
  await until('12 MiB are left', async () => (await bytesOnDisk(folder)) < 12.5 * MIB, 5000)
  for (const { id, bytes } of kept) t.ok(Buffer.from(bytes).equals(await store.get(id)))
})

t.test('space that cannot be given back is told, tried again, and not forgotten', async (t) => {
  const folder = testFolder(t)
  const clock = new ManualClock()
  const failures: PeerbinError[] = []
  const store = await storeIn(t, folder, { clock, onFailure: (failure) => failures.push(failure) })
  const chunks = await fill(store, 10)
  let calls = 0
  let outcome: () => boolean = () => {
    throw new Error('EIO: i/o error')
  }
  const { restore } = replaceMethod(t, 'remove', () => async () => {
    calls++
    return outcome()
  })
  for (const { id } of chunks) await store.delete(id, G1)
  await clock.advance(2000)
  await until('the failure is told', () => failures.length === 1)
  t.match(failures[0], { code: 'store-failed', message: 'EIO' })
  outcome = () => false // as when LevelDB moved tables meanwhile
  calls = 0
  await until('that is told too', async () => {
    await clock.advance(1000)
    return failures.length > 1
  })
  t.ok(calls >= 3, 'what is still there is removed again at once, some times')
  await t.rejects(store.reclaim(), { code: 'store-failed' })
  restore()
  await until('all of it is gone', async () => {
    await clock.advance(1000)
    return (await bytesOnDisk(folder)) < MIB
  })
})

t.test('a compaction spans less when little space is free', async (t) => {
  const ranges = Array.from({ length: 200 }, (_, index) => ({ first: 2 * index + 1, last: 2 * index + 1 }))
  const spans = (freeBytes?: number): number[] =>
    clustersOf(ranges, freeBytes).map((cluster) => (cluster.at(-1)?.last ?? 0) - (cluster[0]?.first ?? 0) + 1)
  t.ok(Math.max(...spans()) > 200)
  t.ok(Math.max(...spans(512 * MIB)) <= 64)
  t.ok(Math.max(...spans(0)) <= 16, 'but never less than a table')
  t.equal(clustersOf(ranges, 0).flat().length, 200)
})
