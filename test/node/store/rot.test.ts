/** Bits that flip in the files of a closed store: wrong bytes are never served, and a put repairs what was lost. */

import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { PeerbinError, hasCode } from '../../../src/errors.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import type { ChunkId } from '../../../src/types.ts'
import { G1, G2, someChunk } from '../../conformance/chunk-store-kit.ts'
import { seededRandom } from '../../kit/seeded-random.ts'
import { testFolder } from '../../kit/test-folder.ts'

const ROUNDS = 60
const SEED = Number(process.env['PEERBIN_SEED'] ?? 20261121)
const KIB = 1024
/** Sizes with one slice and with several; small ones, so that a flip often hits what holds them together. */
const SIZES = [1, 100, 100, 5000, 40 * KIB, 256 * KIB, 300 * KIB]

const storeIn = (folder: string): LevelChunkStore =>
  new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })

/** A closed store that has chunks in tables and in logs, in both of its databases. */
async function makeTemplate(folder: string) {
  const chunks = [...SIZES, ...SIZES].map((size) => someChunk(size))
  const half = chunks.length / 2
  const store = storeIn(folder)
  await store.open()
  for (const { id, bytes } of chunks.slice(0, half)) await store.put(id, bytes, G1)
  await store.close() // opening again moves what is in the logs to tables
  await store.open()
  for (const { id, bytes } of chunks.slice(half)) await store.put(id, bytes, G1)
  const gone = someChunk(100)
  await store.put(gone.id, gone.bytes, G1)
  await store.delete(gone.id, G1)
  await store.close()
  return { chunks, gone }
}

/** Flips one to four bits of one file that holds data. @returns where, for the message of a failure */
async function flipBits(folder: string, random: ReturnType<typeof seededRandom>): Promise<string> {
  const pick = (count: number): number => Math.floor(random.fraction() * count)
  const names = ['slices', 'chunks'].map(async (part) =>
    (await readdir(join(folder, part)))
      .filter((name) => /\.(ldb|log)$|^MANIFEST/.test(name))
      .map((name) => join(part, name))
  )
  const files = (await Promise.all(names)).flat()
  const name = files[pick(files.length)] ?? 'none'
  const bytes = await readFile(join(folder, name))
  if (bytes.byteLength === 0) return `${name} is empty`
  const flips = Array.from({ length: 1 + pick(4) }, () => pick(bytes.byteLength * 8))
  for (const bit of flips) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  await writeFile(join(folder, name), bytes)
  return `${name} bits ${flips.join(', ')}`
}

/** Reads everything. @returns how many chunks were lost; throws when anything but the right bytes or an honest error comes. */
async function readAll(
  store: LevelChunkStore,
  chunks: Array<{ id: ChunkId; bytes: Uint8Array }>
): Promise<number> {
  let lost = 0
  for (const { id, bytes } of chunks) {
    try {
      if (!Buffer.from(bytes).equals(await store.get(id))) throw new Error('WRONG BYTES were served')
    } catch (error) {
      if (!hasCode(error, 'chunk-corrupt', 'chunk-not-found')) throw error
      lost++
    }
  }
  await store.list({ limit: 100 })
  return lost
}

t.test(`bit flips: never wrong bytes, and a put repairs (seed ${SEED})`, { timeout: 120_000 }, async (t) => {
  const root = testFolder(t)
  const template = join(root, 'template')
  const { chunks, gone } = await makeTemplate(template)
  const random = seededRandom(SEED)
  const seen = { refused: 0, lost: 0, harmless: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const folder = join(root, 'copy')
    await cp(template, folder, { recursive: true })
    const where = `round ${round}: ${await flipBits(folder, random)}`
    const store = storeIn(folder)
    try {
      await store.open()
      const lost = await readAll(store, chunks)
      if (lost > 0) seen.lost++
      else seen.harmless++
      for (const { id, bytes } of chunks) await store.put(id, bytes, G2)
      if ((await readAll(store, chunks)) > 0) throw new Error('a put did not repair')
      await store.close()
      await store.open()
      if ((await readAll(store, chunks)) > 0) throw new Error('a repair did not last')
      // rot can take a delete back (LevelDB skips damaged log records without a word): the cluster orders it again
      await readAll(store, [gone])
    } catch (error) {
      const honest =
        error instanceof PeerbinError && error.code === 'store-failed' && error.message.includes(folder)
      if (!honest) t.fail(`${where}: ${String(error)}`)
      else seen.refused++
    } finally {
      await store.close()
      await rm(folder, { recursive: true })
    }
  }
  t.comment(JSON.stringify(seen))
  t.ok(seen.refused > 0 && seen.lost > 0 && seen.harmless > 0, 'the flips reach what matters')
})
