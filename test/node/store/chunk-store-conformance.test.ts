import t from 'tap'
import type { Test } from 'tap'
import type { ChunkStore, Clock } from '../../../src/interfaces.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { LimitedChunkStore } from '../../../src/node/store/limited.ts'
import { MemoryChunkStore } from '../../../src/node/store/memory-chunk-store.ts'
import { SpaceReserve } from '../../../src/node/store/space-reserve.ts'
import { StopOnFailure } from '../../../src/node/store/stop-on-failure.ts'
import type { ChunkId } from '../../../src/types.ts'
import { chunkStoreConformance, type PlaceForChunks } from '../../conformance/chunk-store.ts'
import { FaultyChunkStore } from '../../kit/faulty-chunk-store.ts'
import { rotChunk } from './rot-chunk.ts'
import { testFolder } from '../../kit/test-folder.ts'

const MIB = 1024 * 1024

type Decorator = (store: ChunkStore, folder: string) => ChunkStore

const decorators: Record<string, Decorator> = {
  'with a reserve of space': (store, folder) =>
    new SpaceReserve({ store, folder, reserveBytes: MIB, ballastBytes: MIB }),
  'with limits': (store) => new LimitedChunkStore({ store, putsMax: 2, getsMax: 2, waitersMax: 100 }),
  'that stops on failure': (store) =>
    new StopOnFailure({
      store,
      onFailure: (failure) => {
        throw failure
      }
    }),
  'with no faults': (store) => new FaultyChunkStore({ store })
}

const everything: Decorator = (store, folder) =>
  Object.values(decorators).reduce((inner, decorate) => decorate(inner, folder), store)

interface Place {
  folder: string
  make: () => ChunkStore
  rot: (id: ChunkId) => Promise<void> | void
}

type Base = (t: Test, options: { clock: Clock; capacityBytes: number }) => Place

const memory: Base = (t, options) => {
  const store = new MemoryChunkStore(options)
  return { folder: testFolder(t), make: () => store, rot: (id) => store.rot(id) }
}

const level: Base = (t, options) => {
  const folder = testFolder(t)
  return {
    folder,
    make: () => new LevelChunkStore({ ...options, folder }),
    rot: (id) => rotChunk(folder, id)
  }
}

const decorated =
  (base: Base, decorate: Decorator): PlaceForChunks =>
  (t, options) => {
    const { folder, make, rot } = base(t, options)
    return Object.assign(() => decorate(make(), folder), { rot })
  }

for (const [name, base] of Object.entries({ memory, LevelDB: level })) {
  chunkStoreConformance(
    t,
    name,
    decorated(base, (store) => store)
  )
  for (const [text, decorate] of Object.entries(decorators)) {
    chunkStoreConformance(t, `${name}, ${text}`, decorated(base, decorate))
  }
  chunkStoreConformance(t, `${name}, with all of that`, decorated(base, everything))
}
