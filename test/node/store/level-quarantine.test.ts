/** What is particular to LevelDB about rot: reads that fail once, damaged records, records of an older program, slices without a record. */

import { crc32 } from 'node:zlib'
import { Level } from 'level'
import t from 'tap'
import type { Test } from 'tap'
import { chunkKey, encodeRemoval, formatKey, sliceKey } from '../../../src/node/store/chunk-record.ts'
import type { SliceTable } from '../../../src/node/store/slice-table.ts'
import { chunkIdOf, digestOf } from '../../../src/protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../../../src/protocol/limits.ts'
import type { ChunkId } from '../../../src/types.ts'
import { G1, G2, generationOf, someBytes, someChunk } from '../../conformance/chunk-store-kit.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { until } from '../../kit/until.ts'
import { bytesOnDisk, databaseOf, fill, replaceMethod, storeIn } from './level-folder.ts'
import { testFolder } from '../../kit/test-folder.ts'

const MIB = 1024 * 1024
const HOUR = 60 * 60 * 1000

t.test('a read that fails once is no rot', async (t) => {
  const store = await storeIn(t, testFolder(t))
  const { id, bytes } = someChunk()
  await store.put(id, bytes, G1)
  let failures = 1
  replaceMethod(
    t,
    'read',
    (read) =>
      async function (this: SliceTable, ...wanted) {
        const answer = await read.apply(this, wanted)
        if (failures-- > 0) answer?.fill(0)
        return answer
      }
  )
  t.ok(Buffer.from(bytes).equals(await store.get(id)))
  t.match(await store.usage(), { chunks: 1, quarantined: 0 })
  failures = 2
  await t.rejects(store.get(id), { code: 'chunk-corrupt' })
  t.match(await store.usage(), { chunks: 0, quarantined: 1 })
})

/** Flips a bit in the records of these chunks, in a closed store. */
async function damageRecords(folder: string, ids: ChunkId[]): Promise<void> {
  const database = await databaseOf(folder, 'chunks')
  for (const id of ids) {
    const key = chunkKey(digestOf(id))
    const value = Buffer.from((await database.get(key)) ?? [])
    value[20] = (value[20] ?? 0) ^ 4
    await database.put(key, value)
  }
  await database.close()
}

t.test('a damaged record counts as quarantine, and goes like one', async (t) => {
  const folder = testFolder(t)
  const clock = new ManualClock()
  const store = await storeIn(t, folder, { clock })
  const [one, two, three, good] = [someChunk(), someChunk(), someChunk(), someChunk(500)]
  for (const { id, bytes } of [one, two, three, good]) await store.put(id, bytes, G2)
  await store.close()
  await damageRecords(folder, [one.id, two.id, three.id])
  await store.open()
  t.match(await store.usage(), { chunks: 1, usedBytes: 500, quarantined: 3 })
  t.equal(await store.raise(one.id, generationOf(9)), undefined)
  t.equal(await store.stat(one.id), undefined)
  t.same(
    (await store.list({ limit: 10 })).map(({ id }) => id),
    [good.id]
  )
  await t.rejects(store.get(one.id), { code: 'chunk-corrupt' })
  t.match(await store.put(one.id, one.bytes, G1), { generation: 1 })
  t.ok(Buffer.from(one.bytes).equals(await store.get(one.id)))
  t.equal(await store.delete(two.id, G1), true, 'of which life it was is not known')
  await t.rejects(store.get(two.id), { code: 'chunk-not-found' })
  t.match(await store.usage(), { chunks: 2, usedBytes: 1500, quarantined: 1 })
  t.equal(await store.dropQuarantined(clock.now(), 10), 0, 'since the store was opened')
  clock.jump(1)
  t.equal(await store.dropQuarantined(clock.now(), 10), 1)
  await t.rejects(store.get(three.id), { code: 'chunk-not-found' })
  t.match(await store.usage(), { chunks: 2, usedBytes: 1500, quarantined: 0 })
})

t.test('slices whose record rotted away are given back when the store opens, and no others', async (t) => {
  const folder = testFolder(t)
  const store = await storeIn(t, folder)
  const chunks = await fill(store, 12)
  const [lost, kept] = [chunks.slice(2, 8), [...chunks.slice(0, 2), ...chunks.slice(8)]]
  await store.close()
  await damageRecords(
    folder,
    lost.slice(0, 4).map(({ id }) => id)
  )
  const database = await databaseOf(folder, 'chunks')
  for (const { id } of lost.slice(4)) await database.del(chunkKey(digestOf(id))) // as a damaged log does
  await database.close()
  await store.open()
  await store.reclaim()
  await until('what nobody refers to is gone', async () => (await bytesOnDisk(folder)) < 6.5 * MIB)
  for (const { id, bytes } of kept) t.ok(Buffer.from(bytes).equals(await store.get(id)))
  for (const { id, bytes } of lost) await store.put(id, bytes, G1)
  for (const { id, bytes } of chunks) t.ok(Buffer.from(bytes).equals(await store.get(id)))
})

