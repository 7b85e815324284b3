import t from 'tap'
import type { Scope } from '../../../src/types.ts'
import { hashSecret } from '../../../src/protocol/secrets.ts'
import { AccountWorld, OPERATOR, ofUser } from './account-world.ts'

const MINUTE = 60_000

t.test('everybody ends and sees their own, and administrators everybody’s', async (t) => {
  const world = await AccountWorld.make()
  const [a, b] = [await world.register('a'), await world.register('b')]
  const admin = ofUser(await world.admin('admin'))
  const actor = ofUser(a.user)
  await t.rejects(world.call('endSession', { actor, id: b.session.id }), { code: 'permission-denied' })
  await t.rejects(world.call('listSessions', { actor, user: b.user.id }), { code: 'permission-denied' })
  await t.rejects(world.call('endSessions', { actor, user: b.user.id }), { code: 'permission-denied' })
  await t.rejects(world.call('endSession', { actor, id: world.session().id }), { code: 'session-unknown' })
  t.match(await world.call('listSessions', { actor, user: a.user.id }), { sessions: [a.session] })
  t.match(await world.call('listSessions', { actor: admin, user: b.user.id }), { sessions: [b.session] })
  t.strictSame(await world.call('endSession', { actor, id: a.session.id }), { ended: true })
  t.strictSame(await world.call('endSession', { actor, id: a.session.id }), { ended: false })
  t.strictSame(await world.call('endSession', { actor: admin, id: b.session.id }), { ended: true })
  t.strictSame(await world.hold(a.session.id, b.session.id), [false, false])
})

t.test('a key may do no more than whoever made it', async (t) => {
  const world = await AccountWorld.make()
  const { user } = await world.register('a')
  const admin = await world.admin('admin')
  let made = 0
  const create = (
    actor: { user: typeof user.id | null; role: 'user' | 'admin'; scopes?: Scope[] },
    scopes: Scope[]
  ) =>
    world.call('createKey', {
      actor,
      id: world.session().id,
      name: 'backup',
      scopes,
      secretHash: hashSecret(`key ${made++}`),
      expiresAt: world.time.now() + MINUTE
    })
  t.match(await create(ofUser(user), ['files:read', 'files:read', 'account']), {
    session: { kind: 'key', user: user.id, scopes: ['files:read', 'account'] }
  })
  await t.rejects(create(ofUser(user), ['admin']), { code: 'permission-denied' })
  t.match(await create(ofUser(admin), ['admin']), { session: { scopes: ['admin'] } })
  const narrow = { ...ofUser(user), scopes: ['account', 'files:read'] as Scope[] }
  t.match(await create(narrow, ['files:read']), { session: { scopes: ['files:read'] } })
  await t.rejects(create(narrow, ['files:write']), { code: 'permission-denied' }, 'not by way of another key')
  await t.rejects(create(OPERATOR, ['files:read']), { code: 'permission-denied' }, 'a key needs a user')
  const past = { actor: ofUser(user), id: world.session().id, name: 'x', scopes: ['account' as const] }
  await t.rejects(
    world.call('createKey', { ...past, secretHash: hashSecret('past'), expiresAt: world.time.now() }),
    { code: 'invalid-field' }
  )
  const { sessions } = await world.call('findSessions', { ids: [], keys: [hashSecret('key 2')] })
  t.match(sessions, [{ role: 'admin', scopes: ['admin'] }])
  await world.admin('another')
  await world.call('changeUser', { actor: OPERATOR, user: admin.id, role: 'user' })
  t.match(await world.call('findSessions', { ids: [], keys: [hashSecret('key 2')] }), {
    sessions: [{ role: 'user' }]
  })
})

t.test('that a session is in use is noted, and hardly ever written', async (t) => {
  const world = await AccountWorld.make()
  const { user, session } = await world.register('a')
  let writes = 0
  const noteUses = world.store.noteUses.bind(world.store)
  Object.assign(world.store, {
    noteUses: async (ids: [], now: number) => {
      if (ids.length > 0) writes++
      await noteUses(ids, now)
    }
  })
  const lastUsed = async () =>
    (await world.call('listSessions', { actor: ofUser(user), user: user.id })).sessions[0]?.lastUsedAt
  await world.hold(session.id)
  t.equal(await world.step(), 'idle')
  for (let minute = 1; minute <= 3; minute++) {
    await world.clock.advance(MINUTE)
    for (let i = 0; i < 10; i++) await world.hold(session.id)
    t.equal(await world.step(), 'busy')
    t.equal(await lastUsed(), session.createdAt + minute * MINUTE)
  }
  t.equal(writes, 3)
})

t.test('what has ended is forgotten some time later', async (t) => {
  const world = await AccountWorld.make({ endedMs: 60 * MINUTE })
  const { user, session } = await world.register('a')
  const end = () => world.call('endSession', { actor: ofUser(user), id: session.id })
  await end()
  await world.clock.advance(59 * MINUTE)
  t.equal(await world.step(), 'idle')
  t.strictSame(await end(), { ended: false })
  await world.clock.advance(2 * MINUTE)
  t.equal(await world.step(), 'busy')
  await t.rejects(end(), { code: 'session-unknown' })
})

t.test('who may change and see which user', async (t) => {
  const world = await AccountWorld.make()
  const [{ user: a }, { user: b }] = [await world.register('a'), await world.register('b')]
  const admin = ofUser(await world.admin('admin'))
  const actor = ofUser(a)
  t.match(await world.call('changeUser', { actor, user: a.id, name: 'Anna' }), { user: { name: 'Anna' } })
  for (const field of [{ role: 'admin' }, { quotaBytes: 1 }, { state: 'disabled' }] as const)
    await t.rejects(world.call('changeUser', { actor, user: a.id, name: 'x', ...field }), {
      code: 'permission-denied'
    })
  await t.rejects(world.call('changeUser', { actor, user: b.id, name: 'x' }), { code: 'permission-denied' })
  await t.rejects(world.call('getUser', { actor, user: b.id }), { code: 'permission-denied' })
  await t.rejects(world.call('findUser', { actor, name: 'Anna' }), { code: 'permission-denied' })
  await t.rejects(world.call('listUsers', { actor, limit: 10 }), { code: 'permission-denied' })
  await t.rejects(world.call('listInvites', { actor, limit: 10 }), { code: 'permission-denied' })
  t.match(await world.call('getUser', { actor, user: a.id }), { user: { name: 'Anna' } })
  t.match(await world.call('findUser', { actor: admin, name: 'ANNA' }), { user: { id: a.id } })
  await t.rejects(world.call('findUser', { actor: admin, name: 'nobody' }), { code: 'user-unknown' })
  await t.rejects(world.call('getUser', { actor: admin, user: world.userId() }), { code: 'user-unknown' })
  t.match(await world.call('listUsers', { actor: admin, search: ' NN', limit: 10 }), {
    users: [{ id: a.id }],
    next: null
  })
  t.match(await world.call('changeUser', { actor: admin, user: b.id, quotaBytes: 7 }), {
    user: { quotaBytes: 7 }
  })
})
