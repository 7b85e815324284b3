/** Random operations on a store in memory and one in LevelDB: every answer is the same, with closing and opening in between. */

import fc from 'fast-check'
import t from 'tap'
import { PeerbinError } from '../../../src/errors.ts'
import type { ChunkStore } from '../../../src/interfaces.ts'
import { VERIFIED_STEP_MS } from '../../../src/node/store/chunk-rules.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { MemoryChunkStore } from '../../../src/node/store/memory-chunk-store.ts'
import { chunkIdOf } from '../../../src/protocol/ids.ts'
import { generationOf, someBytes, someChunk } from '../../conformance/chunk-store-kit.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { rotChunk } from './rot-chunk.ts'
import { testFolder } from '../../kit/test-folder.ts'

const RUNS = 40
const STEPS_MAX = 60
/** Holds all but one of the large chunks; the small ones always fit, so that who comes first among puts at once decides nothing. */
const CAPACITY_BYTES = 1_000_000
const KIB = 1024

/** What operations choose from: few, so that they meet. */
const pool = [1, 1000, 256 * KIB, 256 * KIB + 1, 600 * KIB].map((size) => someChunk(size))
const manifest = someBytes(300)
manifest.set(Buffer.from('PBMF\u0001', 'latin1'))
pool.push({ id: chunkIdOf(manifest), bytes: manifest })
const at = (index: number) => pool[index % pool.length] ?? someChunk()

interface Real {
  memory: MemoryChunkStore
  level: LevelChunkStore
  /** Of the LevelDB store. */
  folder: string
  clock: ManualClock
}

/** An answer or the code of an error, in a form that can be compared. */
async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    const answer = await work
    return answer instanceof Uint8Array ? Buffer.from(answer).toString('base64') : answer
  } catch (error) {
    if (error instanceof PeerbinError) return { code: error.code }
    throw error
  }
}

class Step implements fc.AsyncCommand<object, Real> {
  readonly #text: string
  readonly #both: ((store: ChunkStore) => Promise<unknown>) | undefined
  readonly #also: (real: Real) => Promise<void>

  constructor(
    text: string,
    both: ((store: ChunkStore) => Promise<unknown>) | undefined,
    also: (real: Real) => Promise<void> = async () => {}
  ) {
    this.#text = text
    this.#both = both
    this.#also = also
  }

  check(): boolean {
    return true
  }

  async run(_model: object, real: Real): Promise<void> {
    await this.#also(real)
    const both = this.#both
    if (both === undefined) return
    const [expected, actual] = await Promise.all([outcome(both(real.memory)), outcome(both(real.level))])
    if (JSON.stringify(expected) !== JSON.stringify(actual)) {
      throw new Error(
        `${this.#text}: ${JSON.stringify(expected)} in memory, ${JSON.stringify(actual)} in LevelDB`
      )
    }
  }

  toString(): string {
    return this.#text
  }
}

const chunk = fc.nat({ max: pool.length - 1 })
const generation = fc.nat({ max: 3 })

const put = fc.tuple(chunk, generation, fc.nat({ max: 9 })).map(([index, g, wrong]) => {
  const bytes = wrong === 0 ? at(index + 1).bytes : at(index).bytes
  return new Step(`put ${index} at ${g}${wrong === 0 ? ' with wrong bytes' : ''}`, (store) =>
    store.put(at(index).id, bytes, generationOf(g))
  )
})
const get = chunk.map((index) => new Step(`get ${index}`, (store) => store.get(at(index).id)))
const getRange = fc
  .tuple(
    chunk,
    fc.integer({ min: -1, max: 300 * KIB }),
    fc.option(fc.integer({ min: 0, max: 300 * KIB }), { nil: undefined })
  )
  .map(
    ([index, offset, length]) =>
      new Step(`get ${index} from ${offset} over ${String(length)}`, (store) =>
        store.get(at(index).id, length === undefined ? { offset } : { offset, length })
      )
  )
const stat = chunk.map((index) => new Step(`stat ${index}`, (store) => store.stat(at(index).id)))
const remove = fc
  .tuple(chunk, generation)
  .map(
    ([index, g]) =>
      new Step(`delete ${index} at ${g}`, (store) => store.delete(at(index).id, generationOf(g)))
  )
