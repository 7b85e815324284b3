/** What other parts of the controller know of pools: space, events, and everybody's files. */

import t from 'tap'
import { createEvents } from '../../../src/controller/events/events.ts'
import { Entries } from '../../../src/controller/files/entries.ts'
import { spaceOf } from '../../../src/controller/files/quota.ts'
import { batchPath, poolOwner, poolStream, resultPath } from '../../../src/pools.ts'
import type { GroupId } from '../../../src/pools.ts'
import type { Scope } from '../../../src/types.ts'
import { userId } from '../../conformance/account-fixture.ts'
import { addEntry } from '../../conformance/entry-fixture.ts'
import { POOL, batchId, poolId } from '../../conformance/pool-fixture.ts'
import { seededRandom } from '../../kit/seeded-random.ts'
import { PoolWorld } from './pool-world.ts'
import type { Person } from './pool-world.ts'

t.test('uploads for a pool take its space; one that is archived takes results only', async (t) => {
  const world = await PoolWorld.start(t, { pools: { quotaBytes: 1000 }, account: { quotaBytes: 7 } })
  const { store, config } = world
  const [user, path] = [poolOwner(POOL), batchPath(batchId('a'), 0)]
  const result = resultPath(batchId('group') as unknown as GroupId, 1)
  t.equal(await spaceOf(store, config, { user: userId('paul'), path }), 7, 'a user’s is a user’s')
  t.equal(await spaceOf(store, config, { user, path }), 1000)
  await world.call('ada', 'changePool', { quotaBytes: 5 })
  t.equal(await spaceOf(store, config, { user, path }), 5)
  await world.call('olga', 'changePool', { state: 'archived' })
  await t.rejects(spaceOf(store, config, { user, path }), { code: 'pool-archived' })
  t.equal(await spaceOf(store, config, { user, path: result }), 5)
  await world.call('olga', 'deletePool', {})
  for (const each of [path, result])
    await t.rejects(spaceOf(store, config, { user, path: each }), { code: 'user-unknown' })
  const unknown = { user: poolOwner(poolId('unknown')), path }
  await t.rejects(spaceOf(store, config, unknown), { code: 'user-unknown' })
})

t.test('a pool’s events are for its members and administrators, with the scope of pools', async (t) => {
  const world = await PoolWorld.start(t)
  const leadership = { assert: () => undefined }
  const { store, time, clock, config } = world
  const random = seededRandom(1)
  const events = createEvents({ store, time, clock, config, random, leadership: leadership as never })
  await events.restore()
  const list = (name: Person, scopes?: Scope[]) =>
    events.handlers.listEvents(
      {
        actor: { user: userId(name), role: name === 'ada' ? 'admin' : 'user', scopes },
        stream: poolStream(POOL),
        after: 0,
        limit: 10
      },
      new AbortController().signal
    )
  for (const name of ['olga', 'paul', 'lisa', 'sam', 'ada'] as const)
    t.ok((await list(name, ['pools'])).events.length > 0, name)
  await t.rejects(list('nora'), { code: 'pool-unknown' })
  await t.rejects(list('olga', ['history:read']), { code: 'permission-denied' })
})

t.test('everybody’s files are those of users', async (t) => {
  const world = await PoolWorld.start(t)
  const { store, time, config } = world
  const entries = new Entries({ store, time, config } as never)
  await addEntry(store, 'mine', { user: userId('paul'), path: 'mine' })
  for (let index = 0; index < 5; index++)
    await addEntry(store, `b ${index}`, { user: poolOwner(POOL), path: batchPath(batchId('b'), index) })
  const seen: string[] = []
  let after
  do {
    const page = await entries.list({
      actor: { user: null, role: 'admin' },
      recursive: true,
      sort: 'name',
      order: 'ascending',
      limit: 2,
      after
    })
    seen.push(...page.entries.map(({ path }) => path))
    after = page.next ?? undefined
  } while (after !== undefined)
  t.same(seen, ['mine'])
})
