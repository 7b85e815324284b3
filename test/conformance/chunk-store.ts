/** What every ChunkStore and every decorator of one must hold (src/interfaces.ts). */

import type { Test } from 'tap'
import { VERIFIED_STEP_MS } from '../../src/node/store/chunk-rules.ts'
import { chunkIdOf, digestOf } from '../../src/protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import type { ChunkId } from '../../src/types.ts'
import {
  G1,
  G2,
  KIB,
  generationOf,
  opened,
  someBytes,
  someChunk,
  type PlaceForChunks
} from './chunk-store-kit.ts'
import { accounts, lives, races } from './chunk-store-lives.ts'
import { manifests, quarantine, raises } from './chunk-store-rot.ts'

export type { PlaceForChunks } from './chunk-store-kit.ts'

/** Runs the suite as subtests of `t`. */
export function chunkStoreConformance(t: Test, name: string, place: PlaceForChunks): void {
  void t.test(`chunk store: ${name}`, async (t) => {
    await putsAndGets(t, place)
    await ranges(t, place)
    await refusals(t, place)
    await generations(t, place)
    await deletes(t, place)
    await listing(t, place)
    await accounts(t, place)
    await races(t, place)
    await lives(t, place)
    await raises(t, place)
    await manifests(t, place)
    await quarantine(t, place)
  })
}

async function putsAndGets(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('gives back chunks of every size, one byte and 4 MiB included', async (t) => {
    const { store, clock } = await opened(t, place)
    for (const size of [
      1,
      255,
      256 * KIB - 1,
      256 * KIB,
      256 * KIB + 1,
      3 * 256 * KIB,
      CHUNK_BYTES_MAX - 1,
      CHUNK_BYTES_MAX
    ]) {
      const { id, bytes } = someChunk(size)
      const info = await store.put(id, bytes, G1)
      t.same(info, {
        id,
        sizeBytes: size,
        generation: 1,
        storedAt: clock.now(),
        verifiedAt: clock.now(),
        manifest: false
      })
      t.ok(Buffer.from(bytes).equals(await store.get(id)), `${size} bytes`)
      t.same(await store.stat(id), info)
    }
  })

  await t.test('does not hold on to the memory of what it was given, nor to what it gave', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk(300 * KIB)
    const original = bytes.slice()
    await store.put(id, bytes, G1)
    bytes.fill(0)
    const answer = await store.get(id)
    t.ok(Buffer.from(original).equals(answer))
    answer.fill(1)
    t.ok(Buffer.from(original).equals(await store.get(id)))
  })

  await t.test('takes bytes that are a part of a larger buffer', async (t) => {
    const { store } = await opened(t, place)
    const large = someBytes(600 * KIB)
    const part = large.subarray(77, 77 + 300 * KIB)
    await store.put(chunkIdOf(part), part, G1)
    t.ok(Buffer.from(part).equals(await store.get(chunkIdOf(part))))
  })

  await t.test('says that a chunk is not there', async (t) => {
    const { store } = await opened(t, place)
    const { id } = someChunk()
    await t.rejects(store.get(id), { code: 'chunk-not-found' })
    await t.rejects(store.get(id, { offset: 5, length: 1 }), { code: 'chunk-not-found' })
    t.equal(await store.stat(id), undefined)
  })

  await t.test('notes now and then that a read has verified a chunk', async (t) => {
    const { store, clock } = await opened(t, place)
    const { id, bytes } = someChunk()
    const { storedAt } = await store.put(id, bytes, G1)
    clock.jump(VERIFIED_STEP_MS - 1)
    await store.get(id)
    t.equal((await store.stat(id))?.verifiedAt, storedAt)
    clock.jump(1)
    await store.get(id, { offset: 1, length: 1 })
    t.match(await store.stat(id), { storedAt, verifiedAt: storedAt + VERIFIED_STEP_MS })
  })

  await t.test('notes each time that a scrub has verified a chunk', async (t) => {
    const { store, clock } = await opened(t, place)
    const { id, bytes } = someChunk()
    const { storedAt } = await store.put(id, bytes, G1)
    clock.jump(5)
    await store.get(id, { scrub: true })
    t.match(await store.stat(id), { storedAt, verifiedAt: storedAt + 5 })
  })
}

async function ranges(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('gives the bytes of a range, at every edge', async (t) => {
    const { store } = await opened(t, place)
    const size = 2 * 256 * KIB + 10
    const { id, bytes } = someChunk(size)
    await store.put(id, bytes, G1)
    const wanted: Array<[number, number | undefined]> = [
      [0, undefined],
      [0, 1],
      [0, size],
      [size - 1, 1],
      [size - 1, undefined],
      [256 * KIB - 1, 2],
      [256 * KIB, 256 * KIB],
      [5, 256 * KIB]
    ]
    for (const [offset, length] of wanted) {
      const answer = await store.get(id, length === undefined ? { offset } : { offset, length })
      const expected = bytes.subarray(offset, length === undefined ? size : offset + length)
      t.ok(Buffer.from(expected).equals(answer), `from ${offset}, ${String(length)} bytes`)
    }
    t.equal((await store.get(id, { length: 3 })).byteLength, 3)
  })

  await t.test('refuses a range that is empty, outside or no range at all', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk(10)
    await store.put(id, bytes, G1)
    const wrong = [
      { offset: 10 },
      { offset: 11, length: 1 },
      { offset: 0, length: 11 },
      { offset: 9, length: 2 },
      { offset: 0, length: 0 },
      { offset: -1, length: 1 },
      { offset: 3, length: -1 },
      { offset: 0.5 },
      { offset: 0, length: 1.5 },
      { offset: Number.NaN },
      { offset: 2 ** 53, length: 1 }
    ]
    for (const range of wrong) {
      await t.rejects(store.get(id, range), { code: 'range-not-satisfiable' }, JSON.stringify(range))
    }
  })
}

