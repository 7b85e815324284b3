/** The ChunkStore suite: rot and quarantine, generations that are raised without bytes, and chunks that look like manifests. */

import type { Test } from 'tap'
import type { ChunkStore } from '../../src/interfaces.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkId } from '../../src/types.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { G1, G2, generationOf, opened, someBytes, someChunk, type PlaceForChunks } from './chunk-store-kit.ts'

const HOUR = 60 * 60 * 1000

/** An open store with one rotten chunk of generation 2 that nobody has read since, beside a good one. */
async function withRot(t: Test, place: PlaceForChunks, capacityBytes = 0) {
  const clock = new ManualClock()
  const make = place(t, { clock, capacityBytes })
  const first = make()
  await first.open()
  const [rotten, good] = [someChunk(1000), someChunk(500)]
  await first.put(rotten.id, rotten.bytes, G2)
  await first.put(good.id, good.bytes, G1)
  await first.close()
  await make.rot?.(rotten.id)
  const store = make()
  await store.open()
  t.teardown(() => store.close())
  const rot = async (): Promise<void> => await make.rot?.(rotten.id)
  /** Another store on the same place; the one before it is closed. */
  const again = async (
    before: ChunkStore,
    meanwhile = async (): Promise<void> => {}
  ): Promise<ChunkStore> => {
    await before.close()
    await meanwhile()
    const next = make()
    await next.open()
    t.teardown(() => next.close())
    return next
  }
  return { store, clock, rotten, good, rot, again }
}

/** The same with the rotten chunk in quarantine, because it was read. */
async function withQuarantine(t: Test, place: PlaceForChunks, capacityBytes = 0) {
  const world = await withRot(t, place, capacityBytes)
  world.clock.jump(HOUR)
  await t.rejects(world.store.get(world.rotten.id), { code: 'chunk-corrupt' })
  return world
}

export async function quarantine(t: Test, place: PlaceForChunks): Promise<void> {
  const probe = place(t, { clock: new ManualClock(), capacityBytes: 0 })
  if (probe.rot === undefined) {
    process.stderr.write(`SKIPPED: ${t.name}: quarantine, for its place cannot make chunks rot\n`)
    return
  }
  await found(t, place)
  await replaced(t, place)
  await dropped(t, place)
}

async function found(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('rotten bytes are never given, not in part either', async (t) => {
    const { store, rotten } = await withRot(t, place)
    t.match(await store.stat(rotten.id), { generation: 2 }, 'nobody has looked yet')
    await t.rejects(store.get(rotten.id, { offset: 0, length: 1 }), { code: 'chunk-corrupt' })
    await t.rejects(store.get(rotten.id), { code: 'chunk-corrupt' })
    await t.rejects(store.get(rotten.id, { offset: 999, length: 1 }), { code: 'chunk-corrupt' })
  })

  await t.test('a chunk that was found rotten is held no more, durably', async (t) => {
    const { store, rotten, good, again } = await withQuarantine(t, place)
    const check = async (current: ChunkStore): Promise<void> => {
      t.equal(await current.stat(rotten.id), undefined)
      t.same(
        (await current.list({ limit: 10 })).map(({ id }) => id),
        [good.id]
      )
      t.match(await current.usage(), { chunks: 1, usedBytes: 500, quarantined: 1 })
      t.equal(await current.raise(rotten.id, generationOf(9)), undefined)
      await t.rejects(current.get(rotten.id), { code: 'chunk-corrupt' })
      t.ok(Buffer.from(good.bytes).equals(await current.get(good.id)))
    }
    await check(store)
    await check(await again(store))
  })

  await t.test('reads of one rotten chunk at once count it once', async (t) => {
    const { store, rotten } = await withRot(t, place)
    const reads = await Promise.allSettled(Array.from({ length: 5 }, () => store.get(rotten.id)))
    for (const read of reads) t.match(read, { status: 'rejected', reason: { code: 'chunk-corrupt' } })
    t.match(await store.usage(), { chunks: 1, usedBytes: 500, quarantined: 1 })
  })
}

