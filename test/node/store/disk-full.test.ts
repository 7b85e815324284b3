/** A real disk that is full: a tmpfs of a few MiB. Needs the right to mount; says so where it is missing. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { hasCode, type PeerbinError } from '../../../src/errors.ts'
import type { ChunkStore } from '../../../src/interfaces.ts'
import { freeSpaceOf } from '../../../src/node/store/disk-space.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { LimitedChunkStore } from '../../../src/node/store/limited.ts'
import { BALLAST_NAME, SpaceReserve } from '../../../src/node/store/space-reserve.ts'
import { StopOnFailure } from '../../../src/node/store/stop-on-failure.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import type { ChunkId } from '../../../src/types.ts'
import { G1, G2, generationOf, someChunk } from '../../conformance/chunk-store-kit.ts'
import { until } from '../../kit/until.ts'

const MIB = 1024 * 1024
const G3 = generationOf(3)
const DISK_MIB = 128
/** Room that LevelDB may need to open again: two write buffers with a chunk over, written as tables while the logs are still there. */
const REOPEN_MIB = 48

interface Kept {
  id: ChunkId
  bytes: Uint8Array
}

/** Mounts a small tmpfs on `folder`. @returns why not */
function mount(folder: string): string | undefined {
  const result = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder], {
    encoding: 'utf8'
  })
  if (result.error !== undefined) return result.error.message
  return result.status === 0 ? undefined : result.stderr.trim()
}

const unmount = (folder: string): void => {
  spawnSync('umount', ['-l', folder])
  rmSync(folder, { recursive: true, force: true })
}

/** A disk of its own for one test; undefined when there can be none. */
function smallDisk(t: Test): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'peerbin-disk-'))
  const hindrance = mount(folder)
  if (hindrance === undefined) {
    t.teardown(() => unmount(folder)) // runs last: teardowns run in reverse order
    return folder
  }
  rmSync(folder, { recursive: true })
  process.stderr.write(`SKIPPED: ${t.name}: a tmpfs cannot be mounted: ${hindrance}\n`)
  t.plan(0, `a tmpfs cannot be mounted: ${hindrance}`)
  return undefined
}

/** Puts chunks of 1 MiB until one is refused. */
async function fill(store: ChunkStore): Promise<{ kept: Kept[]; refused: unknown }> {
  const kept: Kept[] = []
  for (let count = 0; count < 2 * DISK_MIB; count++) {
    const chunk = someChunk(MIB)
    try {
      await store.put(chunk.id, chunk.bytes, G1)
    } catch (refused) {
      return { kept, refused }
    }
    kept.push(chunk)
  }
  throw new Error('the disk was never full')
}

async function checkAll(t: Test, store: ChunkStore, kept: Kept[]): Promise<void> {
  for (const { id, bytes } of kept) t.ok(Buffer.from(bytes).equals(await store.get(id)))
}

t.test('with a reserve the store is full before the disk is, and goes on after deletes', async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  const level = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
  const store = new SpaceReserve({ store: level, folder, reserveBytes: REOPEN_MIB * MIB, ballastBytes: MIB })
  await store.open()
  t.teardown(() => store.close())
  const { kept, refused } = await fill(store)
  t.match(refused, { code: 'store-full' })
  t.ok(kept.length > 5, `${kept.length} chunks fit`)
  // while LevelDB writes what is in memory to a table, the log of it is on the disk too: what gets free after that is filled again
  await until('what it says is free is what it refuses', async () => {
    kept.push(...(await fill(store)).kept)
    return (await store.usage()).freeBytes < MIB
  })
  await store.close()
  await store.open()
  await checkAll(t, store, kept)
  for (const { id } of kept.slice(1)) t.equal(await store.delete(id, G1), true)
  await level.reclaim()
  t.ok((await store.usage()).freeBytes > MIB)
  const more = someChunk(MIB)
  await store.put(more.id, more.bytes, G1)
  await checkAll(t, store, [...kept.slice(0, 1), more])
})

t.test('a full disk stops the store without a loss, and it starts again once there is room', async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  const failures: PeerbinError[] = []
  const make = (): ChunkStore => {
    const level = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
    const reserve = new SpaceReserve({
      store: level,
      folder,
      reserveBytes: 0,
      ballastBytes: REOPEN_MIB * MIB,
      freeSpace: async () => 2 ** 40 // as if something else took the space between the look and the write
    })
    return new StopOnFailure({ store: reserve, onFailure: (failure) => failures.push(failure) })
  }
  const store = make()
  await store.open()
  const { kept, refused } = await fill(store)
  t.ok(hasCode(refused, 'store-failed'), String(refused))
  t.equal(failures.length, 1)
  await checkAll(t, store, kept)
  await store.close()
  await fillWithJunk(folder)
  await t.rejects(make().open(), { code: 'store-failed' })
  await rm(join(folder, BALLAST_NAME)) // what the ballast is for: the disk is still full of something else
  const roomy = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
  await roomy.open()
  t.teardown(() => roomy.close())
  await checkAll(t, roomy, kept)
  for (const { id } of kept) await roomy.delete(id, G1)
  await roomy.reclaim()
  const { id, bytes } = someChunk(MIB)
  await roomy.put(id, bytes, G1)
  await checkAll(t, roomy, [{ id, bytes }])
})

t.test(
  'a disk that others fill leaves a node that reads, raises and deletes, and takes chunks again later',
  async (t) => {
    const folder = smallDisk(t)
    if (folder === undefined) return
    const failures: PeerbinError[] = []
    const level = new LevelChunkStore({
      folder,
      clock: systemClock,
      capacityBytes: 0
    })
    const reserve = new SpaceReserve({
      store: level,
      folder,
      reserveBytes: REOPEN_MIB * MIB,
      ballastBytes: 0
    })
    const watched = new StopOnFailure({ store: reserve, onFailure: (failure) => failures.push(failure) })
    const store = new LimitedChunkStore({ store: watched, putsMax: 2, getsMax: 2, waitersMax: 10 })
    await store.open()
    t.teardown(() => store.close())
    const { kept } = await fill(store)
    await fillWithJunk(folder, MIB)
    await checkAll(t, store, kept)
    const more = someChunk(MIB)
    await t.rejects(store.put(more.id, more.bytes, G1), { code: 'store-full' })
    const [first, ...others] = kept
    if (first === undefined) throw new Error('none was kept')
    t.match(await store.put(first.id, first.bytes, G2), { generation: 2 }, 'what is there takes no space')
    t.match(await store.raise(first.id, G3), { generation: 3 })
    for (const { id } of others) t.equal(await store.delete(id, G1), true)
    await t.rejects(level.reclaim(), { code: 'store-failed' }, 'LevelDB would break off in the middle')
    await checkAll(t, store, [first])
    await rm(join(folder, 'junk'))
    await level.reclaim()
    t.ok(
      (await store.usage()).freeBytes > (kept.length / 2) * MIB,
      'space comes back once there is room to work'
    )
    await store.put(more.id, more.bytes, G1)
    await checkAll(t, store, [first, more])
    t.same(failures, [], 'and nothing was ever lost or stopped')
  }
)

/** Takes all but the last free bytes. */
async function fillWithJunk(folder: string, leaveBytes = -MIB): Promise<void> {
  await writeFile(join(folder, 'junk'), new Uint8Array((await freeSpaceOf(folder)) - leaveBytes)).catch(
    () => undefined
  )
}
