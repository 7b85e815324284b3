import type { Test } from 'tap'
import { hasCode } from '../../src/errors.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { START, passwordOf, rejectsWith } from './metadata-fixture.ts'
import {
  SESSION_END,
  addKey,
  addUser,
  holding,
  keyHash,
  sessionId,
  signIn,
  userId
} from './account-fixture.ts'

export async function testSessions(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('sessions that begin', (t) => testBeginnings(t, makeStore))
  await t.test('sessions that end', (t) => testEnds(t, makeStore))
  await t.test('API keys', (t) => testKeys(t, makeStore))
}

async function testBeginnings(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a session says whose it is', async (t) => {
    const store = await makeStore(t)
    const user = await addUser(store, 'a')
    const session = await signIn(store, 'a', 'one')
    t.strictSame(await signIn(store, 'a', 'one', { name: 'again' }), session)
    const known = { id: sessionId('one'), user: user.id, kind: 'session', scopes: [] } as const
    t.strictSame(session, {
      ...known,
      name: 'curl/8',
      createdAt: START,
      expiresAt: SESSION_END,
      lastUsedAt: START
    })
    const find = () => store.findSessions({ ids: [known.id, sessionId('two')], keys: [], now: START })
    const found = { ...known, name: 'a', role: 'user', expiresAt: SESSION_END, key: null, lastUsedAt: START }
    t.strictSame(await find(), [found])
    await store.changeUser({ id: user.id, role: 'admin', name: { name: 'A', nameKey: 'a' }, now: START })
    t.strictSame(await find(), [{ ...found, name: 'A', role: 'admin' }], 'as the user is now')
    t.strictSame(await store.findSessions({ ids: [], keys: [], now: START }), [])
  })

  await t.test('nobody is signed in by a password that has been replaced meanwhile', async (t) => {
    const store = await makeStore(t)
    const { id } = await addUser(store, 'a')
    const replaced = store.replacePassword({ user: id, to: passwordOf('new'), keys: false, now: START })
    const late = signIn(store, 'a', 'late')
    t.equal(await replaced, true)
    await rejectsWith(t, late, 'login-failed')
    t.strictSame(await holding(store, ['late']), [])
    await rejectsWith(t, signIn(store, 'nobody'), 'user-unknown')
    t.ok(await signIn(store, 'a', 'now', { password: passwordOf('new') }))
  })

  await t.test('a record at another cost takes the place of the one that was shown', async (t) => {
    const store = await makeStore(t)
    const { id } = await addUser(store, 'a')
    const rehash = { ...passwordOf('a'), passes: 7 }
    await signIn(store, 'a', 'one')
    await signIn(store, 'a', 'two', { rehash })
    t.match(await store.getUser(id), { password: rehash })
    t.strictSame(await holding(store, ['one', 'two']), ['one', 'two'], 'nothing ends')
    await rejectsWith(t, signIn(store, 'a', 'three'), 'login-failed')
  })

  await t.test('a user who signs in ever again keeps the last ones', async (t) => {
    const store = await makeStore(t)
    await addUser(store, 'a')
    await addUser(store, 'b')
    await signIn(store, 'b')
    await addKey(store, 'a', 'key')
    const names = ['1', '2', '3', '4', '5']
    for (const [i, name] of names.entries()) await signIn(store, 'a', name, { createdAt: START + i })
    t.strictSame(await holding(store, [...names, 'key', 'b']), ['3', '4', '5', 'key', 'b'])
  })
}

