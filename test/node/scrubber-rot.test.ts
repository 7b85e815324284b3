/** Bits that flip in the tables of a closed store: one pass of the scrub finds every chunk they hit, and harms no other. */

import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { defaultConfig } from '../../src/config.ts'
import { NEVER_SCRUBBED, Scrubber } from '../../src/node/scrubber.ts'
import { LevelChunkStore } from '../../src/node/store/level-chunk-store.ts'
import { SliceTable } from '../../src/node/store/slice-table.ts'
import { memoryCell } from '../../src/runtime/cell.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { ChunkId } from '../../src/types.ts'
import { G1, someChunk } from '../conformance/chunk-store-kit.ts'
import { seededRandom } from '../kit/seeded-random.ts'
import { testFolder } from '../kit/test-folder.ts'

const FLIPS = 200
const CHUNKS = 400
const KIB = 1024
const SIZES = [1, 100, 5000, 40 * KIB, 200 * KIB, 300 * KIB]
const SEED = Number(process.env['PEERBIN_SEED'] ?? 20261121)
/** What stands at the end of a table is its index: damage there hits all of it at once, which rot.test.ts looks at. */
const DATA_SHARE = 0.98

interface Kept {
  id: ChunkId
  bytes: Uint8Array
}

/** A closed store with everything in tables. The chunks are in order of their sequences. */
async function makeStore(folder: string): Promise<Kept[]> {
  const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
  await store.open()
  const kept = Array.from({ length: CHUNKS }, (_, index) => someChunk(SIZES[index % SIZES.length]))
  // ids of one byte repeat: they are one chunk
  const unique = [...new Map(kept.map((chunk) => [chunk.id, chunk])).values()]
  for (const { id, bytes } of unique) await store.put(id, bytes, G1)
  await store.close()
  await store.open() // moves what is in the logs to tables
  await store.close()
  return unique
}

async function flipBits(folder: string): Promise<void> {
  const random = seededRandom(SEED)
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ldb'))
  const tables = await Promise.all(names.map((name) => readFile(join(folder, name))))
  const total = tables.reduce((sum, table) => sum + table.byteLength, 0)
  for (let flip = 0; flip < FLIPS; flip++) {
    let at = Math.floor(random.fraction() * total)
    for (const table of tables) {
      const dataBytes = Math.floor(table.byteLength * DATA_SHARE)
      if (at < dataBytes) table[at] = (table[at] ?? 0) ^ (1 << Math.floor(random.fraction() * 8))
      if (at < table.byteLength) break
      at -= table.byteLength
    }
  }
  for (const [index, name] of names.entries()) await writeFile(join(folder, name), tables[index] ?? '')
}

/** Which chunks are not what they were; the truth, from the slices themselves. */
async function rottenOf(folder: string, kept: Kept[]): Promise<Set<ChunkId>> {
  const slices = await SliceTable.open(folder)
  const rotten = new Set<ChunkId>()
  for (const [index, { id, bytes }] of kept.entries()) {
    const stored = await slices.read(index + 1, bytes.byteLength)
    if (stored === undefined || !Buffer.from(bytes).equals(stored)) rotten.add(id)
  }
  await slices.close()
  return rotten
}

/** One pass over everything, as fast as it can. @returns what it told of */
async function scrubAll(store: LevelChunkStore) {
  const told: ChunkId[] = []
  const scrubber = new Scrubber({
    store,
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
    config: { ...defaultConfig().scrub, bytesPerSecond: 0 },
    clientsBusy: () => 0,
    onRotten: ({ id }) => told.push(id),
    state: memoryCell(NEVER_SCRUBBED)
  })
  scrubber.start()
  const { signal } = new AbortController()
  while (scrubber.report().running) await scrubber.step(signal)
  return { told, report: scrubber.report() }
}

t.test(`one pass finds all rot (seed ${SEED})`, { timeout: 120_000 }, async (t) => {
  const folder = testFolder(t)
  const kept = await makeStore(folder)
  await flipBits(join(folder, 'slices'))
  const rotten = await rottenOf(join(folder, 'slices'), kept)
  const good = kept.filter(({ id }) => !rotten.has(id))
  t.ok(rotten.size > 50 && good.length > 50, `${rotten.size} of ${kept.length} are rotten`)
  const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
  await store.open()
  t.teardown(() => store.close())
  const before = await store.list({ limit: 10_000 })
  t.equal(before.length, kept.length, 'nobody has looked yet')

  const { told, report } = await scrubAll(store)
  t.same(told.toSorted(), [...rotten].toSorted())
  t.match(report, { checkedChunks: kept.length, totalChunks: kept.length, rotten: rotten.size })

  t.match(await store.usage(), { chunks: good.length, quarantined: rotten.size })
  for (const id of rotten) await t.rejects(store.get(id), { code: 'chunk-corrupt' })
  for (const { id, bytes } of good) t.ok(Buffer.from(bytes).equals(await store.get(id)))
  const after = new Map((await store.list({ limit: 10_000 })).map((info) => [info.id, info]))
  t.equal(after.size, good.length)
  for (const info of before.filter(({ id }) => !rotten.has(id))) {
    const verifiedAt = after.get(info.id)?.verifiedAt ?? 0
    t.ok(verifiedAt > info.verifiedAt)
    t.same(after.get(info.id), { ...info, verifiedAt }, 'else what is recorded of good ones is as it was')
  }
  t.same((await scrubAll(store)).told, [], 'another pass finds no more')
})
