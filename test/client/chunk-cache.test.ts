import t from 'tap'
import { ChunkCache } from '../../src/client/chunk-cache.ts'
import type { WantedChunk } from '../../src/client/chunk-cache.ts'
import { ChunkMemory } from '../../src/client/chunk-memory.ts'
import type { FetchRequest } from '../../src/client/chunk-fetcher.ts'
import { PeerbinError } from '../../src/errors.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import { Budget } from '../../src/runtime/budget.ts'
import type { FileId, Generation } from '../../src/types.ts'
import { ManualClock, settle } from '../kit/manual-clock.ts'

const SIZE = 8192
const SLOW_MS = 1000
const KEPT_MS = 60_000
const NEVER = new AbortController().signal

interface Fetch extends FetchRequest {
  answer: () => void
  fail: () => void
}

/** Chunks of 8 KiB, named by a number that all their bytes are; nodes that answer when the test says so. */
function setUp({ chunks = 4, kept = 2 } = {}) {
  const clock = new ManualClock()
  const budget = new Budget(chunks * SIZE, 100)
  const memory = new ChunkMemory({ budget, clock, waitMs: 5000, unitBytes: SIZE })
  const fetches: Fetch[] = []
  const fetch = (request: FetchRequest) =>
    new Promise<typeof request.buffer>((resolve, reject) => {
      const fail = (): void => {
        request.buffer.release()
        reject(new PeerbinError('chunk-unavailable'))
      }
      request.signal.addEventListener('abort', fail, { once: true })
      const answer = (): void => {
        request.buffer.bytes.fill(request.placed.index)
        resolve(request.buffer)
      }
      fetches.push({ ...request, answer, fail })
    })
  const cache = new ChunkCache({
    fetcher: { fetch },
    memory,
    clock,
    keptBytesMax: kept * SIZE,
    keptMs: KEPT_MS,
    slowMs: SLOW_MS
  })
  const hold = async (wanted: WantedChunk, { signal = NEVER, late = false } = {}) =>
    await cache.hold(wanted, signal, late)
  const readWhole = async (number: number) => {
    const held = await hold(chunk(number))
    await settle()
    fetches.at(-1)?.answer()
    await held.ready
    held.release()
  }
  return { clock, budget, memory, fetches, cache, hold, readWhole }
}

const chunk = (number: number, { file = 'a', isKept = true } = {}): WantedChunk => ({
  file: file as FileId,
  isKept,
  placed: {
    index: number,
    id: chunkIdOf(Buffer.alloc(SIZE, number)),
    sizeBytes: SIZE,
    generation: 1 as Generation,
    copies: []
  }
})

t.test('all who read a chunk at once share one fetch and its memory', async (t) => {
  const { budget, fetches, cache, hold } = setUp()
  const all = await Promise.all(Array.from({ length: 50 }, async () => await hold(chunk(1))))
  t.equal(fetches.length, 1)
  t.equal(budget.used, SIZE)
  fetches[0]?.answer()
  for (const held of all) {
    await held.ready
    t.equal(held.bytes[0], 1)
  }
  for (const held of all) held.release()
  t.equal(budget.used, 0)
  t.same(cache.stats, { fetched: 1, hits: 0, joined: 49, keptBytes: SIZE })
})

t.test('a chunk that was read is kept for the next, within a bound, the last one longest', async (t) => {
  const { fetches, cache, hold, readWhole, memory } = setUp({ kept: 2 })
  for (const number of [1, 2]) await readWhole(number)
  const again = await hold(chunk(1))
  await again.ready
  t.equal(again.bytes[0], 1)
  t.equal(cache.stats.keptBytes, SIZE, 'it is in the hands of its reader, and not counted twice')
  again.release()
  await readWhole(3)
  t.equal(fetches.length, 3)
  t.equal(cache.stats.keptBytes, 2 * SIZE)
  const first = await hold(chunk(1))
  await first.ready
  t.equal(fetches.length, 3, 'it was read after the second')
  await hold(chunk(2))
  await settle()
  t.equal(fetches.length, 4, 'which had to go')
  t.ok(memory.kept <= 4)
})

t.test('what nobody reads any more goes after its time, and what is not to be kept at once', async (t) => {
  const { clock, fetches, cache, hold, readWhole } = setUp()
  await readWhole(1)
  await clock.advance(KEPT_MS / 2)
  await readWhole(2)
  await clock.advance(KEPT_MS / 2)
  t.equal(cache.stats.keptBytes, SIZE)
  await clock.advance(KEPT_MS / 2)
  t.equal(cache.stats.keptBytes, 0)
  t.equal(clock.timers, 0)
  const once = await hold(chunk(3, { isKept: false }))
  fetches.at(-1)?.answer()
  await once.ready
  once.release()
  t.equal(cache.stats.keptBytes, 0)
})

t.test('what was kept stays so when somebody has read it for whom it would not be', async (t) => {
  const { cache, hold, readWhole } = setUp()
  await readWhole(1)
  const once = await hold(chunk(1, { isKept: false }))
  await once.ready
  once.release()
  t.equal(cache.stats.keptBytes, SIZE)
})

t.test('nothing is kept where the setting is 0, and readers at one time share all the same', async (t) => {
  const { fetches, cache, hold } = setUp({ kept: 0 })
  const [one, two] = await Promise.all([hold(chunk(1)), hold(chunk(1))])
  t.equal(fetches.length, 1)
  one.release()
  two.release()
  await settle()
  t.equal(cache.stats.keptBytes, 0)
})

