/** The simulator's chunk store is one like the others, as long as nothing breaks. */

import t from 'tap'
import type { Clock } from '../../src/interfaces.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkId, Generation } from '../../src/types.ts'
import { chunkStoreConformance } from '../conformance/chunk-store.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { Chance } from './chance.ts'
import { Disk, DiskChunkStore } from './disk.ts'

/** A process that never dies. */
const userOf = (clock: Clock): ConstructorParameters<typeof DiskChunkStore>[0]['process'] => ({
  io: async (_what, work) => await work(),
  clock,
  chance: new Chance('disk')
})

chunkStoreConformance(t, 'a disk of the simulator', (_t, { clock, capacityBytes }) => {
  const disk = new Disk()
  disk.capacityBytes = capacityBytes
  return () => new DiskChunkStore({ disk, process: userOf(clock) })
})

const someChunk = (content: number): { id: ChunkId; bytes: Uint8Array } => {
  const bytes = Uint8Array.of(content, 1, 2, 3)
  return { id: chunkIdOf(bytes), bytes }
}

t.test('a disk that fails writes or not, and says neither', async (t) => {
  const disk = new Disk()
  const store = new DiskChunkStore({ disk, process: userOf(new ManualClock()) })
  await store.open()
  disk.failing = true
  for (let n = 0; n < 40; n++) {
    const { id, bytes } = someChunk(n)
    await t.rejects(store.put(id, bytes, 1 as Generation), { code: 'store-failed' })
  }
  const { chunks } = await store.usage()
  t.ok(chunks > 5 && chunks < 35, `${chunks} of 40`)
})

t.test('a wiped disk holds nothing, an old one what it held, a rotten one something else', async (t) => {
  const disk = new Disk()
  const store = new DiskChunkStore({ disk, process: userOf(new ManualClock()) })
  await store.open()
  const [first, second] = [someChunk(1), someChunk(2)]
  await store.put(first.id, first.bytes, 1 as Generation)
  const old = disk.snapshot()
  await store.put(second.id, second.bytes, 2 as Generation)
  await store.delete(first.id, 1 as Generation)
  disk.restore(old)
  t.ok(disk.holds(first.id), 'what was deleted is back')
  t.notOk(disk.holds(second.id), 'what came later is not there')
  t.equal(disk.rot(new Chance('rot')), first.id)
  t.notOk(disk.holds(first.id))
  await t.rejects(store.get(first.id), { code: 'chunk-corrupt' })
  disk.restore(old)
  t.ok(disk.holds(first.id), 'the copy has not rotted with it')
  disk.wipe()
  t.equal(disk.chunks.size, 0)
})
