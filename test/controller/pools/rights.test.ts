import t from 'tap'
import { POOL_RIGHTS } from '../../../src/controller/pools/rights.ts'
import type { PoolRightsOp } from '../../../src/controller/pools/rights.ts'
import { hasCode } from '../../../src/errors.ts'
import { poolMessages } from '../../../src/protocol/messages/pool-messages.ts'
import { userId } from '../../conformance/account-fixture.ts'
import { POOL } from '../../conformance/pool-fixture.ts'
import { poolSamples } from '../../protocol/pool-samples.ts'
import { PEOPLE, PoolWorld } from './pool-world.ts'
import type { Person } from './pool-world.ts'

/** Who may send it, in the order of PEOPLE: owner, producer, listener, server, administrator. Nora is no member. */
const TABLE: Record<PoolRightsOp, string> = {
  getPool: 'oplsa',
  changePool: 'o---a',
  deletePool: 'o---a',
  listMembers: 'oplsa',
  addMember: 'o---a',
  changeMember: 'o---a',
  removeMember: 'o---a',
  createJoinKey: 'o---a',
  listJoinKeys: 'o---a',
  deleteJoinKey: 'o---a',
  openBatch: '-p---',
  declareFiles: '-p---',
  getBatch: 'op-sa',
  getBatchFile: '-p---',
  commitBatch: '-p---',
  abandonBatch: 'op--a',
  listGroups: 'oplsa',
  getGroup: 'oplsa',
  listGroupFiles: 'o--sa',
  listGroupProducers: 'o--sa',
  openPoolFile: 'oplsa',
  closeGroup: 'o--sa',
  leaseGroup: '---s-',
  renewLease: '---s-',
  finishGroup: '---s-',
  failGroup: '---s-',
  retryGroup: 'o--sa'
}
const LETTERS: Record<Person, string> = { olga: 'o', paul: 'p', lisa: 'l', sam: 's', ada: 'a', nora: '' }
const OPS = Object.keys(TABLE) as PoolRightsOp[]

/** As the sample has it, about somebody else than whoever asks. */
const messageOf = (op: PoolRightsOp): object => {
  const { quotaBytes: _quota, waitMs, ...sample } = poolSamples[op].request as Record<string, unknown>
  const about = 'user' in sample ? { user: userId('lisa') } : {}
  return { ...sample, ...about, ...(waitMs !== undefined && { waitMs: 0 }), pool: POOL, revision: undefined }
}

/** `refused` by the table; anything else that happens is behind it. */
async function outcomeOf(world: PoolWorld, who: Person, op: PoolRightsOp, scopes?: ['account']) {
  try {
    await world.call(who, op, messageOf(op) as never, scopes && { scopes })
    return 'may'
  } catch (error) {
    if (hasCode(error, 'permission-denied')) return 'permission-denied'
    return hasCode(error, 'pool-unknown') ? 'pool-unknown' : 'may'
  }
}

t.test('every message about a pool stands in the table', async (t) => {
  const others = ['createPool', 'listPools', 'findJoinKey', 'joinPool']
  t.same(Object.keys(poolMessages).toSorted(), [...Object.keys(POOL_RIGHTS), ...others].toSorted())
  t.same(Object.keys(POOL_RIGHTS).toSorted(), OPS.toSorted())
})

t.test('each role may send what the table says, and nothing else', async (t) => {
  for (const op of OPS)
    for (const who of PEOPLE) {
      const world = await PoolWorld.start(t)
      const letter = LETTERS[who]
      const isAsked = op === 'removeMember' && who === 'lisa' // everybody may go
      const may = letter !== '' && (TABLE[op].includes(letter) || isAsked)
      const refused = letter === '' ? 'pool-unknown' : 'permission-denied'
      t.equal(await outcomeOf(world, who, op), may ? 'may' : refused, `${op}: ${who}`)
    }
})

t.test('a key without the scope has no pools, and is not told whether there are any', async (t) => {
  const world = await PoolWorld.start(t)
  for (const op of OPS)
    for (const who of ['olga', 'nora', 'ada'] as const)
      t.equal(await outcomeOf(world, who, op, ['account']), 'permission-denied', `${op}: ${who}`)
  const scopes = ['account'] as ['account']
  await t.rejects(world.call('olga', 'listPools', { limit: 10, isMine: true }, { scopes }), {
    code: 'permission-denied'
  })
})

t.test('an administrator who is a member of the pool is that, too', async (t) => {
  const world = await PoolWorld.start(t)
  await world.call('olga', 'addMember', { name: 'ada', role: 'server' })
  t.same((await world.call('ada', 'leaseGroup', { waitMs: 0 })).group, null)
  t.ok(await world.call('ada', 'listJoinKeys', {}))
})
