import t from 'tap'
import { hashSecret } from '../../../src/protocol/secrets.ts'
import { newChallenge, passwordTag, recordOf } from '../../../src/protocol/password.ts'
import type { SessionId } from '../../../src/types.ts'
import { AccountWorld, CHEAP, OPERATOR, ofUser } from './account-world.ts'

const MINUTE = 60_000
const client = hashSecret('192.0.2.1')

t.test('who knows the password is signed in, however the name is typed', async (t) => {
  const world = await AccountWorld.make()
  const { user } = await world.register('Zoë Müller')
  for (const name of ['Zoë Müller', ' zoë  müller ', 'ZOË MÜLLER', 'Zoë Müller']) {
    const signed = await world.signIn(name, 'password of Zoë Müller')
    t.match(signed, { outcome: 'signed-in', user, session: { kind: 'session', scopes: [] } }, name)
    if (signed.outcome === 'signed-in') t.strictSame(await world.hold(signed.session.id), [true])
  }
  t.strictSame(await world.signIn('Zoe Muller', 'password of Zoë Müller'), { outcome: 'wrong' })
})

t.test('a name that nobody has looks like one that somebody has', async (t) => {
  const world = await AccountWorld.make()
  await world.register('somebody')
  const ask = async (name: string) => (await world.call('signInChallenge', { name })).challenge
  const [real, nobody] = [await ask('somebody'), await ask('nobody')]
  t.strictSame(Object.keys(nobody).toSorted(), Object.keys(real).toSorted())
  t.strictSame({ ...nobody, salt: '' }, { ...real, salt: '' })
  t.strictSame(await ask('NOBODY '), nobody, 'it is steady')
  t.not((await ask('nobody 2')).salt, nobody.salt)
  world.restart()
  t.strictSame(await ask('nobody'), nobody, 'over a restart too')
  t.strictSame(await world.signIn('nobody', 'guess'), { outcome: 'wrong' })
  t.strictSame(await world.signIn('somebody', 'guess'), { outcome: 'wrong' })
})

t.test('wrong passwords are heard so often for a name, whether anybody has it', async (t) => {
  const world = await AccountWorld.make({ signInAttempts: 3, signInWindowMs: 30 * MINUTE })
  const { user } = await world.register('somebody')
  for (const name of ['somebody', 'nobody']) {
    const guesses = await Promise.all(Array.from({ length: 20 }, () => world.signIn(name, 'guess')))
    t.equal(guesses.filter(({ outcome }) => outcome === 'wrong').length, 3, `of many at once, for ${name}`)
    t.match(await world.signIn(name), { outcome: 'wait', retryAfterMs: 10 * MINUTE })
  }
  const proof = await world.proof('somebody', 'password of somebody')
  const password = await world.record('a new one')
  const change = { actor: ofUser(user), user: user.id, proof, password }
  t.match(await world.call('changePassword', change), { outcome: 'wait' }, 'it is the same for a change')
  await world.clock.advance(11 * MINUTE)
  for (let i = 0; i < 5; i++)
    t.match(await world.signIn('somebody'), { outcome: 'signed-in' }, 'a right one costs nothing')
})

t.test('another name makes no further attempts', async (t) => {
  const world = await AccountWorld.make({ signInAttempts: 3, signInWindowMs: 30 * MINUTE })
  const { user } = await world.register('somebody')
  // whoever has got hold of a session can rename its user, but not guess on
  for (let i = 0; i < 3; i++) t.match(await world.signIn('somebody', 'guess'), { outcome: 'wrong' })
  await world.call('changeUser', { actor: ofUser(user), user: user.id, name: 'renamed' })
  t.match(await world.signIn('renamed', 'guess'), { outcome: 'wait' })
  const change = {
    actor: ofUser(user),
    user: user.id,
    proof: await world.proof('renamed', 'guess'),
    password: await world.record('a new one')
  }
  t.match(await world.call('changePassword', change), { outcome: 'wait' })
})

t.test('and from one address, for all names together', async (t) => {
  const world = await AccountWorld.make({ signInAttemptsPerAddress: 5 })
  await world.register('somebody')
  for (let i = 0; i < 5; i++)
    t.strictSame(await world.signIn(`name ${i}`, 'guess', { client }), { outcome: 'wrong' })
  t.match(await world.signIn('somebody', undefined, { client }), { outcome: 'wait' })
  t.match(await world.signIn('somebody', undefined, { client: hashSecret('elsewhere') }), {
    outcome: 'signed-in'
  })
})

t.test('that an account is disabled is told to nobody but its user', async (t) => {
  const world = await AccountWorld.make()
  const { user } = await world.register('somebody')
  await world.call('changeUser', { actor: OPERATOR, user: user.id, state: 'disabled' })
  t.strictSame(await world.signIn('somebody', 'guess'), { outcome: 'wrong' })
  t.strictSame(await world.signIn('somebody'), { outcome: 'disabled' })
})

