import type { Test } from 'tap'
import type { ClaimCursor, MetadataStore } from '../../src/metadata-store.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  EXPIRY,
  GRACE_MS,
  LEASE_MS,
  START,
  addFile,
  claim,
  fileId,
  hash,
  prepareFile,
  rejectsWith,
  release,
  report,
  revoke,
  settleAll,
  tokenOf
} from './metadata-fixture.ts'

const deleteHashOf = (name: string) => hash(`delete ${name}`)
const TTL_MAX_MS = 200_000
const LATER = EXPIRY + 50_000

const extend = (store: MetadataStore, name: string, expiresAt = LATER, now = START) =>
  store.extendLink({ deleteHash: deleteHashOf(name), expiresAt, ttlMaxMs: TTL_MAX_MS, now })

const list = (store: MetadataStore, name: string, limit = 100, after?: ClaimCursor) =>
  store.listClaims({ deleteHash: deleteHashOf(name), limit, after })

export async function testSent(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('finding', (t) => testFinding(t, makeStore))
  await t.test('claims', (t) => testList(t, makeStore))
  await t.test('extending', (t) => testExtending(t, makeStore))
}

async function testFinding(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a link is found by its delete secret, as by its token, up to its last day', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await addFile(store, 'b')
    t.equal(await store.findSentLink(hash('wrong')), undefined)
    t.equal(await store.findSentLink(tokenOf('a')), undefined, 'the token is not the secret')
    const found = await store.findSentLink(deleteHashOf('a'))
    const { link, file } = (await store.findLink(tokenOf('a'))) ?? {}
    t.strictSame(found, { link, file })
    t.match(found, { link: { fileId: fileId('a'), state: 'live', claimed: 0 }, file: { name: 'a' } })
    await revoke(store, 'a')
    t.match(await store.findSentLink(deleteHashOf('a')), { link: { state: 'revoked' } })
    await settleAll(store, EXPIRY)
    while ((await store.purgeTombstones(EXPIRY * 2, 10)) > 0);
    t.equal(await store.findSentLink(deleteHashOf('a')), undefined)
    t.strictSame(await list(store, 'a'), [])
  })

  await t.test('no two links have one delete secret', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    const other = await prepareFile(store, 'b')
    const same = { ...other, link: { ...other.link, deleteHash: deleteHashOf('a') } }
    await rejectsWith(t, store.commitUpload(same), 'upload-conflict')
    t.equal((await store.commitUpload(other)).name, 'b')
    t.match(await store.findSentLink(deleteHashOf('a')), { file: { name: 'a' } })
    t.match(await store.findSentLink(deleteHashOf('b')), { file: { name: 'b' } })
  })
}

async function testList(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('claims are told with how far they are, the newest first', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 3 })
    await addFile(store, 'other')
    await claim(store, 'other', 'stranger')
    t.strictSame(await list(store, 'a'), [])
    await claim(store, 'a', 'whole', START + 1)
    await claim(store, 'a', 'part', START + 2)
    await claim(store, 'a', 'given back', START + 3)
    await release(store, 'a', 'given back')
    await release(store, 'a', 'never made')
    const now = START + 5
    await report(store, 'a', 'whole', { ranges: [{ start: 0, end: 20 }], bytesSent: 23, now })
    const ranges = [
      { start: 0, end: 4 },
      { start: 10, end: 12 }
    ]
    await report(store, 'a', 'part', { ranges, bytesSent: 8, now })
    const none = { bytesSent: 0, coveredBytes: 0, consumedAt: null }
    t.strictSame(await list(store, 'a'), [
      {
        claimHash: hash('given back'),
        state: 'released',
        claimedAt: START + 3,
        leaseUntil: START + 3 + LEASE_MS,
        ...none
      },
      {
        claimHash: hash('part'),
        state: 'claimed',
        claimedAt: START + 2,
        leaseUntil: now + LEASE_MS,
        bytesSent: 8,
        coveredBytes: 6,
        consumedAt: null
      },
      {
        claimHash: hash('whole'),
        state: 'consumed',
        claimedAt: START + 1,
        leaseUntil: now + GRACE_MS,
        bytesSent: 23,
        coveredBytes: 20,
        consumedAt: now
      },
      { claimHash: hash('never made'), state: 'released', claimedAt: 0, leaseUntil: 0, ...none }
    ])
    await settleAll(store, START + LEASE_MS * 2)
    t.match((await list(store, 'a'))[1], { state: 'consumed', consumedAt: now + LEASE_MS, coveredBytes: 6 })
  })

  await t.test('pages follow each other, also where claims were made at one moment', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 9 })
    for (let i = 0; i < 9; i++) await claim(store, 'a', `claim ${i}`, START + Math.floor(i / 4))
    const all = await list(store, 'a')
    t.equal(all.length, 9)
    for (const limit of [1, 2, 4]) {
      const paged = []
      for (let after: ClaimCursor | undefined; ;) {
        const page = await list(store, 'a', limit, after)
        paged.push(...page)
        after = page.at(-1)
        if (page.length < limit) break
      }
      t.strictSame(paged, all, `in pages of ${limit}`)
    }
    t.strictSame(
      all.map(({ claimedAt }) => claimedAt),
      all.map(({ claimedAt }) => claimedAt).toSorted((a, b) => b - a)
    )
  })
}