t.test('a chunk is handed to readers of the file it was fetched for, and of no other', async (t) => {
  const { fetches, hold, readWhole } = setUp()
  await readWhole(1)
  const other = await hold(chunk(1, { file: 'b' }))
  await settle()
  t.equal(fetches.length, 2, 'the same bytes in another file')
  fetches[1]?.answer()
  await other.ready
})

t.test('a reader that leaves takes nothing from the others; the last one ends the fetch', async (t) => {
  const { budget, fetches, hold } = setUp()
  const leaving = await hold(chunk(1))
  const staying = await hold(chunk(1))
  leaving.release()
  t.notOk(fetches[0]?.signal.aborted)
  fetches[0]?.answer()
  await staying.ready
  t.equal(staying.bytes[0], 1)
  staying.release()
  const gone = new AbortController()
  const only = await hold(chunk(2), { signal: gone.signal })
  only.release()
  t.ok(fetches[1]?.signal.aborted)
  await settle()
  t.equal(budget.used, 0)
  const again = await hold(chunk(2))
  await settle()
  t.equal(fetches.length, 3, 'it begins anew')
  fetches[2]?.answer()
  await again.ready
  again.release()
})

t.test('a fetch that failed is told to all, and not remembered', async (t) => {
  const { budget, cache, fetches, hold } = setUp()
  const both = await Promise.all([hold(chunk(1)), hold(chunk(1))])
  fetches[0]?.fail()
  for (const held of both) {
    await t.rejects(held.ready, { code: 'chunk-unavailable' })
    held.release()
  }
  t.equal(budget.used, 0)
  t.equal(cache.stats.keptBytes, 0)
  await hold(chunk(1))
  await settle()
  t.equal(fetches.length, 2)
})

t.test('memory is given to who waits for it once all who hold a chunk are slow', async (t) => {
  const { clock, budget, fetches, hold, cache } = setUp({ chunks: 1 })
  const first = await hold(chunk(1))
  fetches[0]?.answer()
  await first.ready
  await clock.advance(SLOW_MS / 2)
  const second = await hold(chunk(1))
  const told: string[] = []
  const give = (name: string, held: typeof first) => (isSlow: boolean) => {
    told.push(`${name} ${isSlow}`)
    held.release()
  }
  first.offer(give('first', first))
  const other = hold(chunk(2))
  await clock.advance(SLOW_MS / 2)
  t.same(told, [], 'the second one reads on')
  second.offer(give('second', second))
  await other
  t.same(told, ['first true', 'second false'])
  t.equal(budget.used, SIZE)
  t.equal(cache.stats.keptBytes, SIZE, 'and whoever comes back finds it')
})

t.test('what is taken back before anybody waits is kept', async (t) => {
  const { clock, fetches, hold } = setUp({ chunks: 1 })
  const held = await hold(chunk(1))
  fetches[0]?.answer()
  await held.ready
  await clock.advance(2 * SLOW_MS)
  held.offer(() => t.fail('it is in use'))
  held.keep()
  const waiting = hold(chunk(2))
  await settle()
  t.equal(held.bytes[0], 1)
  held.release()
  await waiting
})

t.test('ahead of its turn nobody waits for memory, also not beside somebody who does', async (t) => {
  const { budget, cache, hold } = setUp({ chunks: 1 })
  const lease = await budget.acquire(SIZE)
  t.equal(cache.tryHold(chunk(1)), undefined)
  const waiting = hold(chunk(1))
  await settle()
  t.equal(cache.tryHold(chunk(1)), undefined, 'it would hold others while it waits')
  lease.release()
  await waiting
  t.ok(cache.tryHold(chunk(1)))
})

t.test('who is not late does not wait as one who is, for the same chunk', async (t) => {
  const { budget, fetches, hold } = setUp({ chunks: 1 })
  const lease = await budget.acquire(SIZE)
  const order: string[] = []
  const read = async (name: string, number: number, late: boolean): Promise<void> => {
    const held = await hold(chunk(number), { late })
    order.push(name)
    fetches.at(-1)?.answer()
    await held.ready
    held.release()
  }
  const all = [read('first late', 1, true), read('second late', 2, true)]
  await settle()
  all.push(read('prompt, for the second', 2, false))
  await settle()
  lease.release()
  await Promise.all(all)
  t.same(order, ['second late', 'prompt, for the second', 'first late'])
})

t.test('whoever joins one that waits in vain has a wait of its own', async (t) => {
  const { clock, budget, hold } = setUp({ chunks: 1 })
  const lease = await budget.acquire(SIZE)
  const early = hold(chunk(1))
  early.catch(() => undefined)
  await clock.advance(4000)
  const later = hold(chunk(1))
  later.catch(() => undefined)
  await clock.advance(2000)
  await t.rejects(early, { code: 'busy' })
  lease.release()
  t.ok(await later)
})

t.test('small chunks are not counted as less than keeping them takes', async (t) => {
  const clock = new ManualClock()
  const memory = new ChunkMemory({ budget: new Budget(1000, 1), clock, waitMs: 1 })
  const fetch = async ({ buffer }: FetchRequest) => await Promise.resolve(buffer)
  const deps = { fetcher: { fetch }, memory, clock, keptMs: 1000, slowMs: 1000 }
  const cache = new ChunkCache({ ...deps, keptBytesMax: 3 * 4096 })
  for (let number = 0; number < 10; number++) {
    const wanted = chunk(number)
    const held = await cache.hold({ ...wanted, placed: { ...wanted.placed, sizeBytes: 1 } }, NEVER, false)
    await held.ready
    held.release()
  }
  t.equal(cache.stats.keptBytes, 3 * 4096)
})