const raise = fc
  .tuple(chunk, generation)
  .map(
    ([index, g]) => new Step(`raise ${index} to ${g}`, (store) => store.raise(at(index).id, generationOf(g)))
  )
const list = fc
  .tuple(fc.option(chunk, { nil: undefined }), fc.integer({ min: 0, max: 9 }), fc.boolean())
  .map(
    ([after, limit, manifests]) =>
      new Step(`list ${limit} after ${String(after)}${manifests ? ', manifests' : ''}`, (store) =>
        store.list({ limit, manifests, ...(after === undefined ? {} : { after: at(after).id }) })
      )
  )
const rot = chunk.map(
  (index) =>
    new Step(`close, ${index} rots, open`, undefined, async ({ memory, level, folder }) => {
      const { id } = at(index)
      for (const store of [memory, level]) await store.close()
      memory.rot(id)
      await rotChunk(folder, id)
      for (const store of [memory, level]) await store.open()
    })
)
const dropQuarantined = fc
  .tuple(fc.nat({ max: 3 * VERIFIED_STEP_MS }), fc.integer({ min: 1, max: 9 }))
  .map(
    ([before, limit]) =>
      new Step(`drop ${limit} from quarantine`, (store) =>
        store.dropQuarantined(new ManualClock().now() + before, limit)
      )
  )
const usage = fc.constant(new Step('usage', (store) => store.usage()))
const pass = fc
  .constantFrom(1, VERIFIED_STEP_MS - 1, VERIFIED_STEP_MS)
  .map((ms) => new Step(`${ms} ms pass`, undefined, async ({ clock }) => clock.jump(ms)))
const reclaim = fc.constant(new Step('reclaim', undefined, ({ level }) => level.reclaim()))
const reopen = fc.constant(
  new Step('close and open', undefined, async ({ memory, level }) => {
    for (const store of [memory, level]) {
      await store.close()
      await store.open()
    }
  })
)
const atOnce = fc.array(fc.tuple(chunk, generation), { minLength: 2, maxLength: 6 }).map(
  (puts) =>
    new Step(`at once: put ${puts.map(([index, g]) => `${index} at ${g}`).join(', ')}`, async (store) => {
      // the answers depend on who comes first, what is there in the end does not (unless the store is full)
      await Promise.allSettled(
        puts.map(([index, g]) => store.put(at(index % 3).id, at(index % 3).bytes, generationOf(g)))
      )
      const infos = await store.list({ limit: 100 })
      return infos.map(({ id, generation: g }) => [id, g])
    })
)

t.test('a store in memory and one in LevelDB give the same answers', { timeout: 120_000 }, async (t) => {
  const folder = testFolder(t)
  let run = 0
  const property = fc.asyncProperty(
    fc.commands(
      [
        put,
        put,
        put,
        get,
        get,
        getRange,
        stat,
        remove,
        remove,
        raise,
        list,
        usage,
        pass,
        rot,
        dropQuarantined,
        reclaim,
        reopen,
        atOnce
      ],
      {
        maxCommands: STEPS_MAX,
        size: 'max'
      }
    ),
    async (commands) => {
      const clock = new ManualClock()
      const memory = new MemoryChunkStore({ clock, capacityBytes: CAPACITY_BYTES })
      const place = `${folder}/${run++}`
      const level = new LevelChunkStore({
        folder: place,
        clock,
        capacityBytes: CAPACITY_BYTES
      })
      await Promise.all([memory.open(), level.open()])
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: { memory, level, clock, folder: place } }), commands)
      } finally {
        await Promise.all([memory.close(), level.close()])
      }
    }
  )
  await fc.assert(property, { numRuns: RUNS, ...seedOf(process.env['PEERBIN_SEED']) })
  t.pass(`${run} runs`)
})

/** PEERBIN_SEED replays a failure that was printed. */
function seedOf(text: string | undefined): { seed?: number } {
  return text === undefined ? {} : { seed: Number(text) }
}
