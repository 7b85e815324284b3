/** The simulator's chunk store is one like the others, as long as nothing breaks. */

import t from 'tap'
import type { Clock } from '../../src/interfaces.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkId, Generation, PeerId } from '../../src/types.ts'
import { chunkStoreConformance } from '../conformance/chunk-store.ts'
import { snapshotName, snapshotStoreConformance } from '../conformance/snapshot-store.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { Chance } from './chance.ts'
import { Disk, DiskChunkStore } from './disk.ts'
import { KeptPieces, KeptPiecesStore } from './kept-pieces.ts'
import { Machine } from './machine.ts'

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

snapshotStoreConformance(t, 'a disk of the simulator', () => {
  const pieces = new KeptPieces()
  return () => new KeptPiecesStore({ disk: new Disk(), pieces, process: userOf(new ManualClock()) })
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

t.test(
  'a bit that rots is one bit of one chunk, which is found when it is read, and can be put again',
  async (t) => {
    const disk = new Disk()
    const store = new DiskChunkStore({ disk, process: userOf(new ManualClock()) })
    await store.open()
    t.equal(disk.rot(new Chance('none')), undefined, 'nothing is there to rot')
    const chunks = [1, 2, 3, 4].map(someChunk)
    for (const { id, bytes } of chunks) await store.put(id, bytes, 3 as Generation)
    const rotten = disk.rot(new Chance('rot'))
    t.same(
      chunks.filter(({ id }) => !disk.holds(id)).map(({ id }) => id),
      [rotten],
      'one, and the one that was named'
    )
    const victim = chunks.find(({ id }) => id === rotten)
    if (victim === undefined) throw new Error('no such chunk')
    const flipped = [...(disk.chunks.get(victim.id)?.bytes ?? [])].map(
      (byte, at) => byte ^ (victim.bytes[at] ?? 0)
    )
    const bits = flipped.join('') // all but one are 0
    t.equal(flipped.filter((byte) => byte > 0).length, 1, bits)
    t.ok([1, 2, 4, 8, 16, 32, 64, 128].includes(Math.max(...flipped)), bits)
    t.equal((await store.usage()).quarantined, 0, 'nobody has read it')
    await t.rejects(store.get(victim.id), { code: 'chunk-corrupt' })
    t.match(await store.usage(), { chunks: 3, quarantined: 1 })
    t.equal(await store.stat(victim.id), undefined)
    await store.put(victim.id, victim.bytes, 3 as Generation)
    t.ok(disk.holds(victim.id))
    t.match(await store.usage(), { chunks: 4, quarantined: 0 })
  }
)

t.test('snapshots go with their disk, and come back with an old one', async (t) => {
  const machine = new Machine('node', 'node', 'peer' as PeerId)
  const open = async (): Promise<KeptPiecesStore> => {
    const { disk, pieces } = machine
    const store = new KeptPiecesStore({ disk, pieces, process: userOf(new ManualClock()) })
    await store.open()
    return store
  }
  const bytes = Uint8Array.of(1, 2)
  await (await open()).put(snapshotName(), bytes)
  const old = machine.snapshot()
  const store = await open() // another process
  t.same(await store.get(snapshotName()), bytes)
  await store.put(snapshotName({ base: 2 }), bytes)
  await store.remove([snapshotName()])
  machine.restore(old)
  t.equal(await store.get(snapshotName({ base: 2 })), undefined)
  t.same(await store.get(snapshotName()), bytes)
  machine.wipe()
  t.same(await store.list(), [])
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
