/** Pools and their members: who is in, as what, and by what right. */

import type { Test } from 'tap'
import { hasCode } from '../../src/errors.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { poolStream } from '../../src/pools.ts'
import { addUser, holding, keyHash, userId } from './account-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { START, rejectsWith } from './metadata-fixture.ts'
import { hookId } from './metadata-webhooks.ts'
import {
  FREQUENCY_MS,
  OWNER,
  POOL,
  SETTINGS,
  addJoinKey,
  addMember,
  addPool,
  joinKeyHash,
  joinKeyId,
  joinProgram,
  poolEventTypes,
  poolEvents,
  poolId
} from './pool-fixture.ts'

const OTHER = poolId('other')
const lists = { pool: POOL, limit: 100 }

const namesOf = async (store: MetadataStore, request = {}): Promise<string[]> =>
  (await store.listMembers({ ...lists, ...request })).map(({ name }) => name).toSorted()

export async function testPools(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a pool is made once, with its owner', async (t) => {
    const store = await makeStore(t)
    const pool = await addPool(store)
    const made = { id: POOL, name: 'pool', state: 'active', members: 1, revision: 0, quotaBytes: null }
    t.match(pool, { ...made, settings: SETTINGS, createdBy: OWNER, createdAt: START, changedAt: START })
    t.strictSame(await addPool(store), pool, 'again: the same')
    t.strictSame(await store.getPool(POOL), pool)
    t.equal(await store.getPool(OTHER), undefined)
    const membership = await store.getMembership(POOL, OWNER)
    t.strictSame(membership?.pool, pool)
    t.strictSame(membership?.member, {
      pool: POOL,
      user: OWNER,
      name: 'olga',
      role: 'owner',
      isProgram: false,
      joinedAt: START,
      lastSentAt: null,
      silentSince: null
    })
    t.strictSame(await poolEventTypes(store), ['member.joined'])
  })

  await t.test('so many pools of one user, until one is deleted', async (t) => {
    const store = await makeStore(t)
    await addPool(store, 'pool', { perUserMax: 2 })
    await addPool(store, 'other', { perUserMax: 2 })
    await rejectsWith(t, addPool(store, 'third', { perUserMax: 2 }), 'pools-full')
    t.equal((await addPool(store, 'other', { perUserMax: 2 })).id, OTHER, 'one that is there already')
    await store.changePool({ id: POOL, state: 'deleting', now: START })
    t.equal((await addPool(store, 'third', { perUserMax: 2 })).id, poolId('third'))
    await rejectsWith(t, addPool(store, 'fourth', { perUserMax: 0 }), 'pools-full')
  })

  await t.test('pools are listed by id: a member’s own, or all', async (t) => {
    const store = await makeStore(t)
    for (const name of ['pool', 'other', 'third']) await addPool(store, name)
    await addMember(store, 'ann', 'listener', { pool: OTHER })
    const ids = [POOL, OTHER, poolId('third')].toSorted()
    const all = await store.listPools({ limit: 10 })
    t.strictSame(
      all.map(({ pool, role }) => [pool.id, role]),
      ids.map((id) => [id, null])
    )
    const page = await store.listPools({ user: OWNER, after: ids[0], limit: 1 })
    t.strictSame(
      page.map(({ pool, role }) => [pool.id, role]),
      [[ids[1], 'owner']]
    )
    const own = await store.listPools({ user: userId('ann'), limit: 10 })
    t.match(own, [{ pool: { id: OTHER, members: 2 }, role: 'listener' }])
    await store.changePool({ id: OTHER, state: 'deleting', now: START })
    t.strictSame(await store.listPools({ user: userId('ann'), limit: 10 }), [])
    t.equal((await store.listPools({ limit: 10 })).length, 2)
  })

  await t.test('what is given changes, at the revision that is asked for', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    const now = START + 5
    const renamed = await store.changePool({ id: POOL, revision: 0, name: 'new', now, by: OWNER })
    t.match(renamed, { name: 'new', state: 'active', settings: SETTINGS, revision: 1, changedAt: now })
    t.strictSame(
      await store.changePool({ id: POOL, revision: 0, name: 'new', now }),
      renamed,
      'a repeat of what was done'
    )
    await rejectsWith(t, store.changePool({ id: POOL, revision: 0, name: 'newer', now }), 'pool-conflict')
    await rejectsWith(t, store.changePool({ id: POOL, revision: 2, name: 'newer', now }), 'pool-conflict')
    const settings = { ...SETTINGS, windowMs: 10_000 }
    t.match(await store.changePool({ id: POOL, settings, now }), { settings, name: 'new', revision: 2 })
    t.match(await store.changePool({ id: POOL, quotaBytes: 7, now }), { quotaBytes: 7, revision: 2 })
    t.match(await store.changePool({ id: POOL, quotaBytes: null, now }), { quotaBytes: null })
    await rejectsWith(t, store.changePool({ id: OTHER, name: 'x', now }), 'pool-unknown')
    const [, first, second, ...more] = await poolEvents(store)
    t.match(first, { type: 'pool.changed', subject: POOL, at: now, stream: poolStream(POOL) })
    const told = { name: 'new', state: 'active', revision: 1, actor_id: OWNER, actor_name: 'olga' }
    t.strictSame(first?.data, told)
    t.strictSame(second?.data, { ...told, revision: 2, actor_id: null, actor_name: null })
    t.strictSame(more, [], 'a quota is nobody’s but the administrators’')
  })

  await t.test('of many changes at one revision one is made', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    const names = ['a', 'b', 'c', 'd']
    const outcomes = await Promise.allSettled(
      names.map((name) => store.changePool({ id: POOL, revision: 0, name, now: START }))
    )
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    t.ok(outcomes.every((each) => each.status === 'fulfilled' || hasCode(each.reason, 'pool-conflict')))
    t.equal((await store.getPool(POOL))?.revision, 1)
  })

  await t.test('a pool that is deleted is gone for everybody at once', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addMember(store, 'ann')
    await addJoinKey(store, 'key')
    await joinProgram(store, 'program', 'key')
    t.strictSame(await holding(store, ['program']), ['program'])
    const gone = await store.changePool({ id: POOL, state: 'deleting', now: START + 1, by: OWNER })
    t.match(gone, { state: 'deleting', revision: 1 })
    t.strictSame(await store.changePool({ id: POOL, state: 'deleting', now: START + 2 }), gone)
    t.equal(await store.getPool(POOL), undefined)
    t.equal(await store.getMembership(POOL, OWNER), undefined)
    t.strictSame(await store.listJoinKeys(POOL, 10), [])
    t.strictSame(await holding(store, ['program']), [], 'the program is signed out')
    t.equal((await store.getUser(userId('program')))?.user.state, 'disabled')
    t.equal((await store.getUser(userId('ann')))?.user.state, 'active')
    const now = START + 2
    await rejectsWith(t, store.changePool({ id: POOL, state: 'active', now }), 'pool-unknown')
    await rejectsWith(t, addMember(store, 'bob'), 'pool-unknown')
    await rejectsWith(t, addJoinKey(store, 'another'), 'pool-unknown')
    await rejectsWith(t, joinProgram(store, 'late', 'key'), 'join-key-invalid')
    await rejectsWith(
      t,
      store.changeMember({ pool: POOL, user: OWNER, role: 'listener', now }),
      'pool-unknown'
    )
    t.equal(await store.removeMember({ pool: POOL, user: userId('ann'), now }), false)
    t.strictSame((await poolEvents(store)).at(-1)?.data, {
      name: 'pool',
      actor_id: OWNER,
      actor_name: 'olga'
    })
    t.equal((await poolEventTypes(store)).at(-1), 'pool.deleted')
  })

  await t.test('members', async (t) => await testMembers(t, makeStore))
  await t.test('join keys', async (t) => await testJoinKeys(t, makeStore))
}