async function replaced(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('a put replaces what is in quarantine, and keeps the greater generation', async (t) => {
    const { store, clock, rotten, again } = await withQuarantine(t, place)
    const info = await store.put(rotten.id, rotten.bytes, G1)
    t.match(info, { generation: 2, storedAt: clock.now(), verifiedAt: clock.now() })
    const check = async (current: ChunkStore): Promise<void> => {
      t.ok(Buffer.from(rotten.bytes).equals(await current.get(rotten.id)))
      t.match(await current.stat(rotten.id), { generation: 2 })
      t.match(await current.usage(), { chunks: 2, usedBytes: 1500, quarantined: 0 })
      t.equal((await current.list({ limit: 10 })).length, 2)
    }
    await check(store)
    await check(await again(store))
  })

  await t.test('a put replaces rot that nobody has read, too', async (t) => {
    const { store, rotten } = await withRot(t, place)
    t.match(await store.put(rotten.id, rotten.bytes, generationOf(3)), { generation: 3 })
    t.ok(Buffer.from(rotten.bytes).equals(await store.get(rotten.id)))
    t.match(await store.usage(), { chunks: 2, usedBytes: 1500, quarantined: 0 })
  })

  await t.test('a put also replaces what is in quarantine although its bytes read well by now', async (t) => {
    const { store, rotten, rot, again } = await withQuarantine(t, place)
    const next = await again(store, rot) // the same bit flips back
    await t.rejects(next.get(rotten.id), { code: 'chunk-corrupt' }, 'it is not believed any more')
    await next.put(rotten.id, rotten.bytes, G2)
    t.ok(Buffer.from(rotten.bytes).equals(await next.get(rotten.id)))
    t.match(await next.usage(), { chunks: 2, quarantined: 0 })
  })

  await t.test('what is in quarantine takes space, but not twice when it is replaced', async (t) => {
    const { store, rotten } = await withQuarantine(t, place, 1600)
    t.match(await store.usage(), { usedBytes: 500, freeBytes: 100 })
    const more = someChunk(200)
    await t.rejects(store.put(more.id, more.bytes, G1), { code: 'store-full' })
    await store.put(rotten.id, rotten.bytes, G2)
    t.match(await store.usage(), { usedBytes: 1500, freeBytes: 100, quarantined: 0 })
  })

  await t.test('a delete of its generation or a greater one removes what is in quarantine', async (t) => {
    const { store, rotten, again } = await withQuarantine(t, place)
    t.equal(await store.delete(rotten.id, G1), false)
    t.match(await store.usage(), { quarantined: 1 })
    t.equal(await store.delete(rotten.id, G2), true)
    const check = async (current: ChunkStore): Promise<void> => {
      t.match(await current.usage(), { chunks: 1, quarantined: 0 })
      await t.rejects(current.get(rotten.id), { code: 'chunk-not-found' })
    }
    await check(store)
    await check(await again(store))
  })
}

async function dropped(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('what has been in quarantine for long enough is forgotten, and nothing else', async (t) => {
    const { store, clock, rotten, good, again } = await withQuarantine(t, place)
    const since = clock.now()
    t.equal(await store.dropQuarantined(since, 10), 0, 'it was not before then')
    clock.jump(1000)
    const next = await again(store)
    t.equal(await next.dropQuarantined(since, 10), 0, 'the time is kept')
    t.match(await next.usage(), { quarantined: 1 })
    await t.rejects(next.dropQuarantined(since + 1, 0), { code: 'bad-request' })
    t.equal(await next.dropQuarantined(since + 1, 10), 1)
    t.equal(await next.dropQuarantined(since + 1, 10), 0)
    t.match(await next.usage(), { chunks: 1, usedBytes: 500, quarantined: 0 })
    await t.rejects(next.get(rotten.id), { code: 'chunk-not-found' })
    t.ok(Buffer.from(good.bytes).equals(await next.get(good.id)))
  })
}

