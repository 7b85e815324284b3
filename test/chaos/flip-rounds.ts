/**
 * Rounds of flipped bits in a process of their own, a line of JSON each: LevelDB may end the process that reads a damaged block (it asserts what it reads, and classic-level lets
 * nobody ask for checksums first). That is a node that dies, and no wrong byte. Arguments: how to read, a folder for the copies, the first round, and the end of the rounds.
 */

import { writeSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../src/errors.ts'
import { sequenceOfSliceKey } from '../../src/node/store/chunk-record.ts'
import { openDatabase } from '../../src/node/store/leveldb.ts'
import { LevelChunkStore } from '../../src/node/store/level-chunk-store.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { ChunkId, Generation } from '../../src/types.ts'
import { contentOf } from './content.ts'
import { flipBits } from './disks.ts'
import { Dice } from './random.ts'

export const SEED = Number(process.env['PEERBIN_SEED'] ?? 20261121)
const CHUNKS = 24
const SIZES = [1, 300, 5000, 40_000, 262_144, 300_000]
const G1 = 1 as Generation

/** What came of the chunks in one round. */
export interface Seen {
  right: number
  lost: number
  /** The store could not be opened: an operator hears of it. */
  refused: number
  wrong: number
}

type Chunks = Map<ChunkId, Buffer>

const storeIn = (folder: string): LevelChunkStore =>
  new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })

const contents = Array.from({ length: CHUNKS }, (_, i) => contentOf(SEED, i, SIZES[i % SIZES.length] ?? 1))

/** A closed store with chunks in tables and in logs. */
export async function makeTemplate(folder: string): Promise<void> {
  for (const half of [contents.slice(0, CHUNKS / 2), contents.slice(CHUNKS / 2)]) {
    const store = storeIn(folder)
    await store.open() // what was in the log goes to tables
    for (const bytes of half) await store.put(chunkIdOf(bytes), bytes, G1)
    await store.close()
  }
}

/** Reads everything through the store. */
async function readAll(folder: string, chunks: Chunks, seen: Seen): Promise<void> {
  const store = storeIn(folder)
  try {
    await store.open()
    for (const [id, bytes] of chunks) {
      const got = await store.get(id).catch((error: unknown) => {
        if (!hasCode(error, 'chunk-corrupt', 'chunk-not-found')) throw error
      })
      if (got === undefined) seen.lost++
      else if (bytes.equals(got)) seen.right++
      else seen.wrong++
    }
  } catch (error) {
    if (!hasCode(error, 'store-failed')) throw error
    seen.refused++
  } finally {
    await store.close()
  }
}

/** A planted mistake: what LevelDB gives is believed. It checks no block on reading. */
async function believeAll(folder: string, chunks: Chunks, seen: Seen): Promise<void> {
  const options = { writeBufferSize: 2 ** 20, maxFileSize: 2 ** 20, blockSize: 4096, cacheSize: 0 }
  const database = await openDatabase(join(folder, 'slices'), options).catch(() => undefined) // too damaged
  if (database === undefined) return
  const read = new Map<number, Buffer[]>()
  try {
    for await (const [key, value] of database.iterator()) {
      const sequence = sequenceOfSliceKey(key)
      read.set(sequence, [...(read.get(sequence) ?? []), Buffer.from(value)])
    }
  } catch {
    // damage that LevelDB saw itself
  }
  await database.close()
  for (const slices of read.values()) if (!chunks.has(chunkIdOf(Buffer.concat(slices)))) seen.wrong++
}

const READERS = { store: readAll, believer: believeAll }
export type Reader = keyof typeof READERS
const isReader = (name: string | undefined): name is Reader => name !== undefined && name in READERS

async function main(reader: Reader, root: string, first: number, end: number): Promise<void> {
  const chunks: Chunks = new Map(contents.map((bytes) => [chunkIdOf(bytes), bytes]))
  for (let round = first; round < end; round++) {
    const folder = join(root, 'copy')
    await rm(folder, { recursive: true, force: true })
    await cp(join(root, 'template'), folder, { recursive: true })
    const where = await flipBits(folder, new Dice(SEED + round))
    const seen: Seen = { right: 0, lost: 0, refused: 0, wrong: 0 }
    await READERS[reader](folder, chunks, seen)
    writeSync(1, `${JSON.stringify({ round, where, seen })}\n`) // at once: the next round may end the process
  }
}

if (process.argv[1] === import.meta.filename) {
  const [reader, root, first, end] = process.argv.slice(2)
  if (!isReader(reader) || root === undefined) throw new Error('usage: flip-rounds READER FOLDER FIRST END')
  await main(reader, root, Number(first), Number(end))
}
