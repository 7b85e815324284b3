import type { Test } from 'tap'
import { hasCode } from '../../src/errors.ts'
import { userNameKey } from '../../src/protocol/user-names.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { START, hash, passwordOf, rejectsWith } from './metadata-fixture.ts'
import {
  SESSION_END,
  addKey,
  addUser,
  holding,
  invite,
  inviteId,
  newUser,
  sessionId,
  signIn,
  userId
} from './account-fixture.ts'

export async function testUsers(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('users that are made', (t) => testCreation(t, makeStore))
  await t.test('users that change', (t) => testChanges(t, makeStore))
  await t.test('lists of users', (t) => testLists(t, makeStore))
  await t.test('invitations', (t) => testInvites(t, makeStore))
}

async function testCreation(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a user is found by id and by name, and is signed in by the same step', async (t) => {
    const store = await makeStore(t)
    const request = {
      user: newUser('Zoë'),
      by: 'right',
      session: { id: sessionId('first'), name: 'curl/8', expiresAt: SESSION_END }
    } as const
    const made = await store.createUser(request)
    const { nameKey: _key, password, ...record } = request.user
    const user = { ...record, state: 'active' as const }
    t.strictSame(made.user, user)
    t.match(made.session, { id: sessionId('first'), user: user.id, kind: 'session', scopes: [] })
    t.strictSame(await store.createUser(request), made, 'again')
    t.strictSame(await store.getUser(user.id), { user, password })
    t.strictSame(await store.findUser(userNameKey('ZOË')), { user, password })
    t.strictSame(await holding(store, ['first']), ['first'])
    t.equal(await store.getUser(userId('nobody')), undefined)
    t.equal(await store.findUser('zo'), undefined)
  })

  await t.test('of many who want one name at once, one gets it', async (t) => {
    const store = await makeStore(t)
    const names = ['straße', 'STRASSE', 'Strasse', 'ſtraße', 'straſſe']
    const ends = await Promise.allSettled(
      names.map((name) => store.createUser({ user: newUser(name), by: 'right' }))
    )
    t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const end of ends) if (end.status === 'rejected') t.ok(hasCode(end.reason, 'name-taken'))
  })

  await t.test('setting up makes the first administrator, and only that', async (t) => {
    const store = await makeStore(t)
    await addUser(store, 'somebody')
    t.equal(await store.hasAdmin(), false)
    const ends = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) => store.createUser({ user: newUser(name, { role: 'admin' }), by: 'setup' }))
    )
    t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const end of ends) if (end.status === 'rejected') t.ok(hasCode(end.reason, 'setup-invalid'))
    t.equal(await store.hasAdmin(), true)
    t.equal((await store.listUsers({ limit: 10 })).users.length, 2, 'nothing is left of the others')
  })
}

