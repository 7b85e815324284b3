import type { Test } from 'tap'
import type { MakeStore } from './metadata-fixture.ts'
import {
  EXPIRY,
  LEASE_MS,
  START,
  addFile,
  claim,
  find,
  hash,
  release,
  report,
  settleAll,
  tokenOf
} from './metadata-fixture.ts'

export async function testClaims(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('taking slots', (t) => testSlots(t, makeStore))
  await t.test('giving back', (t) => testRelease(t, makeStore))
}

async function testSlots(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('one claims, and all others find the link used', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    t.strictSame(await claim(store, 'a', 'me'), {
      outcome: 'claimed',
      claim: {
        claimHash: hash('me'),
        tokenHash: tokenOf('a'),
        state: 'claimed',
        claimedAt: START,
        leaseUntil: START + LEASE_MS,
        bytesSent: 0,
        covered: [],
        consumedAt: null
      },
      file
    })
    t.strictSame(await claim(store, 'a', 'other'), { outcome: 'used' })
    t.strictSame(await find(store, 'a', 'other'), { outcome: 'used' })
    t.strictSame(await claim(store, 'a', 'other', EXPIRY), { outcome: 'used' }, 'after the expiry too')
    t.match((await store.findLink(tokenOf('a')))?.link, { state: 'live', claimed: 1 })
  })

  await t.test('the same secret gets the same yes, and no second slot', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 2 })
    const first = await claim(store, 'a', 'me')
    t.strictSame(await claim(store, 'a', 'me', START + 10), first, 'its lease is not moved by asking')
    t.strictSame(await find(store, 'a', 'me', START + 20), first)
    t.equal((await store.findLink(tokenOf('a')))?.link.claimed, 1)
  })

  for (const downloads of [1, 7]) {
    await t.test(`of 256 at once exactly ${downloads} win`, async (t) => {
      const store = await makeStore(t)
      await addFile(store, 'a', { downloads })
      const secrets = Array.from({ length: 256 }, (_, i) => `secret ${i}`)
      const answers = await Promise.all(secrets.map((secret) => claim(store, 'a', secret)))
      const winners = secrets.filter((_, i) => answers[i]?.outcome === 'claimed')
      t.equal(winners.length, downloads)
      t.equal(answers.filter(({ outcome }) => outcome === 'used').length, 256 - downloads)
      t.equal((await store.findLink(tokenOf('a')))?.link.claimed, downloads)
      for (const secret of secrets) {
        const isWinner = winners.includes(secret)
        const again = await claim(store, 'a', secret)
        if ((again.outcome === 'claimed') !== isWinner) t.fail('a second answer differs from the first')
      }
    })
  }

  await t.test('256 repeats of one claim at once are one claim', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 3 })
    const answers = await Promise.all(Array.from({ length: 256 }, () => claim(store, 'a', 'me')))
    t.equal(answers.filter(({ outcome }) => outcome === 'claimed').length, 256)
    t.equal((await store.findLink(tokenOf('a')))?.link.claimed, 1)
  })

  await t.test('the same secret on two links makes two claims', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await addFile(store, 'b')
    t.match(await claim(store, 'a', 'me'), { outcome: 'claimed', file: { name: 'a' } })
    t.match(await claim(store, 'b', 'me'), { outcome: 'claimed', file: { name: 'b' } })
  })
}

async function testRelease(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a slot that is given back is free for others, and the claim is dead', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    t.equal(await release(store, 'a', 'me'), true)
    t.equal(await release(store, 'a', 'me'), true, 'again')
    t.equal((await store.findLink(tokenOf('a')))?.link.claimed, 0)
    t.strictSame(await claim(store, 'a', 'me'), { outcome: 'released' }, 'a late duplicate burns nothing')
    t.strictSame(await find(store, 'a', 'me'), { outcome: 'released' })
    t.match(await claim(store, 'a', 'other'), { outcome: 'claimed' })
    t.strictSame(await claim(store, 'a', 'me'), { outcome: 'released' })
    t.equal(await release(store, 'a', 'me'), true)
    t.equal((await store.findLink(tokenOf('a')))?.link.claimed, 1, 'one release frees one slot')
  })

  await t.test('nothing is given back once a byte was sent', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    await report(store, 'a', 'me', { ranges: [{ start: 0, end: 1 }], bytesSent: 1 })
    t.equal(await release(store, 'a', 'me'), false)
    t.match(await find(store, 'a', 'me'), { outcome: 'claimed' })
    t.strictSame(await claim(store, 'a', 'other'), { outcome: 'used' })
  })

  await t.test('a claim that comes after its release burns nothing', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    t.equal(await release(store, 'a', 'me'), true)
    t.equal(await release(store, 'a', 'me'), true, 'again')
    t.strictSame(await claim(store, 'a', 'me'), { outcome: 'released' })
    t.match((await store.findLink(tokenOf('a')))?.link, { state: 'live', claimed: 0 })
    t.match(await report(store, 'a', 'me', { bytesSent: 5 }), { state: 'released', bytesSent: 0 })
    t.match(await claim(store, 'a', 'other'), { outcome: 'claimed' })
    t.equal(await release(store, 'no such link', 'me'), false)
    await settleAll(store, EXPIRY + LEASE_MS)
    t.equal((await store.findLink(tokenOf('a')))?.link.state, 'consumed')
  })

  await t.test('a report without bytes does not stand in the way', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    await report(store, 'a', 'me')
    t.equal(await release(store, 'a', 'me'), true)
    t.match(await report(store, 'a', 'me', { bytesSent: 5 }), { state: 'released', bytesSent: 0 })
  })

  await t.test('a lease that ended without a release is spent', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    await settleAll(store, START + LEASE_MS)
    t.equal(await release(store, 'a', 'me'), false)
    t.strictSame(await claim(store, 'a', 'other', START + LEASE_MS), { outcome: 'used' })
  })

  await t.test('a released claim does not keep an expired link alive, nor use it up', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me', EXPIRY - 1)
    await release(store, 'a', 'me')
    await settleAll(store, EXPIRY)
    t.equal((await store.findLink(tokenOf('a')))?.link.state, 'expired')
    t.strictSame(await claim(store, 'a', 'other', EXPIRY), { outcome: 'expired' })
  })

  await t.test('claims and releases at once never serve more than there are slots', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { downloads: 3 })
    const secrets = Array.from({ length: 60 }, (_, i) => `secret ${i}`)
    const tries = secrets.map(async (secret, i) => {
      const answer = await claim(store, 'a', secret)
      if (i % 2 === 0 && answer.outcome === 'claimed') await release(store, 'a', secret)
    })
    await Promise.all(tries)
    const answers = await Promise.all(secrets.map((secret) => find(store, 'a', secret)))
    const served = answers.filter(({ outcome }) => outcome === 'claimed').length
    t.ok(served <= 3)
    t.equal((await store.findLink(tokenOf('a')))?.link.claimed, served)
  })
}
