import type { Test } from 'tap'
import type { ListEntries, MetadataStore } from '../../src/metadata-store.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  ANN,
  BOB,
  FAILED_MS,
  addEntry,
  entryId,
  numbersOf,
  prepareEntry,
  remove,
  settleEntries
} from './entry-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  START,
  fileId,
  hash,
  rejectsWith,
  settleAll,
  uploadId
} from './metadata-fixture.ts'

const id = entryId('a')

export async function testEntries(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('paths', (t) => testPaths(t, makeStore))
  await t.test('commits', (t) => testCommits(t, makeStore))
  await t.test('failures', (t) => testFailures(t, makeStore))
  await t.test('lists', (t) => testLists(t, makeStore))
  await t.test('space', (t) => testSpace(t, makeStore))
}

async function testPaths(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a path is one file, however it is written, and each user has their own', async (t) => {
    const store = await makeStore(t)
    t.match(await addEntry(store, 'a', { path: 'Bücher/Résumé.pdf' }), { entry: id, version: 1 })
    const decomposed = 'bücher/re\u0301sume\u0301.PDF'.normalize('NFD')
    t.match(await addEntry(store, 'b', { path: decomposed }), { entry: id, version: 2 })
    t.match(await addEntry(store, 'c', { path: 'bücher/résumé.pdf', user: BOB }), {
      entry: entryId('c'),
      version: 1
    })
    t.match(await store.getEntry(id), { owner: ANN, path: 'Bücher/Résumé.pdf', current: { number: 2 } })
    t.match(await store.findEntry(ANN, 'BÜCHER/RÉSUMÉ.PDF'), { entry: { id }, next: 3, isBlocked: false })
  })

  await t.test('a file and a folder cannot have one path', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x/y' })
    for (const path of ['x', 'X', 'x/y/z', 'X/Y/z/w']) {
      await rejectsWith(t, addEntry(store, `at ${path}`, { path }), 'path-conflict', path)
      t.match(await store.findEntry(ANN, path), { entry: undefined, next: 1, isBlocked: true })
    }
    await addEntry(store, 'b', { path: 'x/z' })
    await remove(store, 'a')
    t.strictSame(await store.listFolders({ owner: ANN, limit: 9 }), ['x'], 'something is in it still')
    await rejectsWith(t, addEntry(store, 'c', { path: 'x' }), 'path-conflict')
    await remove(store, 'b')
    t.strictSame(await store.listFolders({ owner: ANN, limit: 9 }), [])
    t.match(await addEntry(store, 'd', { path: 'x' }), { version: 1 }, 'the folder went with the last in it')
  })

  await t.test('a move takes a free path, and nothing else changes', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x/a' })
    await addEntry(store, 'b', { path: 'b' })
    const move = (path: string) => store.moveEntry({ id, path, now: START + 1 })
    await rejectsWith(t, move('B'), 'path-taken')
    await rejectsWith(t, move('b/c'), 'path-conflict')
    t.match(await store.findEntry(ANN, 'x/a'), { entry: { id } }, 'it stays where it is')
    t.match(await move('X/A'), { path: 'X/A', changedAt: START + 1, current: { number: 1 } })
    t.match(await move('x/a/b'), { path: 'x/a/b' }, 'to where it was a file itself')
    t.match(await move('x'), { path: 'x' }, 'and to where it needed a folder')
    t.strictSame(await store.listFolders({ owner: ANN, limit: 9 }), [])
    await remove(store, 'a')
    await rejectsWith(t, move('y'), 'file-unknown')
    await rejectsWith(t, store.moveEntry({ id: entryId('never'), path: 'y', now: START }), 'file-unknown')
  })

  await t.test('of many that move to one path one gets it', async (t) => {
    const store = await makeStore(t)
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) await addEntry(store, name, { path: `from/${name}` })
    const moves = names.map((name) => store.moveEntry({ id: entryId(name), path: 'to', now: START }))
    const outcomes = await Promise.allSettled(moves)
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    t.equal((await store.listEntries(everything('name'))).entries.length, 4)
  })
}

