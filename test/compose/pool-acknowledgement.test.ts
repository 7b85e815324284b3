import { randomBytes, randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { openPeer } from '../../src/compose/peer.ts'
import { RunningPeer } from '../../src/compose/running-peer.ts'
import type { JoinKeyId, PoolId, PoolSettings } from '../../src/pools.ts'
import type { Scope, SecretHash, SessionId, UserId } from '../../src/types.ts'
import { until } from '../kit/until.ts'
import { RecoveryKit } from './recovery-kit.ts'

t.setTimeout(400_000)

const SCOPES: Scope[] = ['pools']
const HOUR_MS = 3_600_000
const SETTINGS: PoolSettings = {
  frequencyMs: HOUR_MS,
  windowMs: HOUR_MS,
  graceMs: 0,
  toleranceMs: 300_000,
  maxAgeMs: 24 * HOUR_MS,
  closeAtProducers: null,
  leaseMs: 60_000,
  attemptsMax: 3,
  filesTtlMs: HOUR_MS,
  resultTtlMs: HOUR_MS
}
const newHash = (): SecretHash => randomBytes(32).toString('hex') as SecretHash

/** An edge, and a pool with a key for producers. */
async function start(t: Test) {
  const kit = new RecoveryKit(t)
  await kit.start()
  const edge = await openPeer('edge', kit.options('edge'))
  await kit.begin(new RunningPeer(edge, {}))
  await until('the edge hears the controller', () => edge.membership.active('controller').length > 0)
  const owner = randomUUID() as UserId
  const password = { v: 1, memoryKiB: 8, passes: 1, parallelism: 1, salt: '00'.repeat(16), hash: newHash() }
  await edge.controller.call('createUser', {
    actor: { user: null, role: 'admin' },
    id: owner,
    name: 'olga',
    role: 'user',
    password: { ...password, v: 1 }
  })
  const actor = { user: owner, role: 'user' } as const
  const pool = randomUUID() as PoolId
  await edge.controller.call('createPool', { actor, id: pool, name: 'bees', settings: SETTINGS })
  const hash = newHash()
  const key = {
    id: randomUUID() as JoinKeyId,
    hash,
    role: 'producer',
    ttlMs: HOUR_MS,
    usesMax: null
  } as const
  await edge.controller.call('createJoinKey', { actor, pool, ...key })
  const program = {
    user: randomUUID() as UserId,
    name: 'sensor',
    session: randomUUID() as SessionId,
    secretHash: newHash()
  }
  return { kit, edge, pool, hash, program, actor }
}

t.test('a program that was told that it has joined is a member after the controller is lost', async (t) => {
  const { kit, edge, pool, hash, program } = await start(t)
  const { member } = await edge.controller.call('joinPool', { hash, program })
  t.match(member, { name: 'sensor', role: 'producer', isProgram: true })
  await kit.loseController()
  await kit.recover()
  await until('the edge hears the new one', () =>
    edge.membership.active('controller').some(({ term }) => term === kit.controller.term)
  )
  const actor = { user: program.user, role: 'user' as const, scopes: SCOPES }
  const known = await edge.controller.call('getPool', { actor, pool })
  t.match(known, { pool: { name: 'bees' }, member: { user: program.user, role: 'producer' } })
  const { sessions } = await edge.controller.call('findSessions', { ids: [], keys: [program.secretHash] })
  t.match(sessions, [{ user: program.user, scopes: ['pools'] }], 'with its key')
})

t.test('nobody is told so before two nodes have it, and asking again answers the same', async (t) => {
  const { kit, edge, pool, hash, program } = await start(t)
  for (const { snapshots } of kit.nodes) snapshots.shut()
  let answered = false
  const joining = edge.controller.call('joinPool', { hash, program }).finally(() => (answered = true))
  await until('the nodes are told', () => kit.nodes.every(({ snapshots }) => snapshots.held > 0))
  const actor = { user: program.user, role: 'user' as const, scopes: SCOPES }
  t.equal((await edge.controller.call('getPool', { actor, pool })).pool.members, 2, 'it is a member')
  t.notOk(answered)
  kit.nodes[0]?.snapshots.letThrough()
  kit.nodes[1]?.snapshots.letThrough()
  const { member } = await joining
  for (const { snapshots } of kit.nodes) snapshots.letThrough()
  const again = await edge.controller.call('joinPool', { hash, program })
  t.same(again.member, member)
})
