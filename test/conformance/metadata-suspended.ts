import type { Test } from 'tap'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  LEASE_MS,
  START,
  addFile,
  claim,
  collectAll,
  fileId,
  find,
  hash,
  release,
  report,
  revoke,
  settleAll,
  tokenOf
} from './metadata-fixture.ts'

const everything = { ranges: [{ start: 0, end: 2 * CHUNK_BYTES }], bytesSent: 2 * CHUNK_BYTES }

export async function testSuspended(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a suspended link serves nobody, neither a stranger nor a claimant', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 3 })
    await claim(store, 'a', 'me')
    t.equal(await store.suspendLinks([tokenOf('a'), hash('no such link')], 10), 1)
    t.equal(await store.suspendLinks([tokenOf('a')], 10), 0, 'it is suspended already')
    for (const who of ['me', 'other']) {
      t.strictSame(await claim(store, 'a', who), { outcome: 'suspended' })
      t.strictSame(await find(store, 'a', who), { outcome: 'suspended' })
    }
    t.match((await store.findLink(tokenOf('a')))?.link, { state: 'suspended', claimed: 1 })
    t.match(await store.stats(3), { linksLive: 0, linksSuspended: 1 })
    t.equal(await store.resumeLinks([tokenOf('a'), hash('no such link')]), 1)
    t.equal(await store.resumeLinks([tokenOf('a')]), 0)
    t.match(await find(store, 'a', 'me'), { outcome: 'claimed' })
    t.match(await claim(store, 'a', 'other'), { outcome: 'claimed' })
    t.match(await store.stats(3), { linksLive: 1, linksSuspended: 0 })
  })

  await t.test('only live links are suspended, and only suspended ones resumed', async (t) => {
    const store = await makeStore(t)
    for (const name of ['revoked', 'used', 'expired'])
      await addFile(store, name, { expiresAt: name === 'expired' ? START + 1 : EXPIRY })
    await revoke(store, 'revoked')
    await claim(store, 'used', 'me')
    await settleAll(store, START + LEASE_MS)
    const tokens = ['revoked', 'used', 'expired'].map(tokenOf)
    t.equal(await store.suspendLinks(tokens, 10), 0)
    t.equal(await store.suspendLinks(undefined, 10), 0)
    t.equal(await store.resumeLinks(tokens), 0)
    t.match(await claim(store, 'revoked', 'x'), { outcome: 'revoked' })
    t.match(await claim(store, 'used', 'x'), { outcome: 'used' })
    t.match(await claim(store, 'expired', 'x'), { outcome: 'expired' })
  })

  await t.test('all of them, in steps; listed in pages', async (t) => {
    const store = await makeStore(t)
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const name of names) await addFile(store, name)
    t.equal(await store.suspendLinks(undefined, 2), 2)
    t.equal(await store.suspendLinks(undefined, 2), 2)
    t.equal(await store.suspendLinks(undefined, 2), 1)
    t.equal(await store.suspendLinks(undefined, 2), 0)
    const all = await store.listSuspended(undefined, 10)
    t.strictSame(
      all.map((each) => each.tokenHash),
      names.map(tokenOf).toSorted()
    )
    const a = { tokenHash: tokenOf('a'), fileId: fileId('a'), name: 'a', sizeBytes: 2 * CHUNK_BYTES }
    t.strictSame(
      all.filter((each) => each.name === 'a'),
      [{ ...a, uploadedAt: START, expiresAt: EXPIRY }]
    )
    t.strictSame(await store.listSuspended(all[1]?.tokenHash, 2), all.slice(2, 4))
    t.strictSame(await store.listSuspended(all[4]?.tokenHash, 2), [])
  })

  await t.test('settling neither ends nor forgets one before its expiry', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 2 })
    await claim(store, 'a', 'me')
    await store.suspendLinks([tokenOf('a')], 10)
    await settleAll(store, EXPIRY - 1)
    await store.purgeTombstones(EXPIRY * 2, 10)
    await collectAll(store)
    t.match(await store.findLink(tokenOf('a')), { link: { state: 'suspended' }, file: { state: 'live' } })
    await store.resumeLinks([tokenOf('a')])
    t.match(await claim(store, 'a', 'me', EXPIRY - 1), { outcome: 'used' }, 'its lease ran out meanwhile')
    t.match(await claim(store, 'a', 'other', EXPIRY - 1), { outcome: 'claimed' })
    t.equal((await store.listFileChunks(fileId('a'), 0, 10)).length, 2)
  })

  await t.test('one whose slots were used up while it was suspended is not live again', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    await store.suspendLinks([tokenOf('a')], 10)
    t.match(await report(store, 'a', 'me', everything), { state: 'consumed' })
    await settleAll(store, START + LEASE_MS)
    t.match((await store.findLink(tokenOf('a')))?.link, { state: 'suspended' })
    t.equal(await store.resumeLinks([tokenOf('a')]), 1)
    t.match((await store.findLink(tokenOf('a')))?.link, { state: 'consumed' })
    t.strictSame(await claim(store, 'a', 'other'), { outcome: 'used' })
    await settleAll(store, START + LEASE_MS)
    t.equal((await store.stats(3)).files, 0)
  })

  await t.test('past its expiry it ends: by settling, or when it is resumed', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'settled')
    await store.suspendLinks(undefined, 10)
    await settleAll(store, EXPIRY)
    t.match((await store.findLink(tokenOf('settled')))?.link, { state: 'expired' })
    await addFile(store, 'resumed')
    await store.suspendLinks(undefined, 10)
    await store.advanceTime(EXPIRY)
    t.equal(await store.resumeLinks([tokenOf('settled'), tokenOf('resumed')]), 1)
    t.match((await store.findLink(tokenOf('resumed')))?.link, { state: 'expired' })
    await settleAll(store, EXPIRY)
    t.match(await store.stats(3), { files: 0, linksLive: 0, linksSuspended: 0 })
    await collectAll(store)
    t.ok((await store.purgeTombstones(EXPIRY + 1, 100)) > 0)
    t.equal(await store.findLink(tokenOf('resumed')), undefined)
  })

  await t.test('it can be revoked, and a claim of it given back', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 2 })
    await claim(store, 'a', 'me')
    await store.suspendLinks(undefined, 10)
    t.equal(await release(store, 'a', 'me'), true)
    t.match((await store.findLink(tokenOf('a')))?.link, { claimed: 0 })
    t.match(await revoke(store, 'a'), { state: 'revoked' })
    t.equal(await store.resumeLinks([tokenOf('a')]), 0)
    t.strictSame(await store.listSuspended(undefined, 10), [])
    await settleAll(store, START)
    t.equal((await store.stats(3)).files, 0)
  })
}