async function testCommits(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('uploads to one path at once each become a version', async (t) => {
    const store = await makeStore(t)
    const names = ['a', 'b', 'c', 'd']
    const commits = []
    for (const name of names) commits.push(await prepareEntry(store, name, { path: 'x' }))
    const made = await Promise.all(commits.map((commit) => commit()))
    t.strictSame(
      made.map(({ version }) => version ?? 0).toSorted((a, b) => a - b),
      [1, 2, 3, 4]
    )
    t.equal(new Set(made.map(({ entry }) => entry)).size, 1)
    const again = await Promise.all(commits.map((commit) => commit()))
    t.strictSame(again, made, 'the same again, answered as before')
    const { entry: first } = made[0] ?? {}
    if (first === undefined) return t.fail('there is an entry')
    t.equal((await store.listVersions(first, undefined, 9)).length, 4)
    t.match(await store.findUpload(uploadId('a'), RULE), {
      state: 'committed',
      file: fileId('a'),
      entry: first
    })
  })

  await t.test('an upload beside a delete makes a version of the old file or a new one', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x' })
    const commit = await prepareEntry(store, 'b', { path: 'x' })
    const [deleted, made] = await Promise.all([remove(store, 'a'), commit()])
    t.ok(deleted.deleted)
    t.match(made, { entry: entryId('b'), version: 1 }, 'the store did the delete first')
    t.match(await store.findEntry(ANN, 'x'), { entry: { id: entryId('b') } })
  })

  await t.test(
    'what a commit says of expiry and metadata counts, and what it does not say stays',
    async (t) => {
      const store = await makeStore(t)
      await addEntry(store, 'a', { path: 'x', expiresAt: EXPIRY })
      t.match(await store.getEntry(id), { expiresAt: EXPIRY, current: { metadata: { name: 'a' } } })
      await addEntry(store, 'b', { path: 'x', metadata: { own: 'b' } })
      t.match(await store.getEntry(id), { expiresAt: EXPIRY, current: { metadata: { own: 'b' } } })
      await addEntry(store, 'c', { path: 'x', expiresAt: null })
      t.match(await store.getEntry(id), { expiresAt: null })
      const change = { id, metadata: { k: 'v' }, expiresAt: EXPIRY + 1, now: START + 5 }
      t.match(await store.changeEntry(change), {
        expiresAt: EXPIRY + 1,
        changedAt: START + 5,
        current: { number: 3, metadata: { k: 'v' } }
      })
      t.match(await store.getVersion(id, 2), { metadata: { own: 'b' } })
      t.match(await store.getFile(fileId('c')), { metadata: { name: 'c' } }, 'the content is as it was')
      await rejectsWith(t, store.changeEntry({ id: entryId('x'), now: START }), 'file-unknown')
    }
  )

  await t.test('a commit that is to make a new file makes no version of another', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x', onlyNew: true })
    const commit = await prepareEntry(store, 'b', { path: 'x', onlyNew: true })
    await rejectsWith(t, commit(), 'path-taken')
    t.strictSame(await numbersOf(store, 'a'), [1])
    t.equal(await store.getFile(fileId('b')), undefined)
    await remove(store, 'a')
    t.match(await commit(), { entry: entryId('b'), version: 1 }, 'the same upload, when there is room')
  })

  await t.test('an upload to the path of a file whose time has come makes a new one', async (t) => {
    const store = await makeStore(t)
    const share = { tokenHash: hash('token'), deleteHash: hash('delete'), downloads: 1, expiresAt: EXPIRY }
    await addEntry(store, 'a', { path: 'x', expiresAt: START + 10 })
    await store.shareEntry({ id, link: share, now: START })
    t.match(await addEntry(store, 'b', { path: 'x', now: START + 9 }), { entry: id, version: 2 })
    const commit = await prepareEntry(store, 'c', { path: 'x', now: START + 10, onlyNew: true })
    t.match(await commit(), { entry: entryId('c'), version: 1 }, 'though nobody has noticed it yet')
    t.match(await store.findLink(share.tokenHash), { link: { state: 'revoked' } })
    await settleEntries(store, START + 10 + GRACE_MS)
    await settleAll(store, START + 10 + GRACE_MS)
    t.match(await store.findEntry(ANN, 'x'), { entry: { id: entryId('c'), expiresAt: null } })
    t.match(await store.getFile(fileId('c')), { state: 'live' }, 'it does not go with the one before')
    t.equal(await store.usedSpace(`user:${ANN}`), CHUNK_BYTES)
  })

  await t.test('an id is one entry’s for ever', async (t) => {
    const store = await makeStore(t)
    const first = await prepareEntry(store, 'a', { path: 'x' })
    await first()
    await remove(store, 'a')
    await rejectsWith(t, addEntry(store, 'again', { path: 'y', entry: 'a' }), 'upload-conflict')
    t.match(await store.findEntry(ANN, 'y'), { entry: undefined })
  })
}

