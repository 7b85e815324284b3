import type { Test } from 'tap'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { ENTRY_VERSIONS_MAX } from '../../src/protocol/limits.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  ANN,
  FAILED_MS,
  addEntry,
  entryId,
  numbersOf,
  owner,
  prepareEntry,
  remove,
  settleEntries,
  shareOf
} from './entry-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  GRACE_MS,
  START,
  chunk,
  claim,
  fileId,
  generation,
  hash,
  peer,
  receipt,
  rejectsWith,
  revoke,
  settleAll,
  tokenOf,
  uploadId
} from './metadata-fixture.ts'

const id = entryId('a')
const times = { now: START, graceMs: GRACE_MS }

export async function testVersions(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('versions', (t) => testLives(t, makeStore))
  await t.test('ends', (t) => testEnds(t, makeStore))
  await t.test('shares', (t) => testShares(t, makeStore))
  await t.test('statuses', (t) => testStatuses(t, makeStore))
  await t.test('files found again', (t) => testAdoption(t, makeStore))
}

async function testLives(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a restored version has the old content under a new number', async (t) => {
    const store = await makeStore(t)
    for (const name of ['a', 'b', 'c']) await addEntry(store, name, { path: 'x' })
    const restored = await store.restoreVersion({ id, version: 1, ...times })
    t.match(restored, { current: { number: 4, file: fileId('a'), sha256: hash('a') } })
    const again = await store.restoreVersion({ id, version: 1, ...times })
    t.match(again, { current: { number: 4 } }, 'a repeat makes no further one')
    t.equal(await store.usedSpace(`user:${ANN}`), 3 * CHUNK_BYTES, 'content that is there twice counts once')
    t.match(await store.deleteVersion({ id, version: 1, ...times }), { current: { number: 4 } })
    await settleEntries(store, START + GRACE_MS)
    await settleAll(store, START + GRACE_MS)
    t.match(await store.getFile(fileId('a')), { state: 'live' }, 'version 4 needs it')
    await rejectsWith(t, store.restoreVersion({ id, version: 1, ...times }), 'version-unknown')
    await rejectsWith(t, store.restoreVersion({ id, version: 9, ...times }), 'version-unknown')
    await rejectsWith(t, store.restoreVersion({ id: entryId('b'), version: 1, ...times }), 'file-unknown')
  })

  await t.test('of a restore and a prune at once nothing is half', async (t) => {
    const store = await makeStore(t)
    for (const name of ['a', 'b']) await addEntry(store, name, { path: 'x' })
    const prune = store.pruneVersions({ id, keep: 1, ...times })
    const restore = store.restoreVersion({ id, version: 1, ...times })
    const [pruned, restored] = await Promise.allSettled([prune, restore])
    t.match(pruned, { status: 'fulfilled', value: 1 })
    t.match(restored, { status: 'rejected', reason: { code: 'version-unknown' } })
    t.strictSame(await numbersOf(store, 'a'), [2])
    const later = await Promise.all([
      addEntry(store, 'c', { path: 'x' }),
      store.restoreVersion({ id, version: 2, ...times }),
      store.pruneVersions({ id, keep: 1, ...times })
    ])
    t.ok(later)
    const [shown] = await store.listVersions(id, undefined, 9)
    t.match(await store.getFile(shown?.file ?? fileId('none')), { state: 'live' })
  })

  await t.test(
    'without its current version an entry falls back to the one before, and goes with the last',
    async (t) => {
      const store = await makeStore(t)
      for (const name of ['a', 'b', 'c']) await addEntry(store, name, { path: 'x' })
      t.match(await store.deleteVersion({ id, version: 3, ...times }), { current: { number: 2 } })
      await rejectsWith(t, store.deleteVersion({ id, version: 3, ...times }), 'version-unknown')
      t.match(await addEntry(store, 'd', { path: 'x' }), { version: 4 }, 'no number is given twice')
      await store.pruneVersions({ id, keep: 1, ...times })
      t.strictSame(await numbersOf(store, 'a'), [4])
      t.equal(await store.deleteVersion({ id, version: 4, ...times }), undefined)
      t.equal(await store.getEntry(id), undefined)
      t.match(await store.findEntry(ANN, 'x'), { entry: undefined })
    }
  )
}

