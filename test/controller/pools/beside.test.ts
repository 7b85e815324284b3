/** What other parts of the controller know of pools: space, events, and everybody's files. */

import t from 'tap'
import { createEvents } from '../../../src/controller/events/events.ts'
import { Entries } from '../../../src/controller/files/entries.ts'
import { Folders } from '../../../src/controller/files/folders.ts'
import { spaceOf } from '../../../src/controller/files/quota.ts'
import { Shares } from '../../../src/controller/files/shares.ts'
import { Versions } from '../../../src/controller/files/versions.ts'
import { batchPath, poolOwner, poolStream, resultPath } from '../../../src/pools.ts'
import type { GroupId } from '../../../src/pools.ts'
import type { Scope } from '../../../src/types.ts'
import { userId } from '../../conformance/account-fixture.ts'
import { addEntry, entryId, shareOf } from '../../conformance/entry-fixture.ts'
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

t.test('an administrator changes nothing by itself that a pool has taken in', async (t) => {
  const world = await PoolWorld.start(t)
  const { store, time, config } = world
  const deps = { store, time, config, notes: { note: async () => {} }, onEnded: () => {} } as never
  const [entries, versions] = [new Entries(deps), new Versions(deps)]
  const [shares, folders] = [new Shares(deps), new Folders(deps)]
  const owner = poolOwner(POOL)
  for (const [name, user] of [
    ['theirs', userId('paul')],
    ['of the pool', owner]
  ] as const)
    await addEntry(store, name, { user, path: batchPath(batchId('b'), 0) })
  const actor = { user: userId('ada'), role: 'admin' } as const
  const signal = new AbortController().signal
  const id = entryId('of the pool')
  const folder = 'batches'
  const ways: Record<string, () => Promise<unknown>> = {
    move: () => entries.move({ actor, id, path: 'x' }),
    change: () => entries.change({ actor, id, expiresAt: time.now() + 1 }),
    delete: () => entries.delete({ actor, id }),
    restore: () => versions.restore({ actor, id, version: 1 }),
    'delete a version': () => versions.delete({ actor, id, version: 1 }),
    prune: () => versions.prune({ actor, id, keep: 1 }),
    share: () => shares.share({ actor, id, link: shareOf('share') }),
    'move a folder': () => folders.move({ actor, owner, from: folder, to: 'x' }, signal),
    'delete a folder': () => folders.delete({ actor, owner, folder, limit: 10 })
  }
  for (const [what, way] of Object.entries(ways))
    await t.rejects(way(), { code: 'permission-denied', message: 'This is a file of a pool.' }, what)
  t.match(await entries.get({ actor, id }), { entry: { id } }, 'they may look at it')
  const poolItself = { user: owner, role: 'user' } as const
  t.match(await entries.delete({ actor: poolItself, id }), { deleted: true })
  t.match(
    await entries.delete({ actor, id: entryId('theirs') }),
    { deleted: true },
    'those of users they may'
  )
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
