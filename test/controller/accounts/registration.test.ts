import t from 'tap'
import { hashSecret } from '../../../src/protocol/secrets.ts'
import type { InviteId } from '../../../src/types.ts'
import { randomUuid } from '../../../src/runtime/random.ts'
import { AccountWorld, OPERATOR, ofUser } from './account-world.ts'

const HOUR = 3_600_000
const client = hashSecret('192.0.2.1')

const invite = async (world: AccountWorld, secret: string, role: 'user' | 'admin' = 'user') => {
  const id = randomUuid(world.random) as InviteId
  const expiresAt = world.time.now() + HOUR
  await world.call('createInvite', { actor: OPERATOR, id, hash: hashSecret(secret), role, expiresAt })
  return { invite: hashSecret(secret) }
}

t.test('who registers is signed in at once, and once', async (t) => {
  const world = await AccountWorld.make()
  const message = await world.registration('somebody')
  const made = await world.call('registerUser', message)
  t.match(made, {
    user: { id: message.id, name: 'somebody', role: 'user', state: 'active', quotaBytes: null }
  })
  t.strictSame(await world.hold(made.session.id), [true])
  t.strictSame(await world.call('registerUser', message), made, 'an answer that was lost')
  await t.rejects(world.call('registerUser', await world.registration('SOMEBODY')), { code: 'name-taken' })
})

t.test('modes of registration', async (t) => {
  const world = await AccountWorld.make({ registration: 'invited' })
  t.match(await world.call('accountState', {}), { registration: 'invited', setupNeeded: true })
  const register = async (name: string, fields = {}) =>
    world.call('registerUser', await world.registration(name, fields))
  await t.rejects(register('a'), { code: 'invite-needed' })
  await t.rejects(register('a', { invite: hashSecret('guess') }), { code: 'invite-invalid' })
  const right = await invite(world, 'one')
  const message = await world.registration('a', right)
  t.match(await world.call('registerUser', message), { user: { role: 'user' } })
  t.match(await world.call('registerUser', message), { user: { role: 'user' } }, 'a repeat')
  await t.rejects(register('b', right), { code: 'invite-invalid' }, 'it was used')
  t.match(await register('b', await invite(world, 'two', 'admin')), { user: { role: 'admin' } })
  const late = await invite(world, 'three')
  await world.clock.advance(2 * HOUR)
  await t.rejects(register('c', late), { code: 'invite-invalid' }, 'it has expired')
  world.restart({ registration: 'closed' })
  await t.rejects(register('c', await invite(world, 'four')), { code: 'registration-closed' })
  await t.rejects(register('c'), { code: 'registration-closed' })
  const created = { id: world.userId(), name: 'c', password: await world.record('c'), role: 'user' as const }
  await t.rejects(world.call('createUser', { ...created, actor: { user: world.userId(), role: 'user' } }), {
    code: 'permission-denied'
  })
  t.match(await world.call('createUser', { ...created, actor: OPERATOR }), { user: { name: 'c' } })
})

t.test('who is no administrator any more has invited none', async (t) => {
  const world = await AccountWorld.make()
  const [admin] = [await world.admin('admin'), await world.admin('another')]
  const hashOf = async (secret: string, role: 'user' | 'admin') => {
    const id = randomUuid(world.random) as InviteId
    const expiresAt = world.time.now() + HOUR
    await world.call('createInvite', { actor: ofUser(admin), id, hash: hashSecret(secret), role, expiresAt })
    return hashSecret(secret)
  }
  const used = await world.registration('a', { invite: await hashOf('used', 'admin') })
  const kept = await world.registration('b', { invite: await hashOf('kept', 'admin') })
  const plain = await world.registration('c', { invite: await hashOf('plain', 'user') })
  t.match(await world.call('registerUser', used), { user: { role: 'admin' } })
  await world.call('changeUser', { actor: OPERATOR, user: admin.id, role: 'user' })
  await t.rejects(world.call('registerUser', kept), { code: 'invite-invalid' })
  await t.rejects(world.call('registerUser', plain), { code: 'invite-invalid' })
  await world.call('changeUser', { actor: OPERATOR, user: admin.id, role: 'admin' })
  t.match(await world.call('registerUser', plain), { user: { role: 'user' } })
})

t.test(
  'the first administrator is made with the secret that was told, in any mode, and only the first',
  async (t) => {
    const world = await AccountWorld.make({ registration: 'closed' })
    const setup = async (name: string, secret: string | undefined) =>
      world.call('registerUser', await world.registration(name, { setup: hashSecret(secret ?? '') }))
    await t.rejects(setup('a', 'guess'), { code: 'setup-invalid' }, 'none was told')
    const old = await world.accounts.newSetupSecret()
    const secret = await world.accounts.newSetupSecret()
    t.match(secret, /^[A-Za-z0-9_-]{43}$/)
    await t.rejects(setup('a', 'guess'), { code: 'setup-invalid' })
    await t.rejects(setup('a', old), { code: 'setup-invalid' }, 'a newer one took its place')
    const ends = await Promise.allSettled([setup('a', secret), setup('b', secret)])
    t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1)
    await t.rejects(setup('c', secret), { code: 'setup-invalid' })
    t.match(await world.call('accountState', {}), { setupNeeded: false })
    t.equal(await world.accounts.newSetupSecret(), undefined, 'nothing is told any more')
  }
)

t.test('an address makes so many accounts', async (t) => {
  const world = await AccountWorld.make({ registrationsPerAddress: 2, registrationWindowMs: HOUR })
  const register = async (name: string, from = client) =>
    world.call('registerUser', await world.registration(name, { client: from }))
  await register('a')
  for (let i = 0; i < 3; i++) await t.rejects(register('a'), { code: 'name-taken' }, 'which counts nothing')
  await register('b')
  await t.rejects(register('c'), { code: 'rate-limited', retryAfterMs: HOUR / 2 })
  await register('d', hashSecret('another'))
  await world.clock.advance(HOUR / 2)
  await register('c')
})