const RULE = { copiesMin: 2, hostsMin: 2, boots: [] }

async function fail(store: MetadataStore, name: string, path: string, now = START): Promise<boolean> {
  await prepareEntry(store, name, { path })
  return await store.abandonUpload(uploadId(name), {
    failure: { code: 'not-enough-nodes', attempts: 3, now }
  })
}

async function testFailures(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('an upload that failed stands beside what was there, until one succeeds', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x' })
    t.ok(await fail(store, 'b', 'X'))
    const failed = {
      number: 2,
      status: 'upload_failed',
      file: null,
      sizeBytes: 0,
      mediaType: 'text/plain',
      sha256: null,
      code: 'not-enough-nodes',
      attempts: 3
    }
    t.match(await store.getEntry(id), { current: { number: 1 }, failed })
    t.match(await store.listVersions(id, undefined, 9), [failed, { number: 1 }])
    const failure = { code: 'not-enough-nodes', attempts: 3, now: START }
    t.ok(await store.abandonUpload(uploadId('b'), { failure }), 'told again')
    t.strictSame(await numbersOf(store, 'a'), [2, 1], 'it is recorded once')
    t.match(await addEntry(store, 'c', { path: 'x' }), { version: 3 })
    t.match(await store.getEntry(id), { current: { number: 3 }, failed: null })
    t.strictSame(await numbersOf(store, 'a'), [3, 1])
  })

  await t.test('where there was nothing it is told as a file without content, for a while', async (t) => {
    const store = await makeStore(t)
    await fail(store, 'b', 'x/y', START)
    const { entry } = await store.findEntry(ANN, 'x/y')
    t.match(entry, { current: { number: 1, status: 'upload_failed' }, failed: null })
    if (entry === undefined) return
    await rejectsWith(t, store.shareEntry({ id: entry.id, link: LINK, now: START }), 'upload-failed')
    const restore = { id: entry.id, version: 1, now: START, graceMs: 0 }
    await rejectsWith(t, store.restoreVersion(restore), 'upload-failed')
    await settleEntries(store, START + FAILED_MS - 1)
    t.ok(await store.getEntry(entry.id))
    await settleEntries(store, START + FAILED_MS)
    t.equal(await store.getEntry(entry.id), undefined)
    t.strictSame(await store.listFolders({ owner: ANN, limit: 9 }), [])
    await fail(store, 'c', 'x', START)
    const after = await addEntry(store, 'd', { path: 'x', onlyNew: true })
    t.match(after, { version: 2 }, 'nothing was stored there, so this is new')
  })

  await t.test(
    'nothing is recorded of what is nobody’s, of what was committed, and of what has no place',
    async (t) => {
      const store = await makeStore(t)
      await addEntry(store, 'a', { path: 'x' })
      const failure = { code: 'busy', attempts: 1, now: START }
      t.equal(await store.abandonUpload(uploadId('a'), { failure }), false)
      await prepareEntry(store, 'b', { path: 'x/y' })
      t.ok(await store.abandonUpload(uploadId('b'), { failure }), 'it is given up all the same')
      await store.abandonUpload(uploadId('never'), { failure })
      t.match(await store.listEntries(everything('name')), { entries: [{ id, failed: null }], next: null })
    }
  )
}

const LINK = { tokenHash: hash('token'), deleteHash: hash('delete'), downloads: 1, expiresAt: EXPIRY }

const everything = (sort: ListEntries['sort']): ListEntries => ({
  owner: ANN,
  recursive: true,
  sort,
  order: 'ascending',
  limit: 100
})

async function paths(store: MetadataStore, request: Partial<ListEntries>): Promise<string[]> {
  const found: string[] = []
  let after: ListEntries['after']
  do {
    const { entries, next } = await store.listEntries({ ...everything('name'), limit: 2, ...request, after })
    found.push(...entries.map(({ path }) => path))
    after = next ?? undefined
  } while (after !== undefined)
  return found
}