async function testChanges(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('what is given changes, and a name only to one that is free', async (t) => {
    const store = await makeStore(t)
    const user = await addUser(store, 'a')
    await addUser(store, 'b')
    const change = { id: user.id, now: START }
    const changed = { ...user, name: 'Ä', quotaBytes: 5, role: 'admin' as const }
    const name = { name: 'Ä', nameKey: 'ä' }
    t.strictSame(await store.changeUser({ ...change, name, quotaBytes: 5, role: 'admin' }), changed)
    t.strictSame(await store.changeUser(change), changed)
    t.strictSame(await store.changeUser({ ...change, name }), changed, 'it is the own one')
    t.strictSame(await store.changeUser({ ...change, quotaBytes: null }), { ...changed, quotaBytes: null })
    await rejectsWith(t, store.changeUser({ ...change, name: { name: 'B', nameKey: 'b' } }), 'name-taken')
    await rejectsWith(t, store.changeUser({ ...change, id: userId('nobody') }), 'user-unknown')
    t.equal(await store.findUser('a'), undefined, 'the name it had is free')
    t.match(await store.findUser('ä'), { user: { id: user.id } })
  })

  await t.test('the last active administrator stays one', async (t) => {
    const store = await makeStore(t)
    const [a, b] = [await addUser(store, 'a', { role: 'admin' }), await addUser(store, 'b')]
    const demote = (id: typeof a.id) => store.changeUser({ id, role: 'user', now: START })
    const disable = (id: typeof a.id) => store.changeUser({ id, state: 'disabled', now: START })
    await rejectsWith(t, demote(a.id), 'last-admin')
    await rejectsWith(t, disable(a.id), 'last-admin')
    t.match(await store.getUser(a.id), { user: { role: 'admin', state: 'active' } }, 'nothing has changed')
    await store.changeUser({ id: b.id, role: 'admin', now: START })
    const ends = await Promise.allSettled([demote(a.id), disable(b.id)])
    t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1, 'of two at once one is refused')
    t.equal(await store.hasAdmin(), true)
  })

  await t.test('a disabled administrator does not count, and counts when active again', async (t) => {
    const store = await makeStore(t)
    const [a, b] = [
      await addUser(store, 'a', { role: 'admin' }),
      await addUser(store, 'b', { role: 'admin' })
    ]
    await store.changeUser({ id: a.id, state: 'disabled', now: START })
    await rejectsWith(t, store.changeUser({ id: b.id, role: 'user', now: START }), 'last-admin')
    await store.changeUser({ id: a.id, role: 'user', now: START })
    await store.changeUser({ id: a.id, role: 'admin', state: 'active', now: START })
    t.match(await store.changeUser({ id: b.id, role: 'user', now: START }), { role: 'user' })
    await rejectsWith(t, store.changeUser({ id: a.id, state: 'disabled', now: START }), 'last-admin')
  })

  await t.test('who is disabled is signed out, and only the keys hold again afterwards', async (t) => {
    const store = await makeStore(t)
    const { id } = await addUser(store, 'a')
    await signIn(store, 'a')
    await addKey(store, 'a', 'key')
    await store.changeUser({ id, state: 'disabled', now: START })
    t.strictSame(await holding(store, ['a', 'key']), [])
    await rejectsWith(t, signIn(store, 'a', 'again'), 'user-disabled')
    await rejectsWith(t, addKey(store, 'a', 'more'), 'user-disabled')
    await store.changeUser({ id, state: 'active', now: START })
    t.strictSame(await holding(store, ['a', 'key']), ['key'])
  })

  await t.test('a password takes the place of the one that was shown, and ends sessions', async (t) => {
    const store = await makeStore(t)
    const { id } = await addUser(store, 'a')
    for (const session of ['one', 'two']) await signIn(store, 'a', session)
    await addKey(store, 'a', 'key')
    const [from, to] = [passwordOf('a'), passwordOf('new')]
    const wrong = { user: id, from: passwordOf('other'), to, keys: false, now: START }
    t.equal(await store.replacePassword(wrong), false)
    t.strictSame(await holding(store, ['one', 'two', 'key']), ['one', 'two', 'key'])
    const right = { ...wrong, from, keep: sessionId('two') }
    t.equal(await store.replacePassword(right), true)
    t.strictSame(await holding(store, ['one', 'two', 'key']), ['two', 'key'])
    t.equal(await store.replacePassword(right), true, 'again')
    t.match(await store.getUser(id), { password: to })
    await store.replacePassword({ user: id, to: passwordOf('newer'), keys: true, now: START })
    t.strictSame(await holding(store, ['one', 'two', 'key']), [])
    await rejectsWith(t, store.replacePassword({ ...right, user: userId('nobody') }), 'user-unknown')
  })
}