async function refusals(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('refuses what is empty, too large, or not what its id names', async (t) => {
    const { store } = await opened(t, place)
    const empty = someChunk(0)
    await t.rejects(store.put(empty.id, empty.bytes, G1), { code: 'bad-request' })
    const large = someChunk(CHUNK_BYTES_MAX + 1)
    await t.rejects(store.put(large.id, large.bytes, G1), { code: 'chunk-too-large' })
    const [one, other] = [someChunk(), someChunk()]
    await t.rejects(store.put(one.id, other.bytes, G1), { code: 'chunk-corrupt' })
    await t.rejects(store.put(one.id, one.bytes.subarray(1), G1), { code: 'chunk-corrupt' })
    await t.rejects(store.put(one.id, one.bytes, generationOf(-1)), { code: 'bad-request' })
    await t.rejects(store.put('bafkrei' as ChunkId, one.bytes, G1), { code: 'bad-request' })
    await t.rejects(store.list({ limit: 0 }), { code: 'bad-request' })
    for (const { id } of [empty, large, one, other]) t.equal(await store.stat(id), undefined)
    t.match(await store.usage(), { chunks: 0, usedBytes: 0 })
  })

  await t.test('does nothing for a caller who has given up', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk()
    const signal = AbortSignal.abort()
    await t.rejects(store.put(id, bytes, G1, { signal }), { code: 'aborted' })
    t.equal(await store.stat(id), undefined)
    await store.put(id, bytes, G1)
    await t.rejects(store.get(id, { signal }), { code: 'aborted' })
  })
}

async function generations(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('a put of a chunk that is there keeps the greater generation', async (t) => {
    const { store, clock } = await opened(t, place)
    const { id, bytes } = someChunk(300 * KIB)
    const { storedAt } = await store.put(id, bytes, G1)
    clock.jump(50)
    t.match(await store.put(id, bytes, G2), { generation: 2, storedAt, verifiedAt: clock.now() })
    t.match(await store.put(id, bytes, G1), { generation: 2, storedAt })
    t.match(await store.stat(id), { generation: 2, storedAt })
    t.match(await store.usage(), { chunks: 1, usedBytes: 300 * KIB })
    t.ok(Buffer.from(bytes).equals(await store.get(id)))
  })

  await t.test('a wrong put of a chunk that is there changes nothing', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk()
    await store.put(id, bytes, G1)
    await t.rejects(store.put(id, someBytes(1000), G2), { code: 'chunk-corrupt' })
    t.match(await store.stat(id), { generation: 1 })
  })
}

async function deletes(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('a delete removes only its generation and smaller ones', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk()
    t.equal(await store.delete(id, G1), true, 'what was never there is gone')
    await store.put(id, bytes, G2)
    t.equal(await store.delete(id, G1), false)
    t.ok(Buffer.from(bytes).equals(await store.get(id)))
    t.equal(await store.delete(id, G2), true)
    await t.rejects(store.get(id), { code: 'chunk-not-found' })
    t.equal(await store.stat(id), undefined)
    t.same(await store.list({ limit: 10 }), [])
    t.equal(await store.delete(id, G2), true, 'a repeated order answers the same')
  })

  await t.test('a delete of a greater generation removes too, and the chunk can come again', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk()
    await store.put(id, bytes, G1)
    t.equal(await store.delete(id, G2), true)
    t.match(await store.put(id, bytes, G1), { generation: 1 })
    t.ok(Buffer.from(bytes).equals(await store.get(id)))
  })
}

async function listing(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('lists in order of digest bytes, in pages', async (t) => {
    const { store } = await opened(t, place)
    const chunks = Array.from({ length: 40 }, () => someChunk(10))
    for (const { id, bytes } of chunks) await store.put(id, bytes, G1)
    const expected = chunks.map(({ id }) => id).sort((a, b) => Buffer.compare(digestOf(a), digestOf(b)))
    t.same(
      (await store.list({ limit: 1000 })).map((info) => info.id),
      expected
    )
    const paged: ChunkId[] = []
    let page = await store.list({ limit: 7 })
    while (page.length > 0) {
      t.ok(page.length <= 7)
      paged.push(...page.map((info) => info.id))
      const after = paged.at(-1)
      page = after === undefined ? [] : await store.list({ after, limit: 7 })
    }
    t.same(paged, expected)
    const first = expected[0]
    if (first === undefined) throw new Error('there are forty')
    await store.delete(first, G1)
    t.equal((await store.list({ after: first, limit: 1 }))[0]?.id, expected[1], 'after one that is gone')
    t.same((await store.list({ limit: 1 }))[0], await store.stat(expected[1] ?? first))
  })
}