async function testEnds(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a deleted file is gone at once, and its content after the grace', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a')
    t.match(await remove(store, 'a'), { deleted: true, owner: ANN, links: [] })
    t.match(await remove(store, 'a'), { deleted: false, owner: ANN })
    t.equal(await store.getEntry(id), undefined)
    t.equal(await store.getVersion(id, 1), undefined)
    t.strictSame(await store.listVersions(id, undefined, 9), [])
    await settleEntries(store, START + GRACE_MS - 1)
    await settleAll(store, START + GRACE_MS - 1)
    t.equal((await store.listFileChunks(fileId('a'), 0, 9)).length, 1, 'who reads it goes on')
    await settleEntries(store, START + GRACE_MS)
    await settleAll(store, START + GRACE_MS)
    t.strictSame(await store.listFileChunks(fileId('a'), 0, 9), [])
    await settleEntries(store, START + GRACE_MS)
    t.equal(await store.getFile(fileId('a')), undefined)
    await rejectsWith(t, remove(store, 'a'), 'file-unknown')
    await rejectsWith(t, remove(store, 'never'), 'file-unknown')
  })

  await t.test('a file whose time has come goes as if it were deleted', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { expiresAt: START + 10 })
    await addEntry(store, 'b')
    await settleEntries(store, START + 9)
    t.ok(await store.getEntry(id))
    await settleEntries(store, START + 10)
    t.equal(await store.getEntry(id), undefined)
    t.ok(await store.getEntry(entryId('b')))
  })

  await t.test('a file with a link of its own lives as long as either', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { link: shareOf('a') })
    await remove(store, 'a')
    await settleEntries(store, START + GRACE_MS)
    await settleAll(store, START + GRACE_MS)
    t.match(await claim(store, 'a', 'me'), { outcome: 'claimed' }, 'this one is not a share of the file')
    await addEntry(store, 'b', { link: shareOf('b') })
    await revoke(store, 'b')
    await settleAll(store, START)
    t.match(await store.getFile(fileId('b')), { state: 'live' })
  })
}

async function testShares(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a share leads to the version it was made of, and ends with the file', async (t) => {
    const store = await makeStore(t)
    for (const name of ['a', 'b']) await addEntry(store, name, { path: 'x' })
    const first = await store.shareEntry({ id, version: 1, link: shareOf('one'), now: START })
    t.match(first, { version: 1, file: { id: fileId('a') }, link: { state: 'live', downloads: 1 } })
    const repeated = await store.shareEntry({ id, version: 1, link: shareOf('one'), now: START + 1 })
    t.strictSame(repeated, first, 'the same again')
    await store.shareEntry({ id, link: shareOf('two'), now: START + 1 })
    t.match(await store.listShares(id, undefined, 9), [{ version: 2 }, { version: 1 }])
    const [newest] = await store.listShares(id, undefined, 1)
    t.match(await store.listShares(id, newest?.link, 9), [
      { version: 1, link: { tokenHash: tokenOf('one') } }
    ])
    t.match(await store.findShare(id, tokenOf('one').slice(0, 16)), { deleteHash: hash('delete one') })
    t.equal(await store.findShare(entryId('b'), tokenOf('one').slice(0, 16)), undefined)
    await store.pruneVersions({ id, keep: 1, ...times })
    await settleEntries(store, START + GRACE_MS)
    await settleAll(store, START + GRACE_MS)
    t.match(await claim(store, 'one', 'me'), { outcome: 'claimed' }, 'its content is kept for it')
    t.equal(await store.usedSpace(`user:${ANN}`), 2 * CHUNK_BYTES, 'and counts')
    await rejectsWith(
      t,
      store.shareEntry({ id, version: 1, link: shareOf('three'), now: START }),
      'version-unknown'
    )
    const { links } = await remove(store, 'a')
    t.strictSame(
      links.map(({ tokenHash }) => tokenHash).toSorted(),
      [tokenOf('one'), tokenOf('two')].toSorted()
    )
    t.match((await remove(store, 'a')).links, links, 'told again to whoever asks again')
    t.match(await claim(store, 'two', 'you'), { outcome: 'revoked' })
    t.not(
      (await store.findClaim({ tokenHash: tokenOf('one'), claimHash: hash('me'), now: START })).outcome,
      'claimed'
    )
    t.equal(await store.usedSpace(`user:${ANN}`), 0)
    await rejectsWith(t, store.shareEntry({ id, link: shareOf('four'), now: START }), 'file-unknown')
  })

  await t.test('a share that is made while the file is deleted is refused or ends with it', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a')
    await addEntry(store, 'b')
    const share = (name: string) => store.shareEntry({ id: entryId(name), link: shareOf(name), now: START })
    const [early, , , late] = await Promise.allSettled([
      share('a'),
      remove(store, 'a'),
      remove(store, 'b'),
      share('b')
    ])
    t.match(early, { status: 'fulfilled' })
    t.match(late, { status: 'rejected', reason: { code: 'file-unknown' } })
    t.match(await claim(store, 'a', 'me'), { outcome: 'revoked' })
    t.match(await claim(store, 'b', 'me'), { outcome: 'unknown' })
  })

  await t.test(
    'no share takes the secrets of another link, and old ones are forgotten while the file lives',
    async (t) => {
      const store = await makeStore(t)
      await addEntry(store, 'a')
      await addEntry(store, 'b')
      await store.shareEntry({ id, link: shareOf('one'), now: START })
      const other = { id: entryId('b'), now: START }
      await rejectsWith(t, store.shareEntry({ ...other, link: shareOf('one') }), 'upload-conflict')
      const sameDelete = { ...shareOf('two'), deleteHash: hash('delete one') }
      await rejectsWith(t, store.shareEntry({ ...other, link: sameDelete }), 'upload-conflict')
      t.strictSame(await store.listShares(entryId('b'), undefined, 9), [])
      await revoke(store, 'one')
      t.match(await store.listShares(id, undefined, 9), [{ link: { state: 'revoked' } }])
      while ((await store.purgeTombstones(EXPIRY + 1, 9)) > 0);
      t.strictSame(await store.listShares(id, undefined, 9), [])
      t.match(await store.getFile(fileId('a')), { state: 'live' })
    }
  )
}