async function testExtending(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('an extended link lives until its new end, and no longer', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 2 })
    const extended = await extend(store, 'a')
    t.match(extended, { state: 'live', expiresAt: LATER, createdAt: START })
    t.strictSame(await extend(store, 'a'), extended, 'again')
    t.strictSame(await extend(store, 'a', EXPIRY), extended, 'an earlier time takes nothing away')
    await settleAll(store, EXPIRY)
    t.strictSame((await store.findLink(tokenOf('a')))?.link, extended)
    t.match(await claim(store, 'a', 'me', LATER - 1), { outcome: 'claimed' })
    t.strictSame(await claim(store, 'a', 'you', LATER), { outcome: 'expired' })
    await settleAll(store, LATER + LEASE_MS)
    t.equal((await store.findLink(tokenOf('a')))?.link.state, 'expired')
  })

  await t.test('its tombstone ages from the new end', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await extend(store, 'a')
    await revoke(store, 'a')
    await settleAll(store, START)
    while ((await store.purgeTombstones(LATER, 10)) > 0);
    t.match(await store.findLink(tokenOf('a')), { link: { state: 'revoked' } })
    while ((await store.purgeTombstones(LATER + 1, 10)) > 0);
    t.equal(await store.findLink(tokenOf('a')), undefined)
  })

  await t.test('no link lives longer than any may, counted from when it was made', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    const latest = START + TTL_MAX_MS
    await rejectsWith(t, extend(store, 'a', latest + 1), 'invalid-field')
    await rejectsWith(t, extend(store, 'a', latest + 1, EXPIRY - 1), 'invalid-field')
    t.equal((await store.findLink(tokenOf('a')))?.link.expiresAt, EXPIRY)
    t.equal((await extend(store, 'a', latest, EXPIRY - 1)).expiresAt, latest)
  })

  await t.test('what has ended stays as it ended, and says how', async (t) => {
    const store = await makeStore(t)
    for (const name of ['taken', 'revoked', 'suspended', 'over']) await addFile(store, name)
    await claim(store, 'taken', 'me')
    await rejectsWith(t, extend(store, 'taken'), 'link-used', 'while it is downloaded')
    await release(store, 'taken', 'me')
    t.equal((await extend(store, 'taken', LATER - 1)).expiresAt, LATER - 1, 'and when that was given back')
    await claim(store, 'taken', 'you')
    await revoke(store, 'revoked')
    await store.suspendLinks([tokenOf('suspended')], 1)
    await rejectsWith(t, extend(store, 'never'), 'link-unknown')
    await rejectsWith(t, extend(store, 'revoked'), 'link-revoked')
    await rejectsWith(t, extend(store, 'suspended'), 'link-suspended')
    await rejectsWith(t, extend(store, 'over', LATER, EXPIRY), 'link-expired', 'before that was settled')
    await settleAll(store, EXPIRY)
    await rejectsWith(
      t,
      extend(store, 'over'),
      'link-expired',
      'and afterwards, whatever the time is said to be'
    )
    await settleAll(store, START + LEASE_MS)
    await rejectsWith(t, extend(store, 'taken'), 'link-used', 'and after its end')
    for (const name of ['revoked', 'suspended', 'over'])
      t.equal((await store.findLink(tokenOf(name)))?.link.expiresAt, EXPIRY, name)
  })

  await t.test('extending and withdrawing at once: it is withdrawn', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    const [first] = await Promise.allSettled([extend(store, 'a'), revoke(store, 'a'), extend(store, 'a')])
    t.equal(first.status, 'fulfilled')
    t.match((await store.findLink(tokenOf('a')))?.link, { state: 'revoked' })
    await rejectsWith(t, extend(store, 'a'), 'link-revoked')
  })
}
