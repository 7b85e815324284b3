/** Content of pools that was committed: whatever else comes for it, however late, changes nothing. */

import type { Test } from 'tap'
import { batchPath, poolOwner, resultPath } from '../../src/pools.ts'
import { addEntry, settleEntries } from './entry-fixture.ts'
import { CLOSED, finish, groupAt, leased, groupStore, send, storeResult } from './group-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { rejectsWith } from './metadata-fixture.ts'
import { POOL, batchId } from './pool-fixture.ts'

export async function testPoolEntries(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a file of a batch that was committed stays as it is', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'batch')
    const late = { user: poolOwner(POOL), path: batchPath(batchId('batch'), 0), expiresAt: CLOSED }
    await rejectsWith(t, addEntry(store, 'late', late), 'path-taken')
    await settleEntries(store, CLOSED)
    const [file] = await store.listGroupFiles({ group: groupAt(), limit: 1 })
    t.equal((await store.listVersions(file?.entry ?? entryMissing(), undefined, 10)).length, 1)
  })

  await t.test(
    'a result that was accepted stays as it is, and one that was not may come again',
    async (t) => {
      const store = await groupStore(t, makeStore)
      await send(store, 'batch')
      await store.closeGroup({ pool: POOL, group: groupAt(), now: CLOSED })
      const group = await leased(store)
      await storeResult(store, group)
      const again = { user: poolOwner(POOL), path: resultPath(group.id, group.fence), content: 'other' }
      await addEntry(store, 'again', { ...again, now: CLOSED })
      const done = await finish(store, group)
      await rejectsWith(t, addEntry(store, 'late', { ...again, now: CLOSED }), 'path-taken')
      t.strictSame((await store.getGroup(POOL, group.id))?.result, done.result)
    }
  )

  await t.test('paths of users that look like those mean nothing', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'batch')
    const path = batchPath(batchId('batch'), 0)
    await addEntry(store, 'first', { path })
    t.equal((await addEntry(store, 'second', { path })).version, 2)
  })
}

function entryMissing(): never {
  throw new Error('there is no file in the group')
}