async function fail(store: MetadataStore, name: string, now: number): Promise<void> {
  await prepareEntry(store, name, { path: 'x' })
  await store.abandonUpload(uploadId(name), { failure: { code: 'busy', attempts: 1, now } })
}

async function testStatuses(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a version is cached until each of its chunks has its copies', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { path: 'x', content: 'a', peers: [1, 2] })
    await addEntry(store, 'b', { path: 'y', content: 'a', peers: [1, 2, 3] })
    const settle = async (limit = 9) => {
      let changed = 0
      let after
      do {
        const step = await store.settleStatuses({ copies: 3, limit, now: START, after })
        changed += step.changed
        after = step.next ?? undefined
      } while (after !== undefined)
      return changed
    }
    t.match(await store.getEntry(id), { current: { status: 'cached' } })
    t.equal(await settle(), 1)
    t.match(await store.getEntry(entryId('b')), { current: { status: 'uploaded_successfully' } })
    t.match(await store.getEntry(id), { current: { status: 'cached' } }, 'its manifest is on two nodes')
    const manifest = await store.findChunk(chunk('manifest of a'))
    await store.recordReceipts([receipt(3, chunk('manifest of a'), manifest?.generation ?? generation(0))])
    t.equal(await settle(1), 1, 'one piece at a time')
    t.match(await store.getEntry(id), { current: { status: 'uploaded_successfully' } })
    t.equal(await settle(), 0)
    await addEntry(store, 'c', { path: 'z' })
    await remove(store, 'c')
    t.equal(await settle(), 0, 'what has ended is told nobody of')
  })
}

