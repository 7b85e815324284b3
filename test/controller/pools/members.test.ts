import t from 'tap'
import type { JoinKeyId, PoolId } from '../../../src/pools.ts'
import type { SecretHash, SessionId, UserId } from '../../../src/types.ts'
import { addUser, sessionId, userId } from '../../conformance/account-fixture.ts'
import { POOL, joinKeyHash, joinKeyId, poolId } from '../../conformance/pool-fixture.ts'
import { HOUR_MS, POOL_SETTINGS, PoolWorld } from './pool-world.ts'

const hash = joinKeyHash('key')
const newKey = {
  id: joinKeyId('key') as JoinKeyId,
  hash,
  role: 'producer',
  ttlMs: HOUR_MS,
  usesMax: null
} as const
const program = (name: string, called = name) => ({
  user: userId(name) as UserId,
  name: called,
  session: sessionId(name) as SessionId,
  secretHash: joinKeyHash(`key of ${name}`) as SecretHash
})
const none = new AbortController().signal

t.test('a program joins by a key: an account that stores nothing and nobody signs in to', async (t) => {
  const world = await PoolWorld.start(t)
  await world.call('olga', 'createJoinKey', newKey)
  t.match(await world.pools.handlers.findJoinKey({ hash }, none), {
    pool: { name: 'bees' },
    role: 'producer'
  })
  const sensor = program('sensor')
  const { member } = await world.pools.handlers.joinPool({ hash, program: sensor }, none)
  t.match(member, { name: 'sensor', role: 'producer', isProgram: true })
  t.equal(world.covered.length, 1, 'it was told when that was safe')
  const known = await world.store.getUser(sensor.user)
  t.match(known?.user, { quotaBytes: 0, role: 'user', state: 'active' })
  const [key] = await world.store.findSessions({ ids: [], keys: [sensor.secretHash], now: world.time.now() })
  t.match(key, { user: sensor.user, scopes: ['pools'], kind: 'key', expiresAt: null })
  const again = await world.pools.handlers.joinPool({ hash, program: sensor }, none)
  t.same(again.member, member)
  t.equal((await world.call('olga', 'listJoinKeys', {})).keys[0]?.uses, 1)
})

t.test('a program has its pool, and no other: it makes none, joins none and is added to none', async (t) => {
  const world = await PoolWorld.start(t)
  await world.call('olga', 'createJoinKey', newKey)
  const sensor = program('sensor')
  await world.pools.handlers.joinPool({ hash, program: sensor }, none)
  const refused = { code: 'permission-denied' }
  const other = poolId('other')
  const made = { id: other as PoolId, name: 'own', settings: POOL_SETTINGS }
  await t.rejects(world.call(sensor.user, 'createPool', made), refused)
  const actor = { user: sensor.user, role: 'user' as const }
  await t.rejects(world.pools.handlers.joinPool({ hash, actor }, none), refused)
  await world.call('olga', 'createPool', made)
  const adding = world.call('olga', 'addMember', { pool: other, name: 'sensor', role: 'server' })
  await t.rejects(adding, refused)
})

t.test('who has lost a right has lost it whatever becomes of the controller', async (t) => {
  const world = await PoolWorld.start(t)
  await world.call('olga', 'createJoinKey', newKey)
  t.equal(world.covered.length, 0)
  await world.call('olga', 'changeMember', { user: userId('sam'), role: 'listener' })
  t.equal(world.covered.length, 1)
  await world.call('olga', 'removeMember', { user: userId('sam') })
  t.equal(world.covered.length, 2)
  await world.call('olga', 'deleteJoinKey', { id: newKey.id })
  t.equal(world.covered.length, 3)
})

t.test(
  'a pool, and who is let into it, is there whatever becomes of the controller; one that is deleted is not',
  async (t) => {
    const world = await PoolWorld.start(t)
    const pool = poolId('other')
    await world.call('olga', 'createPool', { id: pool, name: 'wasps', settings: POOL_SETTINGS })
    t.equal(world.covered.length, 1)
    await world.call('olga', 'addMember', { pool, name: 'paul', role: 'listener' })
    t.equal(world.covered.length, 2)
    await world.call('olga', 'deletePool', { pool })
    t.equal(world.covered.length, 3)
  }
)

t.test('a name that is taken gets something behind it where that is wanted', async (t) => {
  const world = await PoolWorld.start(t)
  await world.call('olga', 'createJoinKey', newKey)
  await addUser(world.store, 'Sensor')
  const sensor = program('sensor two', 'sensor')
  await t.rejects(world.pools.handlers.joinPool({ hash, program: sensor }, none), { code: 'name-taken' })
  const wanted = { hash, program: { ...sensor, suffix: true } }
  const { member } = await world.pools.handlers.joinPool(wanted, none)
  t.equal(member.name, `sensor-${sensor.user.slice(0, 8)}`)
  t.same((await world.pools.handlers.joinPool(wanted, none)).member, member, 'the same again')
})

