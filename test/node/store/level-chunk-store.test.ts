import { readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ChunkIndex } from '../../../src/node/store/chunk-index.ts'
import { formatKey } from '../../../src/node/store/chunk-record.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { SliceTable } from '../../../src/node/store/slice-table.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { G1, G2, someBytes, someChunk } from '../../conformance/chunk-store-kit.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { bytesOnDisk, databaseOf, fill, storeIn } from './level-folder.ts'
import { testFolder } from '../../kit/test-folder.ts'

const MIB = 1024 * 1024

t.test('a folder in use is refused, and free again after closing', async (t) => {
  const folder = testFolder(t)
  const first = await storeIn(t, folder)
  const second = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
  await t.rejects(second.open(), { code: 'data-in-use', message: folder })
  await first.close()
  await second.open()
  await second.close()
})

t.test('a folder of another format is refused, and left alone', async (t) => {
  const folder = testFolder(t)
  const { id, bytes } = someChunk()
  const store = await storeIn(t, folder)
  await store.put(id, bytes, G1)
  await store.close()
  const setFormat = async (version: number): Promise<void> => {
    const database = await databaseOf(folder, 'chunks')
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
  const folder = join(testFolder(t, { file: 'not a folder' }), 'file', 'store')
  const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
  await t.rejects(store.open(), { code: 'store-failed', message: 'ENOTDIR' })
})

t.test('usage comes from the disk, and never promises more than it has', async (t) => {
  const freeSpace = async (): Promise<number> => 5000
  const root = testFolder(t)
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

t.test(
  'slices of a put that a crash cut short are removed, and their number is not used again',
  async (t) => {
    const folder = testFolder(t)
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
  const folder = testFolder(t)
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
  const folder = testFolder(t)
  const store = await storeIn(t, folder)
  const [one, two] = [someChunk(), someChunk()]
  await store.put(one.id, one.bytes, G1)
  await store.put(two.id, two.bytes, G1)
  await store.close()
  const database = await databaseOf(folder, 'chunks')
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
  const folder = testFolder(t)
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

t.test('a folder that is too damaged to be opened says so, and what to do about it', async (t) => {
  const folder = join(testFolder(t), 'store')
  const { id, bytes } = someChunk()
  for (const part of ['chunks', 'slices']) {
    const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
    await store.open()
    await store.put(id, bytes, G1)
    await store.close()
    const names = await readdir(join(folder, part))
    const manifest = names.find((name) => name.startsWith('MANIFEST')) ?? ''
    await writeFile(join(folder, part, manifest), someBytes(100))
    await t.rejects(store.open(), {
      code: 'store-failed',
      message: new RegExp(`${part} is damaged: .*Move the folder ${folder} away`)
    })
    await t.rejects(store.get(id), { code: 'shutting-down' })
    await rename(folder, `${folder}.damaged-${part}`)
    await store.open() // which is the remedy
    t.match(await store.usage(), { chunks: 0 })
    await store.close()
  }
})
