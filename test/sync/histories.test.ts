/** Random histories of two synced folders and of somebody who works at the server itself: in the end all have the same, and nothing is lost. */

import fc from 'fast-check'
import t from 'tap'
import { hasCode } from '../../src/errors.ts'
import { Client, quietly } from './client.ts'
import { MemoryServer } from './memory-remote.ts'

const PATHS = ['a', 'b', 'd', 'd/a', 'd/b']

type Deed =
  | { do: 'put'; who: number; path: string }
  | { do: 'delete'; who: number; path: string }
  | { do: 'move'; who: number; path: string; to: string }
  | { do: 'copy'; who: number; path: string; to: string }
  | { do: 'sync'; who: number; crashAt: number | undefined }

const pathOf = fc.constantFrom(...PATHS)
const who = fc.integer({ min: 0, max: 2 })
const deeds: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), who, path: pathOf }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), who, path: pathOf }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('move' as const), who, path: pathOf, to: pathOf }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('copy' as const), who, path: pathOf, to: pathOf }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('sync' as const),
      who: fc.integer({ min: 0, max: 1 }),
      crashAt: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined, freq: 3 })
    })
  }
)

class World {
  readonly server = new MemoryServer()
  readonly clients: readonly Client[]
  /** Contents that somebody who had them overwrote or deleted. */
  readonly #given = new Set<string>()
  readonly #written = new Set<string>()
  #count = 0

  constructor() {
    let at = 0
    const now = (): number => Date.UTC(2026, 10, 22) + 1000 * at++
    this.server.now = now
    this.clients = ['one', 'two'].map((host) => new Client(this.server, host, now))
  }

  async do(deed: Deed): Promise<void> {
    if (deed.do === 'sync') return await this.clients[deed.who]?.sync(deed.crashAt)
    const folder = this.clients[deed.who]?.folder
    const files = folder?.files() ?? this.server.files()
    const before = files.get(deed.path)
    if (deed.do === 'put') {
      const text = `content ${++this.#count}`
      if (folder === undefined) return this.#atServer(() => this.server.put(deed.path, text), before, text)
      if (!folder.hasRoom(deed.path)) return
      this.#change(before, text)
      folder.put(deed.path, text)
    } else if (deed.do === 'delete') {
      this.#change(before)
      if (folder === undefined) this.server.delete(deed.path)
      else folder.delete(deed.path)
    } else {
      if (before === undefined || deed.path === deed.to) return
      if (folder === undefined) {
        if (deed.do === 'move') quietly(() => this.server.rename(deed.path, deed.to))
        return
      }
      if (!folder.hasRoom(deed.to)) return
      this.#change(files.get(deed.to))
      if (deed.do === 'move') folder.move(deed.path, deed.to)
      else folder.put(deed.to, before)
    }
  }

  #change(before: string | undefined, after?: string): void {
    if (before !== undefined) this.#given.add(before)
    if (after !== undefined) this.#written.add(after)
  }

  #atServer(work: () => void, before: string | undefined, after: string): void {
    try {
      work()
    } catch (error) {
      if (hasCode(error)) return
      throw error
    }
    this.#change(before, after)
  }

  /** Everybody comes back and has no more trouble. */
  async end(): Promise<void> {
    for (let round = 0, quiet = 0; round < 14; round++) {
      let isQuiet = true
      for (const client of this.clients) {
        const summary = await client.syncWell()
        if (summary.skipped.length > 0) throw new Error(`skipped: ${JSON.stringify(summary.skipped)}`)
        const done = { ...summary, files: 0, skipped: 0, refusedDeletes: 0 }
        if (Object.values(done).some((count) => count > 0)) isQuiet = false
      }
      // a commit of which the answer was lost is no step of a round, and the others have to see it
      if ((quiet = isQuiet ? quiet + 1 : 0) === 2) return
    }
    throw new Error('they go on for ever')
  }

  check(): void {
    const there = [...this.server.files()]
    for (const { folder, host } of this.clients) {
      const here = [...folder.files()]
      if (JSON.stringify(here) !== JSON.stringify(there))
        throw new Error(`${host} has ${JSON.stringify(here)}, the server ${JSON.stringify(there)}`)
    }
    // as files, not only as versions: nobody who had seen them has put anything else in their place
    const kept = new Set(this.server.files().values())
    for (const text of this.#written) {
      if (!kept.has(text) && !this.#given.has(text)) throw new Error(`lost: ${text}`)
    }
    if ([...this.server.contents()].some((text) => !this.#written.has(text)))
      throw new Error('a content that nobody wrote')
    if (there.some(([path]) => path.includes('.moving-'))) throw new Error('a momentary name is left')
  }
}

t.test(
  'folders and server agree in the end, and nothing is lost, with crashes and lost answers at any step',
  async (t) => {
    const runs = Number(process.env['SYNC_RUNS'] ?? 300)
    const seed = process.env['SYNC_SEED']
    await fc.assert(
      fc.asyncProperty(fc.array(deeds, { minLength: 10, maxLength: 50, size: 'max' }), async (history) => {
        const world = new World()
        for (const deed of history) await world.do(deed)
        await world.end()
        world.check()
      }),
      { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) }
    )
    t.pass(`${runs} histories`)
  }
)

t.test('what is deleted does not come back, whenever a machine died that was fetching it', async (t) => {
  for (const had of [[], ['an earlier version']])
    for (let crashAt = 0; crashAt < 25; crashAt++) {
      const world = new World()
      for (const text of [...had, 'what was fetched']) {
        await world.end()
        world.server.put('a', text)
      }
      await world.do({ do: 'sync', who: 0, crashAt })
      world.server.delete('a')
      await world.end()
      t.strictSame([...world.server.files().keys()], [], `${had.length} before, died at step ${crashAt}`)
    }
})
