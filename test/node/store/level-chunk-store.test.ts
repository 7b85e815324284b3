import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { Clock } from '../../../src/interfaces.ts'
import { ChunkIndex } from '../../../src/node/store/chunk-index.ts'
import { formatKey } from '../../../src/node/store/chunk-record.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { openDatabase } from '../../../src/node/store/leveldb.ts'
import { SliceTable } from '../../../src/node/store/slice-table.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { G1, G2, someBytes, someChunk } from '../../conformance/chunk-store-kit.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { until } from '../../kit/until.ts'

const MIB = 1024 * 1024
const SMALL = { writeBufferSize: MIB, maxFileSize: MIB, blockSize: 4096, cacheSize: MIB }

/** An open store; closed at the end of the test. */
async function storeIn(t: Test, folder: string, options: { clock?: Clock; capacityBytes?: number } = {}) {
  const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0, ...options })
  await store.open()
  t.teardown(() => store.close())
  return store
}

/** Bytes of all files that hold slices. */
async function bytesOnDisk(folder: string): Promise<number> {
  const slices = join(folder, 'slices')
  const sizes = await Promise.all(
    (await readdir(slices)).map((name) =>
      stat(join(slices, name)).then(
        ({ size }) => size,
        () => 0 // LevelDB removed it meanwhile
      )
    )
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Puts `count` chunks of 1 MiB. */
async function fill(store: LevelChunkStore, count: number) {
  const chunks = Array.from({ length: count }, () => someChunk(MIB))
  for (const { id, bytes } of chunks) await store.put(id, bytes, G1)
  return chunks
}

t.test('a folder in use is refused, and free again after closing', async (t) => {
  const folder = t.testdir()
  const first = await storeIn(t, folder)
  const second = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
  await t.rejects(second.open(), { code: 'data-in-use', message: folder })
  await first.close()
  await second.open()
  await second.close()
})

t.test('a folder of another format is refused, and left alone', async (t) => {
  const folder = t.testdir()
  const { id, bytes } = someChunk()
  const store = await storeIn(t, folder)
  await store.put(id, bytes, G1)
  await store.close()
  const setFormat = async (version: number): Promise<void> => {
    const database = await openDatabase(join(folder, 'chunks'), SMALL)
    await database.put(formatKey, Uint8Array.of(version))
    await database.close()
  }
  await setFormat(3)
  await t.rejects(store.open(), { code: 'data-incompatible' })
  await t.rejects(store.get(id), { code: 'shutting-down' })
  await setFormat(2)
  await store.open()
  t.ok(Buffer.from(bytes).equals(await store.get(id)))
})

t.test('a folder that cannot be made is an error that says so', async (t) => {
  const folder = join(t.testdir({ file: 'not a folder' }), 'file', 'store')
  const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
  await t.rejects(store.open(), { code: 'store-failed', message: 'ENOTDIR' })
})

t.test('usage comes from the disk, and never promises more than it has', async (t) => {
  const freeSpace = async (): Promise<number> => 5000
  const root = t.testdir()
  const open = async (name: string, capacityBytes: number) => {
    const folder = join(root, name)
    const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes, freeSpace })
    await store.open()
    t.teardown(() => store.close())
    return store
  }
  const { id, bytes } = someChunk(1000)
  const unlimited = await open('unlimited', 0)
  await unlimited.put(id, bytes, G1)
  t.same(await unlimited.usage(), {
    chunks: 1,
    usedBytes: 1000,
    quarantined: 0,
    capacityBytes: 6000,
    freeBytes: 5000
  })
  const large = await open('large', 1_000_000)
  t.same(await large.usage(), {
    chunks: 0,
    usedBytes: 0,
    quarantined: 0,
    capacityBytes: 1_000_000,
    freeBytes: 5000
  })
})

t.test('the bytes of deleted chunks are gone from the disk, those of others are not', async (t) => {
  const folder = t.testdir()
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
  const folder = t.testdir()
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
  const folder = t.testdir()
  const store = await storeIn(t, folder)
  const chunks = await fill(store, 60)
  for (const { id } of chunks.filter((_, i) => i % 2 === 0)) await store.delete(id, G1)
  const [, more] = await Promise.all([store.reclaim(), fill(store, 20)])
  // LevelDB compacts in its own time too: a table that it holds open just then goes with the next look
  await until('little more than 50 MiB is left', async () => {
    await store.reclaim()
    return (await bytesOnDisk(folder)) < 52 * MIB
  })
  for (const { id, bytes } of [...chunks.filter((_, i) => i % 2 === 1), ...more]) {
    t.ok(Buffer.from(bytes).equals(await store.get(id)))
  }
})