async function testAdoption(t: Test, makeStore: MakeStore): Promise<void> {
  const found = (
    name: string,
    fields: { path?: string; version?: number; uploadedAt?: number; id?: string }
  ) => {
    const { path = 'x', version = 1, uploadedAt = START } = fields
    const part = (of: string) => ({ id: chunk(of), sizeBytes: CHUNK_BYTES, generation: generation(1) })
    return {
      file: {
        id: fileId(name),
        name,
        sizeBytes: CHUNK_BYTES,
        mediaType: 'a/b',
        sha256: hash(name),
        uploadedAt,
        metadata: {}
      },
      manifest: part(`manifest of ${name}`),
      chunks: [part(name)],
      entry: { id: entryId(fields.id ?? 'a'), user: ANN, path, version, expiresAt: null }
    }
  }

  await t.test('versions that are found in any order are in their order again', async (t) => {
    const store = await makeStore(t)
    t.ok(await store.adoptFile(found('c', { version: 3, uploadedAt: START + 3 })))
    t.ok(await store.adoptFile(found('a', { version: 1, uploadedAt: START + 1 })))
    t.ok(await store.adoptFile(found('b', { version: 2, uploadedAt: START + 2, id: 'other' })), 'by its path')
    t.notOk(await store.adoptFile(found('b', { version: 2, uploadedAt: START + 2 })))
    t.strictSame(await numbersOf(store, 'a'), [3, 2, 1])
    t.match(await store.getEntry(id), {
      path: 'x',
      current: { number: 3, file: fileId('c'), status: 'cached' }
    })
    t.ok(await store.adoptFile(found('d', { version: 3, uploadedAt: START })), 'its number is taken')
    t.match(await store.getEntry(id), { current: { number: 3 } }, 'and it is older')
    t.strictSame(await numbersOf(store, 'a'), [4, 3, 2, 1])
    t.equal(await store.usedSpace(`user:${ANN}`), 4 * CHUNK_BYTES)
    t.match(await addEntry(store, 'e', { path: 'x' }), { version: 5 })
  })

  await t.test('what counts goes on counting beside an older one with a greater number', async (t) => {
    const store = await makeStore(t)
    await store.adoptFile(found('a', { version: 1, uploadedAt: START + 3 }))
    await store.adoptFile(found('b', { version: 2, uploadedAt: START + 2 }))
    await store.adoptFile(found('c', { version: 3, uploadedAt: START + 1 }))
    await fail(store, 'd', START)
    t.match(await store.getEntry(id), { current: { number: 1 }, failed: { number: 4 } })
    await settleEntries(store, START + FAILED_MS)
    t.match(await store.getEntry(id), { current: { number: 1 }, failed: null }, 'a failure was forgotten')
    t.match(await store.deleteVersion({ id, version: 3, ...times }), { current: { number: 1 } })
    t.match(await store.deleteVersion({ id, version: 1, ...times }), { current: { number: 2 } })
  })

  await t.test('however many uploads fail, what was stored is there', async (t) => {
    const store = await makeStore(t)
    await store.adoptFile(found('a', { version: 1, uploadedAt: START }))
    await store.adoptFile(found('b', { version: ENTRY_VERSIONS_MAX, uploadedAt: START + 1 }))
    for (const name of ['d', 'e']) await fail(store, name, START)
    t.strictSame(await numbersOf(store, 'a'), [1002, 1001, 1000, 1])
    await addEntry(store, 'f', { path: 'x' })
    t.strictSame(await numbersOf(store, 'a'), [1003, 1000, 1], 'there are only three')
  })

  await t.test('what has no place any more gets one beside it, and an id of its own', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'inside', { path: 'x/y', user: ANN })
    t.ok(await store.adoptFile(found('a', { path: 'x' })))
    const beside = await store.getEntry(id)
    t.match(beside?.path, /^x \(recovered [0-9a-f]{8}\)$/)
    t.ok(await store.adoptFile(found('b', { path: 'x/y/z.txt', id: 'b' })))
    t.match((await store.getEntry(entryId('b')))?.path, /recovered/)
    await remove(store, 'a')
    t.ok(await store.adoptFile(found('c', { path: 'z' })), 'under the id of one that was deleted')
    t.match(await store.findEntry(ANN, 'z'), { entry: { path: 'z', owner: owner('ann') } })
  })

  await t.test('a peer’s orders say what it must not bring back', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a')
    await remove(store, 'a')
    await settleEntries(store, START + GRACE_MS)
    await settleAll(store, START + GRACE_MS)
    await store.condemnChunks(9)
    const manifest = chunk('manifest of a')
    t.strictSame(await store.orderedChunks(peer(1), [chunk('x'), manifest]), [manifest])
    t.strictSame(await store.orderedChunks(peer(9), [manifest]), [])
    await prepareEntry(store, 'b')
  })
}