async function testLists(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('pages are in the order of names, and a search finds parts of them', async (t) => {
    const store = await makeStore(t)
    const names = ['a_b', 'a%b', 'axb', 'b\\c', 'Émile', 'émilie', '𝐙oe', 'zoe 2']
    for (const name of names) await addUser(store, name)
    const all: string[] = []
    let after: string | undefined
    for (let page = 0; page < 10; page++) {
      const { users, next } = await store.listUsers({ after, limit: 3 })
      all.push(...users.map(({ name }) => userNameKey(name)))
      if (next === null) break
      after = next
    }
    const keys = names.map(userNameKey)
    t.strictSame(
      all,
      keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    )
    const search = async (text: string) =>
      (await store.listUsers({ search: text, limit: 10 })).users.map(({ name }) => name)
    t.strictSame(await search('émil'), ['Émile', 'émilie'])
    t.strictSame(await search('a_'), ['a_b'], 'a wildcard stands for itself')
    t.strictSame(await search('%'), ['a%b'])
    t.strictSame(await search('\\'), ['b\\c'])
    t.strictSame(await store.listUsers({ search: 'nobody', limit: 10 }), { users: [], next: null })
  })
}

async function testInvites(t: Test, makeStore: MakeStore): Promise<void> {
  const { hash: secret, ...record } = invite('a')

  await t.test('an invitation is used once, for its role, in its time', async (t) => {
    const store = await makeStore(t)
    const made = { ...record, usedBy: null }
    t.strictSame(await store.createInvite(invite('a')), made)
    t.strictSame(await store.createInvite(invite('a')), made, 'again')
    t.strictSame(await store.findInvite(secret), made)
    t.equal(await store.findInvite(hash('another')), undefined)
    const register = (name: string, fields: Parameters<typeof newUser>[1] = {}) =>
      store.createUser({ user: newUser(name, fields), by: { invite: secret } })
    await rejectsWith(t, register('a', { role: 'admin' }), 'invite-invalid')
    await rejectsWith(t, register('a', { createdAt: SESSION_END }), 'invite-invalid')
    const ends = await Promise.allSettled(['a', 'b', 'c'].map((name) => register(name)))
    t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const end of ends) if (end.status === 'rejected') t.ok(hasCode(end.reason, 'invite-invalid'))
    const { users } = await store.listUsers({ limit: 10 })
    t.equal(users.length, 1, 'nothing is left of the others')
    t.match(await store.findInvite(secret), { usedBy: users[0]?.id })
  })

  await t.test('an invitation is good as long as whoever made it is an administrator', async (t) => {
    const store = await makeStore(t)
    for (const name of ['admin', 'other']) await addUser(store, name, { role: 'admin' })
    await store.createInvite({ ...invite('a'), createdBy: userId('admin') })
    const register = () => store.createUser({ user: newUser('a'), by: { invite: secret } })
    const change = async (fields: { role?: 'user' | 'admin'; state?: 'active' | 'disabled' }) =>
      await store.changeUser({ id: userId('admin'), now: START, ...fields })
    await change({ role: 'user' })
    await rejectsWith(t, register(), 'invite-invalid')
    await change({ role: 'admin', state: 'disabled' })
    await rejectsWith(t, register(), 'invite-invalid')
    await change({ state: 'active' })
    t.match((await register()).user, { name: 'a' })
  })

  await t.test('they are listed, the newest first, withdrawn, and forgotten', async (t) => {
    const store = await makeStore(t)
    for (const [i, name] of ['a', 'b', 'c'].entries())
      await store.createInvite({ ...invite(name), createdAt: START + i })
    const ids = async (after?: string) =>
      (await store.listInvites(after === undefined ? undefined : inviteId(after), 2)).map(({ id }) => id)
    t.strictSame(await ids(), [inviteId('c'), inviteId('b')])
    t.strictSame(await ids('b'), [inviteId('a')])
    t.equal(await store.deleteInvite(inviteId('b')), true)
    t.equal(await store.deleteInvite(inviteId('b')), false)
    t.strictSame(await ids('b'), [])
    t.strictSame(await ids(), [inviteId('c'), inviteId('a')])
    t.equal(await store.purgeAccounts(SESSION_END, 10), 0)
    t.equal(await store.purgeAccounts(SESSION_END + 1, 1), 1)
    t.equal(await store.purgeAccounts(SESSION_END + 1, 10), 1)
    t.strictSame(await ids(), [])
  })
}