/** Turns a closed store into what a program of format 1 would have written. */
async function makeOld(folder: string, ids: ChunkId[]): Promise<void> {
  const database = await databaseOf(folder, 'chunks')
  for (const id of ids) {
    const digest = digestOf(id)
    const now = Buffer.from((await database.get(chunkKey(digest))) ?? [])
    const old = Buffer.concat([Uint8Array.of(1, 1), now.subarray(3, 39), Buffer.alloc(4)])
    old.writeUInt32BE(crc32(old.subarray(0, 38), crc32(digest)), 38)
    await database.put(chunkKey(digest), old)
  }
  await database.put(formatKey, Uint8Array.of(1))
  await database.close()
}

interface Walks {
  iterator: (this: unknown, ...options: unknown[]) => Walk
}

interface Walk {
  nextv(size: number): Promise<Array<[Uint8Array, Uint8Array]>>
}

/** Once, when this key is read along with others, a bit of it or of its value is wrong. */
function misreadOnce(t: Test, wanted: Uint8Array, part: 'key' | 'value'): { misread: () => boolean } {
  const prototype = Level.prototype as unknown as Walks
  const original = prototype.iterator
  let done = false
  t.teardown(() => (prototype.iterator = original))
  prototype.iterator = function (...options) {
    const walk = original.apply(this, options)
    const nextv = walk.nextv.bind(walk)
    walk.nextv = async (size) => {
      const entries = await nextv(size)
      const [key, value] = entries.find(([each]) => Buffer.compare(each, wanted) === 0) ?? []
      const bytes = part === 'key' ? key : value
      if (!done && bytes !== undefined) {
        bytes[5] = (bytes[5] ?? 0) ^ 1
        done = true
      }
      return entries
    }
    return walk
  }
  return { misread: () => done }
}

for (const part of ['key', 'value'] as const) {
  t.test(`a record whose ${part} is read wrong once, when the store opens, keeps its slices`, async (t) => {
    const folder = testFolder(t)
    const store = await storeIn(t, folder)
    const chunks = await fill(store, 3)
    for (const { id: wrong } of chunks) {
      await store.close()
      const { misread } = misreadOnce(t, chunkKey(digestOf(wrong)), part)
      await store.open()
      t.ok(misread())
      await store.reclaim()
      if (part === 'value') t.match(await store.usage(), { chunks: 3, quarantined: 0 })
      for (const { id, bytes } of chunks) t.ok(Buffer.from(bytes).equals(await store.get(id)))
    }
  })
}

t.test(
  'a sequence that is still to be removed is given to no other chunk, however its note is read',
  async (t) => {
    const folder = testFolder(t)
    const [key, value] = encodeRemoval(1, 9)
    const database = await databaseOf(folder, 'chunks')
    await database.put(formatKey, Uint8Array.of(2))
    await database.put(key, value)
    await database.close()
    const store = await storeIn(t, folder, { clock: new ManualClock() })
    await store.close()
    const { misread } = misreadOnce(t, key, 'value')
    await store.open()
    t.ok(misread())
    const [chunk] = await fill(store, 1)
    if (chunk === undefined) return t.fail('there is a chunk')
    await store.reclaim()
    t.ok(Buffer.from(chunk.bytes).equals(await store.get(chunk.id)))
  }
)

t.test('a store of format 1 opens, is of format 2 then, and its manifests are found', async (t) => {
  const folder = testFolder(t)
  const clock = new ManualClock()
  const store = await storeIn(t, folder, { clock })
  const manifest = someBytes(5000)
  manifest.set(Buffer.from('PBMF\u0001', 'latin1'))
  const id = chunkIdOf(manifest)
  const [plain, full] = [someChunk(), someChunk(CHUNK_BYTES_MAX)]
  await store.put(id, manifest, G2)
  for (const chunk of [plain, full]) await store.put(chunk.id, chunk.bytes, G1)
  const before = await store.list({ limit: 10 })
  await store.close()
  await makeOld(folder, [id, plain.id, full.id])
  await store.open()
  t.same(
    await store.list({ limit: 10 }),
    before.map((info) => ({ ...info, manifest: false })),
    'nobody has looked yet'
  )
  t.equal((await store.raise(plain.id, G2))?.generation, 2)
  t.match(await store.list({ limit: 10, manifests: true }), [{ id, generation: 2, manifest: true }])
  t.match(await store.stat(id), { manifest: true }, 'which is remembered')
  clock.jump(2 * HOUR)
  t.ok(Buffer.from(full.bytes).equals(await store.get(full.id)))
  await store.close()
  const database = await databaseOf(folder, 'chunks')
  t.same([...((await database.get(formatKey)) ?? [])], [2], 'an older program refuses it now')
  await database.close()
  await store.open()
  t.match(await store.list({ limit: 10, manifests: true }), [{ id }])
})

t.test('a rotten manifest of format 1 is not listed, and is in quarantine then', async (t) => {
  const folder = testFolder(t)
  const store = await storeIn(t, folder)
  const manifest = someBytes(5000)
  manifest.set(Buffer.from('PBMF\u0001', 'latin1'))
  const id = chunkIdOf(manifest)
  await store.put(id, manifest, G2)
  await store.close()
  await makeOld(folder, [id])
  const slices = await databaseOf(folder, 'slices')
  await slices.put(sliceKey(1, 0), someBytes(5000))
  await slices.close()
  await store.open()
  t.same(await store.list({ limit: 10, manifests: true }), [])
  t.match(await store.usage(), { chunks: 0, quarantined: 1 })
})
