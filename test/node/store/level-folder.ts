/** What tests of the LevelDB store do with its folder. */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { PeerbinError } from '../../../src/errors.ts'
import type { Clock } from '../../../src/interfaces.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { openDatabase, type Database } from '../../../src/node/store/leveldb.ts'
import { SliceTable } from '../../../src/node/store/slice-table.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { G1, someChunk } from '../../conformance/chunk-store-kit.ts'

const MIB = 1024 * 1024
const SMALL = { writeBufferSize: MIB, maxFileSize: MIB, blockSize: 4096, cacheSize: MIB }

interface StoreOptions {
  clock?: Clock
  capacityBytes?: number
  onFailure?: (failure: PeerbinError) => void
}

/** An open store; closed at the end of the test. */
export async function storeIn(t: Test, folder: string, options: StoreOptions = {}): Promise<LevelChunkStore> {
  const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0, ...options })
  await store.open()
  t.teardown(() => store.close())
  return store
}

/** Opens one of the two databases of a closed store. */
export const databaseOf = (folder: string, part: 'chunks' | 'slices'): Promise<Database> =>
  openDatabase(join(folder, part), SMALL)

/** Bytes of all files that hold slices. */
export async function bytesOnDisk(folder: string): Promise<number> {
  const slices = join(folder, 'slices')
  const sizes = await Promise.all(
    (await readdir(slices)).map((name) =>
      stat(join(slices, name)).then(
        ({ size }) => size,
        () => 0 // LevelDB removed it meanwhile
      )
    )
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Puts `count` chunks of 1 MiB. */
export async function fill(store: LevelChunkStore, count: number) {
  const chunks = Array.from({ length: count }, () => someChunk(MIB))
  for (const { id, bytes } of chunks) await store.put(id, bytes, G1)
  return chunks
}

/** Puts another method in place of one of every SliceTable until the test ends, or `restore` is called. */
export function replaceMethod<Name extends 'read' | 'remove'>(
  t: Test,
  name: Name,
  make: (original: SliceTable[Name]) => SliceTable[Name]
): { restore: () => void } {
  const { prototype } = SliceTable
  const original = prototype[name]
  const restore = (): void => {
    prototype[name] = original
  }
  t.teardown(restore)
  prototype[name] = make(original)
  return { restore }
}