export async function raises(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('a raise lifts the generation, never lowers it, and touches nothing else', async (t) => {
    const clock = new ManualClock()
    const make = place(t, { clock, capacityBytes: 0 })
    const first = make()
    await first.open()
    const { id, bytes } = someChunk()
    const info = await first.put(id, bytes, G2)
    clock.jump(2 * HOUR)
    t.same(await first.raise(id, generationOf(5)), { ...info, generation: 5 })
    t.same(await first.raise(id, G1), { ...info, generation: 5 })
    t.equal(await first.delete(id, generationOf(4)), false, 'orders for an earlier life do not match')
    await first.close()
    const second = make()
    await second.open()
    t.teardown(() => second.close())
    t.same(await second.stat(id), { ...info, generation: 5 }, 'durably')
    t.ok(Buffer.from(bytes).equals(await second.get(id)))
    t.equal(await second.delete(id, generationOf(5)), true)
  })

  await t.test('a raise of what is not there makes nothing, and a wrong one is refused', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk()
    t.equal(await store.raise(id, G1), undefined)
    t.equal(await store.stat(id), undefined)
    await store.put(id, bytes, G1)
    await t.rejects(store.raise(id, generationOf(-1)), { code: 'bad-request' })
    await store.delete(id, G1)
    t.equal(await store.raise(id, G2), undefined)
    t.match(await store.usage(), { chunks: 0 })
  })

  await t.test('raises, puts and deletes at once leave the greatest generation', async (t) => {
    const { store } = await opened(t, place)
    const { id, bytes } = someChunk()
    await store.put(id, bytes, G1)
    await Promise.all([
      store.raise(id, generationOf(4)),
      store.put(id, bytes, generationOf(3)),
      store.raise(id, generationOf(7)),
      store.put(id, bytes, generationOf(6)),
      store.raise(id, generationOf(5))
    ])
    t.match(await store.stat(id), { generation: 7 })
  })
}

/** A chunk that begins as manifests do. */
function someManifest(size = 300): { id: ChunkId; bytes: Uint8Array } {
  const bytes = someBytes(size)
  bytes.set(Buffer.from('PBMF\u0001', 'latin1'), 0)
  return { id: chunkIdOf(bytes), bytes }
}

export async function manifests(t: Test, place: PlaceForChunks): Promise<void> {
  await t.test('knows which chunks look like manifests, and lists only those when asked', async (t) => {
    const clock = new ManualClock()
    const make = place(t, { clock, capacityBytes: 0 })
    const first = make()
    await first.open()
    const wanted = [someManifest(), someManifest(), someManifest(300_000)]
    for (const { id, bytes } of wanted) t.match(await first.put(id, bytes, G1), { manifest: true })
    const short = someManifest(20) // too short to be one
    for (const { id, bytes } of [someChunk(), someChunk(), someChunk(300_000), short])
      t.match(await first.put(id, bytes, G1), { manifest: false })
    await first.close()
    const second = make()
    await second.open()
    t.teardown(() => second.close())
    const all = await second.list({ limit: 100 })
    t.equal(all.length, 7)
    const expected = all.filter(({ id }) => wanted.some((chunk) => chunk.id === id))
    t.same(await second.list({ limit: 100, manifests: true }), expected)
    t.ok(expected.every(({ manifest }) => manifest))
    const [one, two] = expected
    if (one === undefined || two === undefined) throw new Error('there are three')
    t.same(await second.list({ limit: 1, manifests: true }), [one])
    t.same(await second.list({ limit: 1, after: one.id, manifests: true }), [two])
    t.equal((await second.list({ limit: 100, manifests: false })).length, 7)
    await second.delete(one.id, G1)
    t.same(await second.list({ limit: 100, manifests: true }), expected.slice(1))
  })
}
