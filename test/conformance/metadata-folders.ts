/** Folders of users' files as one: what moves together, and what is in the way. */

import type { Test } from 'tap'
import { userStream } from '../../src/events.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { ANN, BOB, addEntry, entryId, remove } from './entry-fixture.ts'
import { CHUNK_BYTES, START, rejectsWith } from './metadata-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'

const LATER = START + 1

const move = async (store: MetadataStore, from: string, to: string, limit = 10): Promise<number> =>
  await store.moveFolder({ owner: ANN, from, to, limit, now: LATER })

/** Paths of everything, by name; and all folders. */
async function everything(store: MetadataStore): Promise<string[]> {
  const all = { owner: ANN, recursive: true, sort: 'name' as const, order: 'ascending' as const, limit: 99 }
  const folders: string[] = []
  const waiting: Array<string | undefined> = [undefined]
  for (const folder of waiting) {
    const inside = await store.listFolders({ owner: ANN, folder, limit: 99 })
    folders.push(...inside.map((each) => `${each}/`))
    waiting.push(...inside)
  }
  return [...(await store.listEntries(all)).entries.map(({ path }) => path), ...folders]
}

export async function testFolders(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('each file of a folder that moves is told by an event; none where it does not', async (t) => {
    const store = await makeStore(t)
    for (const name of ['a', 'b']) await addEntry(store, name, { path: `x/${name}` })
    await addEntry(store, 'c', { path: 'y/b' })
    const told = async () => {
      const { events } = await store.listEvents({ stream: userStream(ANN), after: 6, limit: 99 })
      return events.map(({ number, type, data }) => [number, type, data['old_path'], data['path']])
    }
    await rejectsWith(t, move(store, 'x', 'y'), 'path-taken')
    t.same(await told(), [])
    await move(store, 'x', 'z')
    await move(store, 'z', 'z')
    t.same(await told(), [
      [7, 'file.moved', 'x/a', 'z/a'],
      [8, 'file.moved', 'x/b', 'z/b']
    ])
  })

  await t.test('a folder moves with all that is in it', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x/a' })
    await addEntry(store, 'b', { path: 'X/y/B' })
    await addEntry(store, 'c', { path: 'x2/c' })
    await addEntry(store, 'd', { path: 'x/d', user: BOB })
    t.equal(await move(store, 'X', 'up/Z'), 2)
    t.strictSame(await everything(store), ['up/Z/a', 'up/Z/y/B', 'x2/c', 'up/', 'x2/', 'up/Z/', 'up/Z/y/'])
    t.match(await store.getEntry(entryId('b')), {
      path: 'up/Z/y/B',
      changedAt: LATER,
      current: { number: 1 }
    })
    t.match(await store.getEntry(entryId('d')), { path: 'x/d' }, "another user's stays")
    t.match(await addEntry(store, 'e', { path: 'X' }), { version: 1 }, 'nothing is left of the folder')
    t.equal(await move(store, 'up/z', 'Up/z'), 2, 'to another writing of itself')
    t.equal(await move(store, 'up', 'x2'), 2, 'into a folder that is there')
    t.strictSame((await everything(store)).slice(0, 4), ['X', 'x2/c', 'x2/z/a', 'x2/z/y/B'])
    for (const name of ['a', 'b', 'c']) await remove(store, name)
    t.strictSame(await everything(store), ['X'], 'and each goes with the last that was in it')
  })

  await t.test('nothing moves when one of them cannot', async (t) => {
    const store = await makeStore(t)
    for (const [name, path] of [
      ['a', 'x/a'],
      ['b', 'x/b/c'],
      ['c', 'x/d'],
      ['file', 'file'],
      ['taken', 'y/B/C'],
      ['blocked', 'z/b']
    ] as const)
      await addEntry(store, name, { path })
    const before = await everything(store)
    const refused = async (to: string, code: 'path-taken' | 'path-conflict', path: string) => {
      const error: unknown = await move(store, 'x', to).catch((reason: unknown) => reason)
      t.match(error, { code, details: { path } }, to)
    }
    await refused('y', 'path-taken', 'y/b/c')
    await refused('z', 'path-conflict', 'z/b/c')
    await refused('file', 'path-conflict', 'file/a')
    await refused('file/more', 'path-conflict', 'file/more/a')
    await addEntry(store, 'deep', { path: 'q/D/e' })
    await refused('q', 'path-conflict', 'q/d')
    await remove(store, 'deep')
    await rejectsWith(t, move(store, 'x', 'free', 2), 'folder-too-large')
    await rejectsWith(t, move(store, 'nothing', 'free'), 'file-unknown')
    await rejectsWith(t, move(store, 'file', 'free'), 'file-unknown', 'a file is no folder')
    await rejectsWith(t, move(store, 'x', Array(63).fill('d').join('/')), 'invalid-field')
    t.strictSame(await everything(store), before)
    t.equal(await move(store, 'x', 'free', 3), 3)
  })

  await t.test('many move, also down into where they came from', async (t) => {
    const store = await makeStore(t)
    const names = Array.from({ length: 7 }, (_, i) => `n${i}`)
    for (const name of names) await addEntry(store, name, { path: `x/${name}/deep/${name}` })
    t.equal(await move(store, 'x', 'x/n0'), 7)
    t.strictSame(await store.listFolders({ owner: ANN, limit: 9 }), ['x'])
    t.strictSame(await store.listFolders({ owner: ANN, folder: 'x', limit: 9 }), ['x/n0'])
    t.equal((await store.listFolders({ owner: ANN, folder: 'x/n0', limit: 9 })).length, 7)
  })

  await t.test('a folder of which everything has expired is gone', async (t) => {
    const store = await makeStore(t)
    const expiresAt = START + 100
    await addEntry(store, 'a', { path: 'x/y/a', expiresAt })
    await addEntry(store, 'b', { path: 'x/b' })
    await addEntry(store, 'c', { path: 'x0/c', expiresAt })
    const at = async (now: number, folder?: string) =>
      await store.listFolders({ owner: ANN, folder, limit: 9, now })
    t.strictSame(await at(expiresAt - 1), ['x', 'x0'])
    t.strictSame(await at(expiresAt), ['x'])
    t.strictSame(await at(expiresAt - 1, 'x'), ['x/y'])
    t.strictSame(await at(expiresAt, 'x'), [])
  })

  await t.test('what all users take up', async (t) => {
    const store = await makeStore(t)
    t.equal(await store.usedByUsers(), 0)
    await addEntry(store, 'a')
    await addEntry(store, 'b', { user: BOB })
    t.equal(await store.usedByUsers(), 2 * CHUNK_BYTES)
  })
}