async function testEnds(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('by its time', async (t) => {
    const store = await makeStore(t)
    await addUser(store, 'a')
    await signIn(store, 'a')
    t.strictSame(await holding(store, ['a'], SESSION_END - 1), ['a'])
    t.strictSame(await holding(store, ['a'], SESSION_END), [])
    t.strictSame(await store.listSessions(userId('a'), SESSION_END, 10), [])
    t.equal(await store.endSession({ id: sessionId('a'), now: SESSION_END }), false)
  })

  await t.test('one by one, by whom it belongs to', async (t) => {
    const store = await makeStore(t)
    for (const name of ['a', 'b']) {
      await addUser(store, name)
      await signIn(store, name)
    }
    const id = sessionId('a')
    await rejectsWith(t, store.endSession({ id, user: userId('b'), now: START }), 'permission-denied')
    await rejectsWith(t, store.endSession({ id: sessionId('none'), now: START }), 'session-unknown')
    t.equal(await store.endSession({ id, user: userId('a'), now: START + 1 }), true)
    t.equal(await store.endSession({ id, now: START + 2 }), false)
    t.strictSame(await holding(store, ['a', 'b']), ['b'])
    t.equal(await signIn(store, 'a').then((session) => session.id), id, 'a late repeat is answered')
    t.strictSame(await holding(store, ['a', 'b']), ['b'], 'and wakes nothing')
  })

  await t.test('all of a user', async (t) => {
    const store = await makeStore(t)
    for (const name of ['a', 'b']) await addUser(store, name)
    for (const name of ['one', 'two', 'three']) await signIn(store, 'a', name)
    await signIn(store, 'b')
    await addKey(store, 'a', 'key')
    const end = (fields: object) =>
      store.endSessions({ user: userId('a'), keys: false, now: START, ...fields })
    t.equal(await end({ except: sessionId('two') }), 2)
    t.strictSame(await holding(store, ['one', 'two', 'three', 'key', 'b']), ['two', 'key', 'b'])
    t.equal(await end({ keys: true }), 2)
    t.equal(await end({ keys: true }), 0)
    t.strictSame(await holding(store, ['one', 'two', 'three', 'key', 'b']), ['b'])
  })

  await t.test('of everybody, after a recovery, and not the keys', async (t) => {
    const store = await makeStore(t)
    const names = ['a', 'b', 'c']
    for (const name of names) {
      await addUser(store, name)
      await signIn(store, name)
    }
    await addKey(store, 'a', 'key')
    t.equal(await store.endAllSessions(START, 2), 2)
    t.equal(await store.endAllSessions(START, 2), 1)
    t.equal(await store.endAllSessions(START, 2), 0)
    t.strictSame(await holding(store, [...names, 'key']), ['key'])
  })

  await t.test('and they are forgotten', async (t) => {
    const store = await makeStore(t)
    await addUser(store, 'a')
    await signIn(store, 'a', 'ended')
    await signIn(store, 'a', 'expiring')
    await addKey(store, 'a', 'key')
    await store.endSession({ id: sessionId('ended'), now: START + 5 })
    t.equal(await store.purgeAccounts(START + 5, 10), 0)
    t.equal(await store.purgeAccounts(START + 6, 10), 1)
    await rejectsWith(t, store.endSession({ id: sessionId('ended'), now: START }), 'session-unknown')
    t.equal(await store.purgeAccounts(SESSION_END + 1, 10), 1)
    t.strictSame(await holding(store, ['key']), ['key'])
  })
}

async function testKeys(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a key is found by the hash of its text, with its scopes', async (t) => {
    const store = await makeStore(t)
    await addUser(store, 'a')
    const key = await addKey(store, 'a', 'key')
    t.strictSame(await addKey(store, 'a', 'key'), key, 'again')
    const find = (ids: string[], keys: string[]) =>
      store.findSessions({ ids: ids.map(sessionId), keys: keys.map(keyHash), now: SESSION_END * 1000 })
    const scopes = ['files:read', 'account']
    t.match(await find([], ['key', 'another']), [
      { id: key.id, name: 'a', kind: 'key', scopes, expiresAt: null, key: keyHash('key') }
    ])
    t.equal((await find(['key'], ['key'])).length, 1, 'once')
    await rejectsWith(t, addKey(store, 'a', 'b', { secretHash: keyHash('key') }), 'invalid-field')
    await store.endSession({ id: key.id, now: START })
    t.strictSame(await find(['key'], ['key']), [])
  })

  await t.test('a user has only so many, and those that are over do not count', async (t) => {
    const store = await makeStore(t)
    await addUser(store, 'a')
    const names = ['1', '2', '3', '4']
    const ends = await Promise.allSettled(
      names.map((name) => addKey(store, 'a', name, { expiresAt: SESSION_END }))
    )
    t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 2)
    for (const end of ends) if (end.status === 'rejected') t.ok(hasCode(end.reason, 'keys-full'))
    const [held = ''] = await holding(store, names)
    await store.endSession({ id: sessionId(held), now: START })
    t.ok(await addKey(store, 'a', '5', { expiresAt: SESSION_END }))
    await rejectsWith(t, addKey(store, 'a', '6'), 'keys-full')
    t.ok(await addKey(store, 'a', '7', { createdAt: SESSION_END, expiresAt: SESSION_END + 5 }), 'two expired')
    t.equal(await store.purgeAccounts(SESSION_END + 6, 10), 4)
    for (const name of ['8', '9']) await addKey(store, 'a', name)
    await rejectsWith(t, addKey(store, 'a', '10'), 'keys-full')
    t.equal(await store.endSessions({ user: userId('a'), keys: true, now: START }), 2)
    t.ok(await addKey(store, 'a', '11'))
  })

  await t.test('lists have what runs, the newest first, and say when it was used', async (t) => {
    const store = await makeStore(t)
    await addUser(store, 'a')
    await signIn(store, 'a', 'one')
    await addKey(store, 'a', 'key', { createdAt: START + 1 })
    await store.noteUses([sessionId('one'), sessionId('none')], START + 60)
    await store.noteUses([sessionId('one')], START + 30)
    await store.noteUses([], START + 90)
    t.match(await store.listSessions(userId('a'), START, 10), [
      { id: sessionId('key'), kind: 'key', lastUsedAt: START + 1 },
      { id: sessionId('one'), kind: 'session', lastUsedAt: START + 60 }
    ])
    t.equal((await store.listSessions(userId('a'), START, 1)).length, 1)
    t.strictSame(await store.listSessions(userId('b'), START, 10), [])
  })
}
