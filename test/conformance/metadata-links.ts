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
  rejectsWith,
  release,
  report,
  revoke,
  settleAll,
  tokenOf
} from './metadata-fixture.ts'

export async function testLinks(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a link that never existed is unknown', async (t) => {
    const store = await makeStore(t)
    t.equal(await store.findLink(tokenOf('a')), undefined)
    t.strictSame(await claim(store, 'a', 'me'), { outcome: 'unknown' })
    t.strictSame(await find(store, 'a', 'me'), { outcome: 'unknown' })
    t.equal(await report(store, 'a', 'me'), undefined)
    t.equal(await release(store, 'a', 'me'), false)
    await rejectsWith(t, revoke(store, 'a'), 'link-unknown')
  })

  await t.test('looking at a link spends nothing', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    for (let i = 0; i < 3; i++) await store.findLink(tokenOf('a'))
    t.strictSame(await find(store, 'a', 'me'), { outcome: 'used' }, 'finding a claim never makes one')
    t.equal((await store.findLink(tokenOf('a')))?.link.claimed, 0)
    t.match(await claim(store, 'a', 'me'), { outcome: 'claimed' })
  })

  await t.test('a link expires at its time, not before', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await addFile(store, 'b')
    t.match(await claim(store, 'a', 'me', EXPIRY - 1), { outcome: 'claimed' })
    t.strictSame(await claim(store, 'b', 'me', EXPIRY), { outcome: 'expired' })
    t.strictSame(await find(store, 'b', 'me', EXPIRY), { outcome: 'expired' })
    await settleAll(store, EXPIRY)
    t.equal((await store.findLink(tokenOf('a')))?.link.state, 'live', 'its claim is running')
    t.equal((await store.findLink(tokenOf('b')))?.link.state, 'expired')
    t.strictSame(await claim(store, 'b', 'me', START), { outcome: 'expired' }, 'for good')
  })

  await t.test('only the delete secret revokes', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    const wrong = { tokenHash: tokenOf('a'), deleteHash: hash('wrong'), now: START }
    await rejectsWith(t, store.revokeLink(wrong), 'delete-forbidden')
    t.equal((await store.findLink(tokenOf('a')))?.link.state, 'live')
    const revoked = await revoke(store, 'a')
    t.equal(revoked.state, 'revoked')
    t.strictSame(await revoke(store, 'a', START + 5), revoked, 'again')
    await rejectsWith(t, store.revokeLink(wrong), 'delete-forbidden', 'a wrong secret learns nothing later')
    t.strictSame(await claim(store, 'a', 'me'), { outcome: 'revoked' })
    t.strictSame(await find(store, 'a', 'me'), { outcome: 'revoked' })
  })

  await t.test(
    'revoking ends running claims and graces, and settling does not call it consumed',
    async (t) => {
      const store = await makeStore(t)
      const file = await addFile(store, 'a', { downloads: 2 })
      await claim(store, 'a', 'running')
      await claim(store, 'a', 'done')
      await report(store, 'a', 'done', { ranges: [{ start: 0, end: file.sizeBytes }], bytesSent: 1 })
      await revoke(store, 'a', START + 10)
      for (const secret of ['running', 'done']) {
        t.strictSame(await find(store, 'a', secret, START + 10), { outcome: 'revoked' })
        t.strictSame(await claim(store, 'a', secret, START + 10), { outcome: 'revoked' })
      }
      t.equal(await release(store, 'a', 'running'), false)
      const late = await report(store, 'a', 'running', { bytesSent: 5, now: START + 11 })
      t.match(late, { state: 'consumed', consumedAt: START + 10, leaseUntil: START + 10, bytesSent: 5 })
      await settleAll(store, START + LEASE_MS * 9)
      const found = await store.findLink(tokenOf('a'))
      t.equal(found?.link.state, 'revoked')
      t.equal(found?.file.state, 'deleted')
    }
  )

  await t.test('a lease that ran out before the link was revoked ended then', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await claim(store, 'a', 'me')
    await revoke(store, 'a', START + LEASE_MS + 50)
    const ended = { state: 'consumed', consumedAt: START + LEASE_MS, leaseUntil: START + LEASE_MS }
    t.match(await report(store, 'a', 'me', { now: START + LEASE_MS + 60 }), ended)
  })

  await t.test('what has ended stays as it ended', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    await settleAll(store, EXPIRY)
    t.equal((await revoke(store, 'a')).state, 'expired')
  })
}