t.test(
  'keys that are over, used up or of an archived pool are all the same to whoever has one',
  async (t) => {
    const world = await PoolWorld.start(t)
    const invalid = { code: 'join-key-invalid' }
    const find = () => world.pools.handlers.findJoinKey({ hash }, none)
    await t.rejects(find(), invalid)
    await world.call('olga', 'createJoinKey', { ...newKey, usesMax: 1 })
    await world.pools.handlers.joinPool({ hash, program: program('one') }, none)
    await t.rejects(find(), invalid, 'used up')
    await t.rejects(world.pools.handlers.joinPool({ hash, program: program('two') }, none), invalid)
    const later = joinKeyHash('later')
    await world.call('olga', 'createJoinKey', { ...newKey, id: joinKeyId('later'), hash: later })
    await world.call('olga', 'changePool', { state: 'archived' })
    await t.rejects(world.pools.handlers.findJoinKey({ hash: later }, none), invalid)
    await world.call('olga', 'changePool', { state: 'active' })
    await world.pools.handlers.findJoinKey({ hash: later }, none)
    await world.clock.advance(HOUR_MS)
    await t.rejects(world.pools.handlers.findJoinKey({ hash: later }, none), invalid)
  }
)

t.test('producers and listeners see owners and themselves; owners and servers everybody', async (t) => {
  const world = await PoolWorld.start(t)
  const namesFor = async (who: 'olga' | 'paul' | 'lisa' | 'sam', filter: object = {}) => {
    const { members } = await world.call(who, 'listMembers', { limit: 10, ...filter })
    return members.map(({ name }) => name).toSorted((a, b) => (a < b ? -1 : 1))
  }
  for (const who of ['olga', 'sam'] as const) t.same(await namesFor(who), ['lisa', 'olga', 'paul', 'sam'])
  t.same(await namesFor('paul'), ['olga', 'paul'])
  t.same(await namesFor('lisa', { role: 'listener' }), ['lisa'])
  t.same(await namesFor('lisa', { role: 'producer' }), [])
  const first = await world.call('paul', 'listMembers', { limit: 1 })
  const second = await world.call('paul', 'listMembers', { limit: 1, after: first.next ?? undefined })
  t.equal(first.members.length, 1)
  t.same(new Set([...first.members, ...second.members].map(({ name }) => name)), new Set(['olga', 'paul']))
  t.equal(second.next, null)
})

t.test('everybody may go by themselves; the last owner may not', async (t) => {
  const world = await PoolWorld.start(t)
  await world.call('paul', 'removeMember', { user: userId('paul') })
  await t.rejects(world.call('paul', 'getPool', {}), { code: 'pool-unknown' })
  await t.rejects(world.call('olga', 'removeMember', { user: userId('olga') }), { code: 'last-owner' })
  await t.rejects(world.call('olga', 'removeMember', { user: userId('paul') }), { code: 'member-unknown' })
})

t.test(
  'what cannot be made safe in time is not acknowledged, and asking again answers the same',
  async (t) => {
    const world = await PoolWorld.start(t, { pools: { acknowledgeMs: 500 } })
    await world.call('olga', 'createJoinKey', newKey)
    world.cover = (signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const joining = world.pools.handlers.joinPool({ hash, program: program('sensor') }, none)
    const refused = t.rejects(joining, { code: 'copies-missing', retryable: true })
    await world.clock.advance(1000)
    await refused
    world.cover = async () => {}
    const { member } = await world.pools.handlers.joinPool({ hash, program: program('sensor') }, none)
    t.equal(member.name, 'sensor')
  }
)

t.test('only administrators see all pools, set quotas, and make pools where nobody else may', async (t) => {
  const world = await PoolWorld.start(t, { pools: { perUserMax: 1, quotaBytes: 0 } })
  const made = { id: poolId('second'), name: 'second', settings: POOL_SETTINGS }
  await t.rejects(world.call('olga', 'createPool', made), { code: 'pools-full' })
  await world.call('ada', 'createPool', made)
  await world.call('ada', 'createPool', { ...made, id: poolId('third') })
  t.equal((await world.call('olga', 'listPools', { limit: 10, isMine: true })).pools.length, 1)
  await t.rejects(world.call('olga', 'listPools', { limit: 10, isMine: false }), {
    code: 'permission-denied'
  })
  const all = await world.call('ada', 'listPools', { limit: 2, isMine: false })
  t.equal(all.pools.length, 2)
  t.equal(all.next, all.pools[1]?.pool.id)
  t.equal((await world.call('olga', 'getPool', {})).quotaBytes, null)
  await t.rejects(world.call('olga', 'changePool', { quotaBytes: 5 }), { code: 'permission-denied' })
  await world.call('ada', 'changePool', { quotaBytes: 5 })
  t.match(await world.call('ada', 'getPool', {}), { quotaBytes: 5, member: null })
  t.equal((await world.call('olga', 'getPool', {})).pool.id, POOL)
  const short = { ...POOL_SETTINGS, maxAgeMs: POOL_SETTINGS.windowMs }
  await t.rejects(world.call('olga', 'changePool', { settings: short }), { code: 'invalid-field' })
})
