/** What the files of the ChunkStore suite share. */

import type { Test } from 'tap'
import type { ChunkStore, Clock } from '../../src/interfaces.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkId, Generation } from '../../src/types.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'

export const KIB = 1024

/** Makes a store, not opened, that sees what earlier ones of the same place have stored. */
export type MakeStore = (() => ChunkStore) & {
  /** Flips a bit of what is stored of a chunk, while no store of the place is open; without it the suite checks nothing of quarantine. */
  rot?: (id: ChunkId) => Promise<void> | void
}

/** Makes a place for chunks. `capacityBytes` 0: no limit that the suite could reach. */
export type PlaceForChunks = (t: Test, options: { clock: Clock; capacityBytes: number }) => MakeStore

const random = seededRandom(7)
/** `size` bytes that no other call gives: a filled pattern with random bytes at its start and end. */
export function someBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(random.bytes(1)[0] ?? 0)
  bytes.set(random.bytes(Math.min(size, 16)), 0)
  if (size > 16) bytes.set(random.bytes(Math.min(size - 16, 16)), Math.max(16, size - 16))
  return bytes
}

export const generationOf = (value: number): Generation => value as Generation
export const G1 = generationOf(1)
export const G2 = generationOf(2)

/** A chunk of so many bytes, made up. */
export function someChunk(size = 1000): { id: ChunkId; bytes: Uint8Array } {
  const bytes = someBytes(size)
  return { id: chunkIdOf(bytes), bytes }
}

/** An open store in a new place, closed when the test ends. */
export async function opened(
  t: Test,
  place: PlaceForChunks,
  capacityBytes = 0
): Promise<{ store: ChunkStore; clock: ManualClock }> {
  const clock = new ManualClock()
  const store = place(t, { clock, capacityBytes })()
  await store.open()
  t.teardown(() => store.close())
  return { store, clock }
}