t.test('an answer that was lost is given again, also when the record was replaced', async (t) => {
  const world = await AccountWorld.make()
  const { user } = await world.register('somebody')
  world.restart({ passwordPasses: 2 })
  const { challenge, cost } = await world.call('signInChallenge', { name: 'somebody' })
  t.strictSame([challenge.passes, cost.passes], [1, 2])
  const proof = await passwordTag('password of somebody', challenge)
  const better = newChallenge(cost, world.random)
  const rehash = recordOf(better, await passwordTag('password of somebody', better))
  const message = { name: 'somebody', proof, session: world.session(), rehash }
  const signed = await world.call('signIn', message)
  t.match(signed, { outcome: 'signed-in' })
  t.match(await world.store.getUser(user.id), { password: rehash }, 'at the present cost')
  t.strictSame(await world.call('signIn', message), signed)
  t.match(await world.call('signIn', { ...message, session: world.session() }), { outcome: 'wrong' })
  t.match(await world.call('signIn', { ...message, rehash: undefined }), { outcome: 'wrong' })
  t.match(await world.signIn('somebody'), { outcome: 'signed-in' })
})

t.test('a password is changed by whoever shows the present one, and ends the other sessions', async (t) => {
  const world = await AccountWorld.make()
  const { user, session: mine } = await world.register('somebody')
  const other = await world.signIn('somebody')
  if (other.outcome !== 'signed-in') return t.fail('signed in')
  const key = {
    actor: ofUser(user),
    id: world.session().id,
    name: 'backup',
    scopes: ['files:read' as const],
    secretHash: hashSecret('key'),
    expiresAt: null
  }
  await world.call('createKey', key)
  const ids: [SessionId, SessionId, SessionId] = [mine.id, other.session.id, key.id]
  const password = await world.record('a new one')
  const change = async (shown: string | undefined) =>
    world.call('changePassword', {
      actor: ofUser(user),
      user: user.id,
      password,
      keepSession: mine.id,
      ...(shown !== undefined && { proof: await world.proof('somebody', shown) })
    })
  await t.rejects(change(undefined), { code: 'permission-denied' })
  t.strictSame(await change('guess'), { outcome: 'wrong' })
  t.strictSame(await world.hold(...ids), [true, true, true])
  t.strictSame(await change('password of somebody'), { outcome: 'changed' })
  t.strictSame(await world.hold(...ids), [true, false, true])
  t.strictSame(await change('password of somebody'), { outcome: 'changed' }, 'a repeat')
  t.strictSame(await world.signIn('somebody'), { outcome: 'wrong' })
  t.match(await world.signIn('somebody', 'a new one'), { outcome: 'signed-in' })

  t.test('administrators and operators need not know it', async (t) => {
    const admin = await world.admin('admin')
    const message = { user: user.id, password: await world.record('by an administrator'), keys: true }
    await t.rejects(
      world.call('changePassword', { ...message, actor: { user: world.userId(), role: 'user' } }),
      {
        code: 'permission-denied'
      }
    )
    const own = { user: admin.id, actor: ofUser(admin), password: message.password }
    await t.rejects(world.call('changePassword', own), { code: 'permission-denied' }, 'but their own')
    t.strictSame(await world.call('changePassword', { ...message, actor: ofUser(admin) }), {
      outcome: 'changed'
    })
    t.strictSame(await world.hold(...ids), [false, false, false])
    const reset = { name: 'SOMEBODY', password: await world.record('by an operator') }
    t.match(await world.call('resetPassword', reset), { user: { id: user.id } })
    t.match(await world.signIn('somebody', 'by an operator'), { outcome: 'signed-in' })
    await t.rejects(world.call('resetPassword', { ...reset, name: 'nobody' }), { code: 'user-unknown' })
  })
})

t.test('a session lasts as long as is asked for, and never longer than it may', async (t) => {
  const world = await AccountWorld.make({ ...CHEAP, sessionMs: 60 * MINUTE })
  await world.register('somebody')
  const lasting = async (expiresInMs: number | undefined) => {
    const session = { ...world.session(), ...(expiresInMs !== undefined && { expiresInMs }) }
    const signed = await world.signIn('somebody', undefined, { session })
    if (signed.outcome !== 'signed-in') throw new Error(signed.outcome)
    return (signed.session.expiresAt ?? 0) - signed.session.createdAt
  }
  t.strictSame(
    [await lasting(undefined), await lasting(5), await lasting(61 * MINUTE)],
    [60 * MINUTE, 5, 60 * MINUTE]
  )
})
