import type { Test } from 'tap'
import type { MakeStore } from './metadata-fixture.ts'
import {
  EXPIRY,
  GRACE_MS,
  LEASE_MAX_MS,
  LEASE_MS,
  START,
  addFile,
  claim,
  find,
  report,
  settleAll,
  tokenOf
} from './metadata-fixture.ts'

export async function testProgress(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('leases and graces', (t) => testLeases(t, makeStore))
  await t.test('ranges and reports', (t) => testReports(t, makeStore))
}

async function testLeases(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a lease that is over is used, for its claimant too', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    t.match(await find(store, 'a', 'me', START + LEASE_MS - 1), { outcome: 'claimed' })
    t.strictSame(await find(store, 'a', 'me', START + LEASE_MS), { outcome: 'used' })
    t.strictSame(await claim(store, 'a', 'me', START + LEASE_MS), { outcome: 'used' })
  })

  await t.test('settling makes it consumed, at the time the lease ended', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    await claim(store, 'a', 'me')
    t.equal(await store.settleLinks(START + LEASE_MS - 1, 100), 0)
    await settleAll(store, START + LEASE_MS + 77)
    t.match(await report(store, 'a', 'me', { now: START + LEASE_MS + 80 }), {
      state: 'consumed',
      consumedAt: START + LEASE_MS,
      leaseUntil: START + LEASE_MS
    })
    t.match(await store.findLink(tokenOf('a')), { link: { state: 'consumed' }, file: { state: 'deleted' } })
    t.strictSame(await claim(store, 'a', 'other'), { outcome: 'used' })
    t.strictSame(await find(store, 'a', 'me'), { outcome: 'used' }, 'even when the clock ran backwards')
    t.equal((await store.getFile(file.id))?.state, 'deleted')
  })

  await t.test('a report that comes after the lease counts, and does not bring it back', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a')
    await claim(store, 'a', 'me')
    const late = { now: START + LEASE_MS, bytesSent: 20, ranges: [{ start: 0, end: file.sizeBytes }] }
    t.match(await report(store, 'a', 'me', late), {
      state: 'consumed',
      consumedAt: START + LEASE_MS,
      leaseUntil: START + LEASE_MS,
      bytesSent: 20
    })
    t.strictSame(await find(store, 'a', 'me', START + LEASE_MS), { outcome: 'used' })
  })

  await t.test('progress moves the lease, up to its limit, and never back', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    const leaseAfter = async (passedMs: number) =>
      ((await report(store, 'a', 'me', { now: START + passedMs, bytesSent: 1 }))?.leaseUntil ?? 0) - START
    t.equal(await leaseAfter(500), 500 + LEASE_MS)
    t.equal(await leaseAfter(400), 500 + LEASE_MS, 'a report that was overtaken')
    for (const passedMs of [1400, 2300, 3200]) t.equal(await leaseAfter(passedMs), passedMs + LEASE_MS)
    t.equal(await leaseAfter(4100), LEASE_MAX_MS)
    t.equal(await leaseAfter(4900), LEASE_MAX_MS)
    t.strictSame(await find(store, 'a', 'me', START + LEASE_MAX_MS), { outcome: 'used' })
  })

  await t.test('expiry never cuts a running claim, nor its grace', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a', { downloads: 2 })
    const chunks = await store.listFileChunks(file.id, 0, 10)
    await claim(store, 'a', 'me', EXPIRY - 1)
    await settleAll(store, EXPIRY)
    t.match(await find(store, 'a', 'me', EXPIRY), { outcome: 'claimed' })
    t.strictSame(await claim(store, 'a', 'other', EXPIRY), { outcome: 'expired' }, 'the free slot is gone')
    const all = { ranges: [{ start: 0, end: file.sizeBytes }], bytesSent: 20, now: EXPIRY + 500 }
    t.match(await report(store, 'a', 'me', all), { leaseUntil: EXPIRY + 500 + GRACE_MS })
    const inGrace = EXPIRY + 500 + GRACE_MS - 1
    await settleAll(store, inGrace)
    t.match(await find(store, 'a', 'me', inGrace), { outcome: 'claimed', claim: { state: 'consumed' } })
    t.strictSame(await store.listFileChunks(file.id, 0, 10), chunks, 'the bytes can still be had')
    t.equal(await store.condemnChunks(100), 0)
    await settleAll(store, inGrace + 1)
    t.match(await store.findLink(tokenOf('a')), { link: { state: 'expired' }, file: { state: 'deleted' } })
    t.strictSame(await find(store, 'a', 'me', inGrace + 1), { outcome: 'used' })
  })

  await t.test('a link is consumed when the grace of its last slot is over', async (t) => {
    const store = await makeStore(t)
    const file = await addFile(store, 'a', { downloads: 2 })
    const all = { ranges: [{ start: 0, end: file.sizeBytes }], bytesSent: 20 }
    const stateAt = async (now: number) => {
      await settleAll(store, now)
      return (await store.findLink(tokenOf('a')))?.link.state
    }
    await claim(store, 'a', 'first')
    await report(store, 'a', 'first', all)
    t.equal(await stateAt(START + GRACE_MS), 'live', 'one slot is free')
    await claim(store, 'a', 'second', START + GRACE_MS)
    await report(store, 'a', 'second', { ...all, now: START + GRACE_MS })
    t.equal(await stateAt(START + 2 * GRACE_MS - 1), 'live')
    t.equal(await stateAt(START + 2 * GRACE_MS), 'consumed')
    t.equal((await store.stats(3)).linksLive, 0)
  })
}