async function testLists(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('pages in every order, of a folder, of all below it, and of everybody', async (t) => {
    const store = await makeStore(t)
    const files = ['b.txt', 'A.txt', 'x/2.txt', 'x/1.txt', 'x/y/Q.txt', 'x!/z.txt', 'é.txt']
    for (const [i, path] of files.entries()) await addEntry(store, path, { path, now: START + (i % 3) })
    await addEntry(store, 'of bob', { path: 'b.txt', user: BOB })
    const inOrder = ['A.txt', 'b.txt', 'é.txt', 'x!/z.txt', 'x/1.txt', 'x/2.txt', 'x/y/Q.txt']
    t.strictSame(await paths(store, {}), inOrder)
    t.strictSame(await paths(store, { order: 'descending' }), inOrder.toReversed())
    t.strictSame(await paths(store, { recursive: false }), ['A.txt', 'b.txt', 'é.txt'])
    t.strictSame(await paths(store, { folder: 'X', recursive: false }), ['x/1.txt', 'x/2.txt'])
    t.strictSame(await paths(store, { folder: 'x' }), ['x/1.txt', 'x/2.txt', 'x/y/Q.txt'])
    for (const sort of ['date', 'size'] as const) {
      const one = await paths(store, { sort })
      t.strictSame(one.toSorted(), inOrder.toSorted(), `each once, by ${sort}`)
      t.strictSame(await paths(store, { sort, order: 'descending' }), one.toReversed())
      t.strictSame((await paths(store, { sort, folder: 'x' })).toSorted(), [
        'x/1.txt',
        'x/2.txt',
        'x/y/Q.txt'
      ])
    }
    const { entries } = await store.listEntries(everything('date'))
    const times = entries.map(({ changedAt }) => changedAt)
    t.strictSame(
      times,
      times.toSorted((a, b) => a - b)
    )
    t.equal((await paths(store, { owner: undefined })).length, 8)
    t.strictSame(await paths(store, { search: 'Q.T' }), ['x/y/Q.txt'])
    t.strictSame(await paths(store, { search: 'É'.normalize('NFD'), owner: undefined }), ['é.txt'])
    t.strictSame(await paths(store, { search: 'y' }), [], 'folders are not searched')
    t.strictSame(await store.listFolders({ owner: ANN, limit: 9 }), ['x', 'x!'])
    t.strictSame(await store.listFolders({ owner: ANN, limit: 9, after: 'X' }), ['x!'])
    t.strictSame(await store.listFolders({ owner: ANN, folder: 'x', limit: 9 }), ['x/y'])
    await remove(store, 'x/1.txt')
    t.strictSame(await paths(store, { folder: 'x', recursive: false }), ['x/2.txt'])
  })
}

async function testSpace(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a user’s space is theirs alone, and is free at once when files go', async (t) => {
    const store = await makeStore(t)
    const used = () => store.usedSpace(`user:${ANN}`)
    await addEntry(store, 'a', { path: 'x', quotaBytes: 2 * CHUNK_BYTES })
    await addEntry(store, 'b', { path: 'x', quotaBytes: 2 * CHUNK_BYTES })
    t.equal(await used(), 2 * CHUNK_BYTES, 'every version counts')
    await rejectsWith(t, prepareEntry(store, 'c', { path: 'y', quotaBytes: 2 * CHUNK_BYTES }), 'space-full')
    await addEntry(store, 'd', { path: 'x', user: BOB, quotaBytes: CHUNK_BYTES })
    t.match(await store.stats(3), { spaceUsed: { anonymous: 0 } })
    const prune = { id, keep: 1, now: START, graceMs: GRACE_MS }
    t.equal(await store.pruneVersions(prune), 1)
    t.equal(await used(), CHUNK_BYTES)
    t.match(await store.getFile(fileId('a')), { state: 'live' }, 'and yet can still be read')
    await remove(store, 'a')
    t.equal(await used(), 0)
    t.equal((await store.listFileChunks(fileId('b'), 0, 9)).length, 1)
    await settleEntries(store, START + GRACE_MS)
    await settleAll(store, START + GRACE_MS)
    t.equal(await used(), 0, 'it is not given back twice')
    await settleEntries(store, START + GRACE_MS)
    t.equal(await store.getFile(fileId('b')), undefined)
  })
}
