import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { MemoryChunkStore } from '../../../src/node/store/memory-chunk-store.ts'
import { BALLAST_NAME, SpaceReserve } from '../../../src/node/store/space-reserve.ts'
import { G1, G2, generationOf, someChunk } from '../../conformance/chunk-store-kit.ts'
import { FaultyChunkStore } from '../../kit/faulty-chunk-store.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { testFolder } from '../../kit/test-folder.ts'

function setUp(
  t: Test,
  options: { free: number; reserveBytes?: number; ballastBytes?: number; folder?: string }
) {
  const folder = options.folder ?? testFolder(t)
  const disk = { free: options.free }
  const faulty = new FaultyChunkStore({ store: new MemoryChunkStore({ clock: new ManualClock() }) })
  const store = new SpaceReserve({
    store: faulty,
    folder,
    reserveBytes: options.reserveBytes ?? 1000,
    ballastBytes: options.ballastBytes ?? 0,
    freeSpace: async () => disk.free
  })
  t.teardown(() => store.close())
  return { store, disk, faulty, ballast: join(folder, BALLAST_NAME) }
}

const sizeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ size }) => size,
    () => undefined
  )

t.test('takes no more chunks than leave the reserve free, and says how much it would take', async (t) => {
  const { store, disk } = setUp(t, { free: 2500 })
  await store.open()
  t.equal((await store.usage()).freeBytes, 1500)
  const [one, two] = [someChunk(1500), someChunk(10)]
  await store.put(one.id, one.bytes, G1)
  disk.free = 1000
  t.equal((await store.usage()).freeBytes, 0)
  await t.rejects(store.put(two.id, two.bytes, G1), { code: 'store-full' })
  disk.free = 200
  t.equal((await store.usage()).freeBytes, 0, 'never less than nothing')
  t.match(await store.put(one.id, one.bytes, G2), { generation: 2 }, 'what is there takes no space')
  t.match(await store.raise(one.id, generationOf(3)), { generation: 3 }, 'a raise takes next to none')
  t.ok(Buffer.from(one.bytes).equals(await store.get(one.id)))
  t.equal(await store.delete(one.id, generationOf(3)), true, 'deletes go on')
  disk.free = 1010
  await store.put(two.id, two.bytes, G1)
})

t.test('counts puts that the file system does not show yet', async (t) => {
  const { store, faulty } = setUp(t, { free: 2500 })
  await store.open()
  const gate = Promise.withResolvers<void>()
  faulty.before = (operation) => (operation === 'put' ? gate.promise : undefined)
  const [one, two] = [someChunk(1000), someChunk(1000)]
  const first = store.put(one.id, one.bytes, G1)
  await t.rejects(store.put(two.id, two.bytes, G1), { code: 'store-full' })
  gate.resolve()
  await first
  await store.put(two.id, two.bytes, G1)
})

t.test('keeps a ballast file of the size that is set', async (t) => {
  const folder = testFolder(t)
  const ballastBytes = 3 * 1024 * 1024 + 5
  const { store, ballast } = setUp(t, { free: 2 ** 40, ballastBytes, folder })
  await store.open()
  t.equal(await sizeOf(ballast), ballastBytes)
  t.ok((await stat(ballast)).blocks * 512 >= ballastBytes, 'it takes its space')
  await writeFile(ballast, 'half of a crashed start')
  await setUp(t, { free: 2 ** 40, ballastBytes, folder }).store.open()
  t.equal(await sizeOf(ballast), ballastBytes, 'a wrong one is made anew')
  await setUp(t, { free: 2 ** 40, ballastBytes: 0, folder }).store.open()
  t.equal(await sizeOf(ballast), undefined, 'and goes when it is not wanted')
})

t.test('opens without a ballast where that would eat into the reserve', async (t) => {
  const { store, ballast } = setUp(t, { free: 1500, ballastBytes: 600 })
  await store.open()
  t.equal(await sizeOf(ballast), undefined)
})

t.test('closes the store again when the ballast cannot be written', async (t) => {
  const { store } = setUp(t, {
    free: 2 ** 40,
    ballastBytes: 100,
    folder: join(testFolder(t), 'not', 'there')
  })
  await t.rejects(store.open(), { code: 'store-failed' })
  await t.rejects(store.list({ limit: 1 }), { code: 'shutting-down' })
})