async function testReports(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('ranges that cover the file consume it, in any order and overlapping', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    const send = (start: number, end: number) =>
      report(store, 'a', 'me', { ranges: [{ start, end }], bytesSent: end - start, now: START + 1 })
    t.match(await send(12, 20), { state: 'claimed', covered: [{ start: 12, end: 20 }] })
    t.match(await send(0, 3), {
      covered: [
        { start: 0, end: 3 },
        { start: 12, end: 20 }
      ]
    })
    t.match(await send(2, 11), {
      state: 'claimed',
      covered: [
        { start: 0, end: 11 },
        { start: 12, end: 20 }
      ]
    })
    t.match(await send(11, 12), {
      state: 'consumed',
      covered: [{ start: 0, end: 20 }],
      bytesSent: 21,
      consumedAt: START + 1,
      leaseUntil: START + 1 + GRACE_MS
    })
  })

  for (const [what, range] of Object.entries({
    first: { start: 1, end: 20 },
    last: { start: 0, end: 19 }
  })) {
    await t.test(`all but the ${what} byte is not all`, async (t) => {
      const store = await makeStore(t)
      await addFile(store, 'a')
      await claim(store, 'a', 'me')
      const after = await report(store, 'a', 'me', { ranges: [range], bytesSent: 19 })
      t.match(after, { state: 'claimed', consumedAt: null })
    })
  }

  await t.test('the same bytes over and over do not cover the file, and are counted', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    for (let i = 0; i < 3; i++)
      await report(store, 'a', 'me', { ranges: [{ start: 0, end: 10 }], bytesSent: 10 })
    t.match(await report(store, 'a', 'me'), { state: 'claimed', bytesSent: 30 })
  })

  await t.test('ranges beyond the file count for nothing', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    const after = await report(store, 'a', 'me', { ranges: [{ start: 15, end: 900 }], bytesSent: 5 })
    t.strictSame(after?.covered, [{ start: 15, end: 20 }])
    t.equal(after?.state, 'claimed')
  })

  await t.test('a report that is repeated counts once', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    const fields = { ranges: [{ start: 0, end: 5 }], bytesSent: 5, reportId: 'once' }
    const first = await report(store, 'a', 'me', fields)
    t.strictSame(await report(store, 'a', 'me', { ...fields, now: START + 10 }), first)
    const more = { ranges: [{ start: 5, end: 9 }], bytesSent: 4, reportId: 'twice' }
    t.match(await report(store, 'a', 'me', more), { bytesSent: 9, covered: [{ start: 0, end: 9 }] })
    t.match(await report(store, 'a', 'me', fields), { bytesSent: 9 }, 'nor after another one')
    t.match(await find(store, 'a', 'me'), { claim: { bytesSent: 9 } })
  })

  await t.test('reports at once all count', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        report(store, 'a', 'me', { ranges: [{ start: i, end: i + 1 }], bytesSent: 1 })
      )
    )
    t.match(await find(store, 'a', 'me'), { claim: { state: 'consumed', bytesSent: 20 } })
  })

  await t.test('in the grace bytes are counted, and the end stays where it is', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    const all = { ranges: [{ start: 0, end: 20 }], bytesSent: 20 }
    await report(store, 'a', 'me', all)
    t.match(await report(store, 'a', 'me', { ...all, now: START + 100 }), {
      state: 'consumed',
      bytesSent: 40,
      consumedAt: START,
      leaseUntil: START + GRACE_MS
    })
    t.strictSame(await find(store, 'a', 'me', START + GRACE_MS), { outcome: 'used' })
  })

  await t.test('a claim that is not there has no progress', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    t.equal(await report(store, 'a', 'nobody', { bytesSent: 5 }), undefined)
  })
}