async function testMembers(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('members join once, and are listed by role', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    const joined = await addMember(store, 'ann', 'producer', { now: START + 1 })
    t.match(joined.member, { pool: POOL, user: userId('ann'), name: 'ann', role: 'producer' })
    t.match(joined, { pool: { members: 2 }, member: { joinedAt: START + 1, isProgram: false } })
    t.strictSame(await addMember(store, 'ann', 'server'), joined, 'who is a member stays what they are')
    await addMember(store, 'bob', 'listener')
    await addMember(store, 'sue', 'server')
    t.strictSame(await namesOf(store), ['ann', 'bob', 'olga', 'sue'])
    t.strictSame(await namesOf(store, { role: 'listener' }), ['bob'])
    t.strictSame(await namesOf(store, { silent: true }), [])
    const ids = ['ann', 'bob', 'olga', 'sue'].map(userId).toSorted()
    const page = await store.listMembers({ pool: POOL, after: ids[1], limit: 1 })
    t.strictSame(
      page.map(({ user }) => user),
      [ids[2]]
    )
    await store.changeUser({ id: userId('bob'), name: { name: 'Bobby', nameKey: 'bobby' }, now: START })
    t.strictSame(await namesOf(store, { role: 'listener' }), ['Bobby'], 'by the name they have now')
    t.strictSame(await store.listMembers({ pool: OTHER, limit: 10 }), [])
    t.match((await poolEvents(store))[1], {
      type: 'member.joined',
      subject: userId('ann'),
      data: { user: userId('ann'), name: 'ann', role: 'producer', actor_id: OWNER, actor_name: 'olga' }
    })
  })

  await t.test('who cannot join changes nothing', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addMember(store, 'ann', 'producer', { membersMax: 2 })
    await rejectsWith(t, addMember(store, 'bob', 'producer', { membersMax: 2 }), 'pool-full')
    await rejectsWith(t, addMember(store, 'bob', 'producer', { pool: OTHER }), 'pool-unknown')
    const nobody = { by: { pool: POOL, role: 'owner', owner: OWNER } as const, membersMax: 9, now: START }
    await rejectsWith(t, store.joinPool({ ...nobody, joining: { user: userId('nobody') } }), 'user-unknown')
    t.equal((await store.getPool(POOL))?.members, 2)
    t.strictSame(await poolEventTypes(store), ['member.joined', 'member.joined'])
  })

  await t.test('of many who want the last place one gets it', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) await addUser(store, name)
    const outcomes = await Promise.allSettled(
      names.map((name) => addMember(store, name, 'owner', { membersMax: 2 }))
    )
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    t.equal((await store.getPool(POOL))?.members, 2)
    t.equal((await namesOf(store)).length, 2)
  })

  await t.test('roles change; the last owner stays one', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addMember(store, 'ann', 'producer')
    const change = (name: string, role: 'owner' | 'listener', now = START + 1) =>
      store.changeMember({ pool: POOL, user: userId(name), role, now, by: OWNER })
    await rejectsWith(t, change('olga', 'listener'), 'last-owner')
    await rejectsWith(t, change('nobody', 'listener'), 'member-unknown')
    t.match(await change('ann', 'owner'), { name: 'ann', role: 'owner', joinedAt: START })
    t.match(await change('ann', 'owner'), { role: 'owner' }, 'again')
    const outcomes = await Promise.allSettled(
      ['ann', 'olga', 'ann', 'olga'].map((name) => change(name, 'listener'))
    )
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    t.ok(refused.every((each) => each.status === 'rejected' && hasCode(each.reason, 'last-owner')))
    t.strictSame(await namesOf(store, { role: 'owner' }), ['olga'], 'one is left, whoever asks')
    t.strictSame(await namesOf(store, { role: 'listener' }), ['ann'])
    t.strictSame((await poolEventTypes(store)).slice(2), ['member.changed', 'member.changed'])
    t.match((await poolEvents(store)).at(-1)?.data, { user: userId('ann'), role: 'listener' })
  })

  await t.test('members are removed, with their webhooks; the last owner is not', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addMember(store, 'ann', 'owner')
    const hook = (name: string, owner: string, pool: string) =>
      store.createWebhook({
        id: hookId(name),
        owner: userId(owner),
        stream: poolStream(poolId(pool)),
        url: 'https://example.org/',
        types: [],
        description: '',
        secret: 'sealed',
        createdAt: START,
        perUserMax: 3
      })
    await hook('ann', 'ann', 'pool')
    await hook('ann elsewhere', 'ann', 'other')
    await hook('olga', 'olga', 'pool')
    const remove = (name: string) =>
      store.removeMember({ pool: POOL, user: userId(name), now: START + 1, by: OWNER })
    t.equal(await remove('nobody'), false)
    t.equal(await remove('ann'), true)
    t.equal(await remove('ann'), false)
    t.equal(await store.getMembership(POOL, userId('ann')), undefined)
    t.strictSame(
      [await store.getWebhook(hookId('ann')), (await store.getWebhook(hookId('ann elsewhere')))?.description],
      [undefined, '']
    )
    t.ok(await store.getWebhook(hookId('olga')))
    t.equal((await store.getUser(userId('ann')))?.user.state, 'active', 'the account stays')
    await rejectsWith(t, remove('olga'), 'last-owner')
    t.match(await store.getPool(POOL), { members: 1 })
    t.match((await poolEvents(store)).at(-1), {
      type: 'member.removed',
      subject: userId('ann'),
      data: { name: 'ann', role: 'owner', actor_id: OWNER }
    })
  })

  await t.test('producers are late by the pool’s frequency', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addMember(store, 'ann', 'producer')
    await addMember(store, 'bob', 'listener')
    // whatever the frequency is changed to and back, nobody who is no producer is ever late
    for (const frequencyMs of [FREQUENCY_MS * 2, FREQUENCY_MS]) {
      const settings = { ...SETTINGS, frequencyMs }
      await store.changePool({ id: POOL, settings, now: START + 1 })
      t.strictSame(await namesOf(store, { silent: true }), [])
    }
    for (const state of ['archived', 'active'] as const)
      t.match(await store.changePool({ id: POOL, state, now: START + 2 }), { state })
    t.match(await addMember(store, 'cid', 'producer'), { member: { silentSince: null } })
  })
}

