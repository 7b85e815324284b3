/** Which events of a pool a member is told, by role; and when it is over. */

import { readFile } from 'node:fs/promises'
import t from 'tap'
import { PoolSight } from '../../../src/edge/events/pool-sight.ts'
import type { Seen } from '../../../src/edge/events/pool-sight.ts'
import { EVENT_TYPES } from '../../../src/events.ts'
import type { EventData, EventType, StoredEvent } from '../../../src/events.ts'
import { POOL_ROLES, poolStream } from '../../../src/pools.ts'
import type { EventId } from '../../../src/types.ts'
import { userId } from '../../conformance/account-fixture.ts'
import { poolId } from '../../conformance/pool-fixture.ts'

const ann = userId('ann')
const bob = userId('bob')

const POOL_TYPES = EVENT_TYPES.slice(EVENT_TYPES.indexOf('pool.changed'))

const event = (type: EventType, number: number, subject = 'x', data: EventData = {}): StoredEvent => ({
  seq: number,
  stream: poolStream(poolId('p')),
  number,
  id: 'e' as EventId,
  type,
  at: 0,
  subject,
  data
})

t.test('every type of a pool, for every role', async (t) => {
  const forAll = ['pool.changed', 'group.closed', 'group.done', 'group.failed', 'pool.deleted']
  for (const role of POOL_ROLES) {
    const seesAll = role === 'owner' || role === 'server'
    for (const type of POOL_TYPES) {
      const sight = new PoolSight({ user: ann, isAdmin: false }, { role, last: 0 })
      const expected: Seen =
        type === 'pool.deleted' ? 'end' : seesAll || forAll.includes(type) ? 'told' : 'kept'
      t.equal(sight.see(event(type, 1, bob)), expected, `${type} for a ${role}`)
    }
  }
  const admin = new PoolSight({ user: ann, isAdmin: true }, { role: null, last: 0 })
  for (const type of POOL_TYPES.filter((each) => each !== 'pool.deleted'))
    t.equal(admin.see(event(type, 1, bob)), 'told', `${type} for an administrator`)
})

t.test('a role that is another one counts from the event on that says so', async (t) => {
  const sight = new PoolSight({ user: ann, isAdmin: false }, { role: 'listener', last: 4 })
  t.equal(sight.see(event('batch.committed', 5)), 'kept')
  t.equal(sight.see(event('member.changed', 6, bob, { role: 'owner' })), 'kept', 'somebody else')
  t.equal(sight.see(event('batch.committed', 7)), 'kept')
  t.equal(sight.see(event('member.changed', 8, ann, { role: 'server' })), 'told')
  t.equal(sight.see(event('batch.committed', 9)), 'told')
  t.equal(sight.see(event('member.changed', 10, ann, { role: 'producer' })), 'told')
  t.equal(sight.see(event('batch.committed', 11)), 'kept')
})

t.test('whoever is removed is told that, and nothing behind it', async (t) => {
  const sight = new PoolSight({ user: ann, isAdmin: false }, { role: 'owner', last: 4 })
  t.equal(sight.see(event('member.removed', 5, bob)), 'told')
  t.equal(sight.see(event('member.removed', 6, ann)), 'end')
})

t.test('what happened before is told by what one is now', async (t) => {
  const sight = new PoolSight({ user: ann, isAdmin: false }, { role: 'listener', last: 4 })
  t.equal(sight.see(event('member.changed', 1, ann, { role: 'owner' })), 'told')
  t.equal(sight.see(event('batch.committed', 2)), 'kept', 'an owner then')
  t.equal(sight.see(event('member.removed', 3, ann)), 'told', 'and a member again')
  t.equal(sight.see(event('group.done', 4)), 'told')
})

t.test('docs/events.md has every type there is', async (t) => {
  const text = await readFile(new URL('../../../docs/events.md', import.meta.url), 'utf8')
  const table = text.slice(text.indexOf('| `type` |'), text.indexOf('Common fields'))
  t.same(
    EVENT_TYPES.filter((type) => !table.includes(`\`${type}\``)),
    []
  )
})
