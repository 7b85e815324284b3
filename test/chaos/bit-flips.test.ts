/** 200 flips in the files of a node's store: each read gives the right bytes or an error. What a put repairs is in test/node/store/rot.test.ts. */

import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
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
import { testFolder } from '../kit/test-folder.ts'

t.setTimeout(300_000)

const ROUNDS = Number(process.env['PEERBIN_BIT_FLIPS'] ?? 200)
const SEED = Number(process.env['PEERBIN_SEED'] ?? 20261121)
const CHUNKS = 24
const SIZES = [1, 300, 5000, 40_000, 262_144, 300_000]
const G1 = 1 as Generation

type Chunks = Map<ChunkId, Buffer>

const storeIn = (folder: string): LevelChunkStore =>
  new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })

/** A closed store with chunks in tables and in logs. */
async function makeTemplate(folder: string): Promise<Chunks> {
  const chunks: Chunks = new Map()
  for (let half = 0; half < 2; half++) {
    const store = storeIn(folder)
    await store.open() // what was in the log goes to tables
    for (let i = 0; i < CHUNKS / 2; i++) {
      const bytes = contentOf(SEED, half * CHUNKS + i, SIZES[i % SIZES.length] ?? 1)
      chunks.set(chunkIdOf(bytes), bytes)
      await store.put(chunkIdOf(bytes), bytes, G1)
    }
    await store.close()
  }
  return chunks
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
    seen.refused++ // too damaged to be opened: an operator hears of it
  } finally {
    await store.close()
  }
}

interface Seen {
  right: number
  lost: number
  refused: number
  wrong: number
}

async function flipAndRead(
  t: Test,
  rounds: number,
  read: (folder: string, chunks: Chunks, seen: Seen) => Promise<void>
): Promise<Seen> {
  const root = testFolder(t)
  const template = join(root, 'template')
  const chunks = await makeTemplate(template)
  const dice = new Dice(SEED)
  const seen: Seen = { right: 0, lost: 0, refused: 0, wrong: 0 }
  for (let round = 0; round < rounds; round++) {
    const folder = join(root, 'copy')
    await cp(template, folder, { recursive: true })
    const where = await flipBits(folder, dice)
    const before = seen.wrong
    await read(folder, chunks, seen)
    if (seen.wrong > before) t.comment(`round ${round}: wrong bytes after flips at ${where}`)
    await rm(folder, { recursive: true })
  }
  t.comment(JSON.stringify(seen))
  return seen
}

t.test(`${ROUNDS} times bits flip, and no wrong byte is read (seed ${SEED})`, async (t) => {
  const seen = await flipAndRead(t, ROUNDS, readAll)
  t.equal(seen.wrong, 0)
  t.ok(seen.right > 0 && seen.lost > 0, 'the flips reach what matters')
})

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
  const known = new Set(chunks.keys())
  for (const slices of read.values()) if (!known.has(chunkIdOf(Buffer.concat(slices)))) seen.wrong++
}

t.test('a store that believes what it reads is found', async (t) => {
  t.ok((await flipAndRead(t, 40, believeAll)).wrong > 0)
})