async function testJoinKeys(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a key is made once, found by its hash, listed and deleted', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    const key = await addJoinKey(store, 'key', { role: 'server', usesMax: 2 })
    t.match(key, { id: joinKeyId('key'), pool: POOL, role: 'server', usesMax: 2, uses: 0 })
    t.strictSame(await addJoinKey(store, 'key', { role: 'server', usesMax: 2 }), key)
    t.strictSame(await store.findJoinKey(joinKeyHash('key')), key)
    t.equal(await store.findJoinKey(joinKeyHash('other')), undefined)
    const newer = await addJoinKey(store, 'newer', { createdAt: START + 1 })
    t.strictSame(await store.listJoinKeys(POOL, 10), [newer, key], 'the newest first')
    t.strictSame(await store.listJoinKeys(POOL, 1), [newer])
    t.equal(await store.deleteJoinKey(OTHER, joinKeyId('key')), false, 'of another pool')
    t.equal(await store.deleteJoinKey(POOL, joinKeyId('key')), true)
    t.equal(await store.deleteJoinKey(POOL, joinKeyId('key')), false)
    await rejectsWith(t, joinProgram(store, 'program', 'key'), 'join-key-invalid')
  })

  await t.test('so many keys that have not ended', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addJoinKey(store, 'a')
    await addJoinKey(store, 'b', { usesMax: 1 })
    await addJoinKey(store, 'c', { expiresAt: START + 5 })
    await rejectsWith(t, addJoinKey(store, 'd'), 'join-keys-full')
    await joinProgram(store, 'program', 'b')
    t.match(await addJoinKey(store, 'd'), { id: joinKeyId('d') }, 'one is used up')
    await rejectsWith(t, addJoinKey(store, 'e', { createdAt: START + 4 }), 'join-keys-full')
    t.match(await addJoinKey(store, 'e', { createdAt: START + 5 }), { id: joinKeyId('e') }, 'one is over')
    for (let i = 0; i < 5; i++) {
      await store.deleteJoinKey(POOL, joinKeyId('e'))
      await addJoinKey(store, `short ${i}`, { createdAt: START + 6 + i, expiresAt: START + 7 + i })
    }
    t.ok((await store.listJoinKeys(POOL, 100)).length <= 6, 'those that have ended are forgotten at last')
  })

  await t.test('a program joins by a key: an account, a membership, a key of its own', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addJoinKey(store, 'key', { role: 'producer' })
    const joined = await joinProgram(store, 'program', 'key', { now: START + 1 })
    t.match(joined.member, { user: userId('program'), name: 'program', role: 'producer', isProgram: true })
    t.strictSame(await joinProgram(store, 'program', 'key', { now: START + 2 }), joined, 'again')
    t.equal((await store.findJoinKey(joinKeyHash('key')))?.uses, 1)
    const [session] = await store.findSessions({ ids: [], keys: [keyHash('program')], now: START + 1 })
    t.match(session, { user: userId('program'), kind: 'key', scopes: ['pools'], role: 'user' })
    await rejectsWith(t, joinProgram(store, 'second', 'key', { account: 'Program' }), 'name-taken')
    t.equal(await store.getUser(userId('second')), undefined)
    t.match(await store.findJoinKey(joinKeyHash('key')), { uses: 1 }, 'no use is counted')
    const gone = await store.removeMember({ pool: POOL, user: userId('program'), now: START + 3 })
    t.equal(gone, true)
    t.equal((await store.getUser(userId('program')))?.user.state, 'disabled')
    t.strictSame(await holding(store, ['program']), [], 'its key has ended')
    await rejectsWith(t, joinProgram(store, 'program', 'key', { now: START + 4 }), 'user-disabled')
    t.match(await store.getPool(POOL), { members: 1 })
  })

  await t.test('a user joins by a key, and keeps the role they have', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addUser(store, 'ann')
    await addJoinKey(store, 'key', { role: 'listener', usesMax: 1 })
    const request = { by: { key: joinKeyHash('key') }, membersMax: 9, now: START }
    const joining = { user: userId('ann') }
    t.match(await store.joinPool({ ...request, joining }), { member: { role: 'listener', isProgram: false } })
    t.match(await store.joinPool({ ...request, joining }), { member: { role: 'listener' } }, 'again')
    const owner = await store.joinPool({ ...request, joining: { user: OWNER } })
    t.match(owner.member, { role: 'owner' })
    t.equal((await store.findJoinKey(joinKeyHash('key')))?.uses, 1)
    await rejectsWith(t, joinProgram(store, 'program', 'key'), 'join-key-invalid', 'used up')
    t.match((await poolEvents(store)).at(-1)?.data, { actor_id: userId('ann'), role: 'listener' })
  })

  await t.test('a key that is over, or of a pool that is archived, lets nobody in', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addJoinKey(store, 'key', { expiresAt: START + 5 })
    await rejectsWith(t, joinProgram(store, 'program', 'key', { now: START + 5 }), 'join-key-invalid')
    await store.changePool({ id: POOL, state: 'archived', now: START })
    await rejectsWith(t, joinProgram(store, 'program', 'key'), 'join-key-invalid')
    t.match(await addMember(store, 'ann', 'listener'), { member: { role: 'listener' } }, 'an owner does')
    await store.changePool({ id: POOL, state: 'active', now: START })
    t.match(await joinProgram(store, 'program', 'key'), { member: { name: 'program' } })
    await rejectsWith(t, joinProgram(store, 'next', 'key', { membersMax: 3 }), 'pool-full')
    t.equal((await store.findJoinKey(joinKeyHash('key')))?.uses, 1)
  })

  await t.test('a key that many use at once is used up exactly', async (t) => {
    const store = await makeStore(t)
    await addPool(store)
    await addJoinKey(store, 'key', { usesMax: 3 })
    const names = Array.from({ length: 8 }, (_, i) => `program ${i}`)
    const outcomes = await Promise.allSettled(names.map((name) => joinProgram(store, name, 'key')))
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
    t.ok(outcomes.every((each) => each.status === 'fulfilled' || hasCode(each.reason, 'join-key-invalid')))
    t.match(await store.findJoinKey(joinKeyHash('key')), { uses: 3 })
    t.match(await store.getPool(POOL), { members: 4 })
    t.equal((await store.listUsers({ limit: 100 })).users.length, 4, 'no account is left of the others')
  })
}