t.test('space comes back by itself a little later, also after a restart', async (t) => {
  const folder = t.testdir()
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

t.test(
  'slices of a put that a crash cut short are removed, and their number is not used again',
  async (t) => {
    const folder = t.testdir()
    const first = await storeIn(t, folder)
    const [kept] = await fill(first, 1)
    await first.close()
    const slices = await SliceTable.open(join(folder, 'slices'))
    await slices.append(2, someBytes(4 * MIB))
    await slices.append(3, someBytes(4 * MIB))
    await slices.close()
    const second = await storeIn(t, folder)
    const small = someChunk(10)
    await second.put(small.id, small.bytes, G1)
    await second.reclaim()
    t.ok((await bytesOnDisk(folder)) < 2 * MIB)
    t.match(await second.usage(), { chunks: 2, usedBytes: MIB + 10 })
    for (const chunk of [kept, small]) {
      if (chunk !== undefined) t.ok(Buffer.from(chunk.bytes).equals(await second.get(chunk.id)))
    }
  }
)

t.test('a stored copy that is rotten is replaced by the next put, and never served', async (t) => {
  const folder = t.testdir()
  const clock = new ManualClock()
  const store = await storeIn(t, folder, { clock })
  const { id, bytes } = someChunk(MIB)
  await store.put(id, bytes, G2)
  await store.close()
  const slices = await SliceTable.open(join(folder, 'slices'))
  const rotten = bytes.slice()
  rotten[MIB - 1] = (rotten[MIB - 1] ?? 0) ^ 1
  await slices.append(1, rotten)
  await slices.close()
  clock.jump(1000)
  await store.open()
  await t.rejects(store.get(id), { code: 'chunk-corrupt' })
  await t.rejects(
    store.get(id, { offset: 0, length: 1 }),
    { code: 'chunk-corrupt' },
    'a good part of it neither'
  )
  t.match(await store.put(id, bytes, G1), { generation: 2, storedAt: clock.now() })
  t.ok(Buffer.from(bytes).equals(await store.get(id)))
  t.match(await store.usage(), { chunks: 1, usedBytes: MIB })
  await store.reclaim()
  t.ok((await bytesOnDisk(folder)) < 2 * MIB, 'the rotten copy is gone')
})

t.test('a chunk whose record is unreadable is not there, until it is put or deleted', async (t) => {
  const folder = t.testdir()
  const store = await storeIn(t, folder)
  const [one, two] = [someChunk(), someChunk()]
  await store.put(one.id, one.bytes, G1)
  await store.put(two.id, two.bytes, G1)
  await store.close()
  const database = await openDatabase(join(folder, 'chunks'), SMALL)
  for await (const [key, value] of database.iterator({
    gt: formatKey.map(() => 0x63),
    lt: Uint8Array.of(0x64)
  })) {
    value[20] = (value[20] ?? 0) ^ 4
    await database.put(key, value)
  }
  await database.close()
  await store.open()
  await t.rejects(store.get(one.id), { code: 'chunk-corrupt' })
  t.equal(await store.stat(one.id), undefined)
  t.same(await store.list({ limit: 10 }), [])
  t.match(await store.usage(), { chunks: 0, usedBytes: 0, quarantined: 2 })
  await store.put(one.id, one.bytes, G1)
  t.ok(Buffer.from(one.bytes).equals(await store.get(one.id)))
  t.equal(await store.delete(two.id, G1), true)
  await t.rejects(store.get(two.id), { code: 'chunk-not-found' })
  t.match(await store.usage(), { chunks: 1, quarantined: 0 })
})

t.test('an index that is lost leaves no bytes behind that nobody knows of', async (t) => {
  const folder = t.testdir()
  const slices = await SliceTable.open(join(folder, 'slices'))
  for (let sequence = 1; sequence <= 5; sequence++) await slices.append(sequence, someBytes(MIB))
  await slices.close()
  const store = await storeIn(t, folder)
  await store.reclaim()
  t.ok((await bytesOnDisk(folder)) < MIB)
  t.same(await (await reopenedIndex(store, folder)).listRemovals(10), [])
})

async function reopenedIndex(store: LevelChunkStore, folder: string): Promise<ChunkIndex> {
  await store.close()
  const index = await ChunkIndex.open(join(folder, 'chunks'))
  t.teardown(() => index.close())
  return index
}
