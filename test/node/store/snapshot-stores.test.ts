import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import t from 'tap'
import type { PeerbinError } from '../../../src/errors.ts'
import { LevelSnapshotStore } from '../../../src/node/store/level-snapshot-store.ts'
import { MemorySnapshotStore } from '../../../src/node/store/memory-snapshot-store.ts'
import { pieceKey, recordKey, snapshotFormatKey } from '../../../src/node/store/snapshot-record.ts'
import { CHUNK_BYTES_MAX } from '../../../src/protocol/limits.ts'
import { someBytes } from '../../conformance/chunk-store-kit.ts'
import { snapshotName, snapshotStoreConformance } from '../../conformance/snapshot-store.ts'
import { testFolder } from '../../kit/test-folder.ts'

snapshotStoreConformance(t, 'memory', () => {
  const store = new MemorySnapshotStore()
  return () => store
})
snapshotStoreConformance(t, 'LevelDB', (t) => {
  const folder = testFolder(t)
  return () => new LevelSnapshotStore({ folder })
})

/** Changes what is in the folder behind the store's back. */
async function damage(folder: string, key: Uint8Array, change: (value: Uint8Array) => void): Promise<void> {
  const database = new Level<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view' })
  const value = await database.get(key)
  if (value === undefined) throw new Error('there is no such key')
  const changed = Uint8Array.from(value)
  change(changed)
  await database.put(key, changed)
  await database.close()
}

const flip =
  (at: number) =>
  (value: Uint8Array): void => {
    value[at] = (value[at] ?? 0) ^ 1
  }

t.test('a damaged piece is never handed out, and a damaged record not listed', async (t) => {
  const folder = testFolder(t)
  const names = [1, 2, 3].map((sequence) => snapshotName({ kind: 'changes', sequence }))
  const [first = snapshotName(), second = snapshotName(), third = snapshotName()] = names
  const store = new LevelSnapshotStore({ folder })
  await store.open()
  for (const name of names) await store.put(name, someBytes(1000))
  await store.close()
  await damage(folder, pieceKey(first), flip(999))
  await damage(folder, recordKey(second), flip(4))
  await store.open()
  t.teardown(() => store.close())
  await t.rejects(store.get(first), { code: 'chunk-corrupt' })
  await t.rejects(store.get(second), { code: 'chunk-corrupt' })
  t.equal((await store.get(third))?.byteLength, 1000)
  t.same(
    (await store.list()).map(({ sequence }) => sequence),
    [1, 3]
  )
  await store.put(first, someBytes(7))
  t.equal((await store.get(first))?.byteLength, 7, 'written anew it is good')
  await store.remove(names)
  t.same(await store.list(), [], 'what is damaged can be removed')
})

t.test('data of another format, or of a store that is open, is refused', async (t) => {
  const folder = testFolder(t)
  const store = new LevelSnapshotStore({ folder })
  await store.open()
  await t.rejects(new LevelSnapshotStore({ folder }).open(), { code: 'data-in-use' })
  await store.close()
  await damage(folder, snapshotFormatKey, flip(0))
  await t.rejects(store.open(), { code: 'data-incompatible' })
})

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size
  return bytes
}

t.test('the space of what was removed comes back', async (t) => {
  const folder = testFolder(t)
  const store = new LevelSnapshotStore({ folder })
  await store.open()
  for (let base = 1; base <= 30; base++) {
    await store.put(snapshotName({ base }), someBytes(CHUNK_BYTES_MAX))
    await store.remove([snapshotName({ base: base - 1 })])
  }
  await store.close() // waits for a compaction under way
  t.ok((await folderBytes(folder)) < 15 * CHUNK_BYTES_MAX, `${await folderBytes(folder)} bytes`)
})

t.test('after a write that failed nothing more is acknowledged', async (t) => {
  const failures: PeerbinError[] = []
  const store = new LevelSnapshotStore({
    folder: testFolder(t),
    onFailure: (failure) => void failures.push(failure)
  })
  await store.open()
  t.teardown(() => store.close())
  await store.put(snapshotName(), someBytes(10))
  const disk = t.intercept(Level.prototype, 'batch', {
    configurable: true,
    value: async () => await Promise.reject(new Error('no space'))
  })
  await t.rejects(store.put(snapshotName({ base: 2 }), someBytes(10)), { code: 'store-failed' })
  disk.restore()
  await t.rejects(store.put(snapshotName({ base: 3 }), someBytes(10)), { code: 'store-failed' })
  await t.rejects(store.remove([snapshotName()]), { code: 'store-failed' })
  t.equal(failures.length, 1)
  t.equal((await store.get(snapshotName()))?.byteLength, 10, 'reads go on')
})

t.test('every write is synced before it is acknowledged', async (t) => {
  const store = new LevelSnapshotStore({ folder: testFolder(t) })
  const batch = Reflect.get(Level.prototype, 'batch') as (...values: unknown[]) => Promise<void>
  const options: unknown[] = []
  t.intercept(Level.prototype, 'batch', {
    configurable: true,
    value: async function (this: unknown, ...values: unknown[]) {
      options.push(values[1])
      await Reflect.apply(batch, this, values)
    }
  })
  await store.open()
  t.teardown(() => store.close())
  await store.put(snapshotName(), someBytes(10))
  await store.remove([snapshotName()])
  t.same(options, [{ sync: true }, { sync: true }, { sync: true }], 'the format too')
})
