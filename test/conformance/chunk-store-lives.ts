/** The ChunkStore suite: what is counted, what happens at once, and what outlives a store. */

import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'
import { hasCode } from '../../src/errors.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { G1, G2, KIB, generationOf, opened, someChunk, type PlaceForChunks } from './chunk-store-kit.ts'

export async function accounts(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('counts chunks and bytes', async (t) => {
    const { store } = await opened(t, place)
    const before = await store.usage()
    t.match(before, { chunks: 0, usedBytes: 0 })
    t.ok(before.freeBytes > 0 && before.capacityBytes >= before.freeBytes)
    const [one, other] = [someChunk(1000), someChunk(500)]
    await store.put(one.id, one.bytes, G1)
    await store.put(other.id, other.bytes, G1)
    await store.put(other.id, other.bytes, G1)
    t.match(await store.usage(), { chunks: 2, usedBytes: 1500 })
    await store.delete(one.id, G1)
    await store.delete(one.id, G1)
    t.match(await store.usage(), { chunks: 1, usedBytes: 500 })
  })

  await t.test('is full at its capacity, and takes chunks again after a delete', async (t) => {
    const { store } = await opened(t, place, 2500)
    const [one, two, three] = [someChunk(1000), someChunk(1000), someChunk(1000)]
    await store.put(one.id, one.bytes, G1)
    await store.put(two.id, two.bytes, G1)
    t.match(await store.usage(), { capacityBytes: 2500, freeBytes: 500 })
    await t.rejects(store.put(three.id, three.bytes, G1), { code: 'store-full' })
    t.match(await store.put(one.id, one.bytes, G2), { generation: 2 }, 'what is there needs no space')
    const small = someChunk(500)
    await store.put(small.id, small.bytes, G1)
    t.equal((await store.usage()).freeBytes, 0)
    await store.delete(two.id, G1)
    await store.put(three.id, three.bytes, G1)
    t.ok(Buffer.from(three.bytes).equals(await store.get(three.id)))
  })

  await t.test('puts at once do not share the last free bytes', async (t) => {
    const { store } = await opened(t, place, 2500)
    const chunks = Array.from({ length: 6 }, () => someChunk(1000))
    const results = await Promise.allSettled(chunks.map(({ id, bytes }) => store.put(id, bytes, G1)))
    t.equal(results.filter((result) => result.status === 'fulfilled').length, 2)
    t.match(await store.usage(), { chunks: 2, usedBytes: 2000 })
  })
}

export async function races(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('many puts of one chunk at once are one chunk of the greatest generation', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk(700 * KIB)
    const generations = [3, 1, 5, 2, 5, 4]
    await Promise.all(generations.map((value) => store.put(id, bytes, generationOf(value))))
    t.match(await store.stat(id), { generation: 5 })
    t.match(await store.usage(), { chunks: 1, usedBytes: 700 * KIB })
    t.ok(Buffer.from(bytes).equals(await store.get(id)))
  })

  await t.test('an old delete never takes away a put of a greater generation', async (t) => {
    const { store } = await opened(t, place)
    for (let round = 0; round < 20; round++) {
      const { id, bytes } = someChunk(100 + round)
      await store.put(id, bytes, G1)
      const steps = [() => store.delete(id, G1), () => store.put(id, bytes, G2), () => store.delete(id, G1)]
      if (round % 2 === 1)
        steps.splice(
          1,
          1,
          () => store.delete(id, G1),
          () => store.put(id, bytes, G2)
        )
      await Promise.all(steps.map((step) => step()))
      t.match(await store.stat(id), { generation: 2 })
      t.ok(Buffer.from(bytes).equals(await store.get(id)))
    }
    t.match(await store.usage(), { chunks: 20 })
  })

  await t.test('reads beside puts and deletes get the right bytes or none', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk(600 * KIB)
    let writing = true
    const wrong: unknown[] = []
    const read = async (): Promise<void> => {
      while (writing) {
        const answer = await store.get(id).catch((error: unknown) => error)
        const right =
          answer instanceof Uint8Array
            ? Buffer.from(bytes).equals(answer)
            : hasCode(answer, 'chunk-not-found')
        if (!right) wrong.push(answer)
        await setImmediate() // a store in memory would not let anything else happen
      }
    }
    const readers = [read(), read()]
    for (let round = 0; round < 10; round++) {
      await store.put(id, bytes, G1)
      await store.delete(id, G1)
    }
    writing = false
    await Promise.all(readers)
    t.same(wrong, [])
    t.match(await store.usage(), { chunks: 0, usedBytes: 0 })
  })
}

export async function lives(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('keeps everything when it is closed and opened again', async (t) => {
    const clock = new ManualClock()
    const make = place(t, { clock, capacityBytes: 0 })
    const first = make()
    await first.open()
    const chunks = [1, 1000, 256 * KIB + 1, CHUNK_BYTES_MAX].map((size) => someChunk(size))
    for (const { id, bytes } of chunks) await first.put(id, bytes, G1)
    const gone = someChunk()
    await first.put(gone.id, gone.bytes, G1)
    await first.delete(gone.id, G1)
    const before = { list: await first.list({ limit: 100 }), usage: await first.usage() }
    await first.close()
    clock.jump(1000)
    const second = make()
    await second.open()
    t.teardown(() => second.close())
    t.same(await second.list({ limit: 100 }), before.list)
    const { chunks: count, usedBytes } = before.usage
    t.match(await second.usage(), { chunks: count, usedBytes })
    for (const { id, bytes } of chunks) t.ok(Buffer.from(bytes).equals(await second.get(id)))
    await t.rejects(second.get(gone.id), { code: 'chunk-not-found' })
  })

  await t.test('opening and closing twice does no harm, and a closed store answers so', async (t) => {
    const clock = new ManualClock()
    const store = place(t, { clock, capacityBytes: 0 })()
    const { id, bytes } = someChunk()
    await t.rejects(store.get(id), { code: 'shutting-down' })
    await store.open()
    await store.open()
    const put = store.put(id, bytes, G1).catch((error: unknown) => error)
    await Promise.all([store.close(), store.close()])
    const answer = await put
    await store.close()
    await t.rejects(store.put(id, bytes, G1), { code: 'shutting-down' })
    await t.rejects(store.list({ limit: 1 }), { code: 'shutting-down' })
    await store.open()
    t.teardown(() => store.close())
    if (!(answer instanceof Error))
      t.ok(Buffer.from(bytes).equals(await store.get(id)), 'what was acknowledged is there')
  })
}
