import type { Test } from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { ANN, addEntry, entryId, numbersOf, prepareEntry, remove } from './entry-fixture.ts'
import { EXPIRY, GRACE_MS, START, rejectsWith, uploadId } from './metadata-fixture.ts'

/** Refused, and told which version counts. */
const conflicts = async (t: Test, work: Promise<unknown>, current: number, what: string): Promise<void> => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown
  )
  if (!(error instanceof PeerbinError)) return void t.fail(`${what}: nothing was refused`)
  t.match(error, { code: 'version-conflict', details: { version: current } }, what)
}

export async function testPreconditions(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a version is made only on the one its sender knows', async (t) => {
    const store = await makeStore(t)
    const path = 'x/y'
    await conflicts(t, addEntry(store, 'early', { path, base: 1 }), 0, 'there is nothing')
    t.match(await addEntry(store, 'a', { path, base: 0 }), { entry: entryId('a'), version: 1 })
    await conflicts(t, addEntry(store, 'b', { path, base: 0 }), 1, 'there is something')
    t.match(await addEntry(store, 'c', { path, base: 1 }), { entry: entryId('a'), version: 2 })
    await conflicts(t, addEntry(store, 'd', { path, base: 1 }), 2, 'it has changed')
    await conflicts(t, addEntry(store, 'e', { path, base: 3 }), 2, 'no such version')
    await conflicts(t, addEntry(store, 'f', { path, base: 2, baseEntry: 'b' }), 2, 'another file')
    t.match(await addEntry(store, 'g', { path, base: 2, baseEntry: 'a' }), { version: 3 })
    await rejectsWith(t, addEntry(store, 'h', { path, base: 3, onlyNew: true }), 'path-taken')
    for (const base of [0, 1])
      await rejectsWith(t, addEntry(store, `at ${base}`, { path: 'x', base }), 'path-conflict')
    await rejectsWith(t, addEntry(store, 'below', { path: 'x/y/z', base: 0 }), 'path-conflict')
    t.strictSame(await numbersOf(store, 'a'), [3, 2, 1], 'what was refused left nothing')
  })

  await t.test('what was deleted, moved away or has expired is nothing', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x', expiresAt: EXPIRY })
    await conflicts(t, addEntry(store, 'late', { path: 'x', base: 1, now: EXPIRY }), 0, 'expired')
    t.match(await store.getEntry(entryId('a')), { path: 'x' }, 'what is refused changes nothing')
    t.match(await addEntry(store, 'b', { path: 'x', base: 0, now: EXPIRY }), { entry: entryId('b') })
    await store.moveEntry({ id: entryId('b'), path: 'y', now: EXPIRY })
    await conflicts(t, addEntry(store, 'c', { path: 'x', base: 1 }), 0, 'moved away')
    await remove(store, 'b', EXPIRY)
    await conflicts(t, addEntry(store, 'd', { path: 'y', base: 1 }), 0, 'deleted')
    t.match(await store.findEntry(ANN, 'y'), { entry: undefined })
  })

  await t.test('of many at once on one version one is made; its repeat answers the same', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x' })
    const names = ['b', 'c', 'd']
    const commits = await Promise.all(names.map((name) => prepareEntry(store, name, { path: 'x', base: 1 })))
    const made = await Promise.allSettled(commits.map((commit) => commit()))
    const first = made.findIndex(({ status }) => status === 'fulfilled')
    t.equal(made.filter(({ status }) => status === 'fulfilled').length, 1)
    t.match(await commits[first]?.(), { version: 2 })
  })

  await t.test('a failed upload is nothing to begin with, and changes nothing', async (t) => {
    const store = await makeStore(t)
    const failure = { code: 'cluster-full', attempts: 1, now: START }
    const fail = async (name: string): Promise<void> => {
      await prepareEntry(store, name, { path: 'x' })
      await store.abandonUpload(uploadId(name), { failure })
    }
    await fail('a')
    t.match(await addEntry(store, 'c', { path: 'x', base: 0 }), { version: 2 })
    await fail('b')
    t.match(await addEntry(store, 'd', { path: 'x', base: 2 }), { version: 4 })
  })

  await t.test('moves, changes and ends', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x' })
    await addEntry(store, 'b', { path: 'x' })
    const id = entryId('a')
    const now = START + 1
    await conflicts(t, store.moveEntry({ id, version: 1, path: 'y', now }), 2, 'a move')
    await conflicts(t, store.changeEntry({ id, version: 1, expiresAt: EXPIRY, now }), 2, 'a change')
    await conflicts(t, store.deleteEntry({ id, version: 3, now, graceMs: GRACE_MS }), 2, 'an end')
    const elsewhere = { id, version: 2, basePath: 'w/x', now }
    await conflicts(t, store.moveEntry({ ...elsewhere, path: 'y' }), 2, 'a move from elsewhere')
    await conflicts(t, store.deleteEntry({ ...elsewhere, graceMs: GRACE_MS }), 2, 'an end elsewhere')
    await conflicts(
      t,
      store.deleteEntry({ id, basePath: 'w/x', now, graceMs: GRACE_MS }),
      2,
      'of any version'
    )
    t.match(await store.getEntry(id), { path: 'x', expiresAt: null, changedAt: START })
    const move = { id, version: 2, basePath: 'X', path: 'y', now }
    t.match(await store.moveEntry(move), { path: 'y' })
    t.match(await store.moveEntry(move), { path: 'y' }, 'again')
    t.match(await store.changeEntry({ id, version: 2, expiresAt: EXPIRY, now }), { expiresAt: EXPIRY })
    const end = { id, version: 2, basePath: 'Y', now, graceMs: GRACE_MS }
    t.match(await store.deleteEntry(end), { deleted: true })
    t.match(await store.deleteEntry(end), { deleted: false }, 'again')
    t.match(await store.deleteEntry({ ...end, basePath: 'x' }), { deleted: false }, 'wherever it was')
    const gone = store.moveEntry({ id, version: 2, path: 'z', now })
    await rejectsWith(t, gone, 'file-unknown')
    await rejectsWith(t, store.changeEntry({ id, version: 2, metadata: {}, now }), 'file-unknown')
  })
}
