/** Servers that ask again, because an answer was lost. */

import type { Test } from 'tap'
import { userId } from './account-fixture.ts'
import { CLOSED, fail, groupAt, groupStore, lease, send, settle } from './group-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { START } from './metadata-fixture.ts'
import { POOL, SETTINGS, WINDOW_MS, poolEventTypes } from './pool-fixture.ts'

const LEASE = SETTINGS.leaseMs

export async function testRepeatedLeases(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('asking again by the same name is given the same lease, while it lasts', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a', { at: [START, START + WINDOW_MS] })
    await settle(store, CLOSED + WINDOW_MS)
    const now = CLOSED + WINDOW_MS
    const ask = (request: string, server = 'sam', at = now) => lease(store, server, at, undefined, request)
    const find = (request: string, server = 'sam', at = now) =>
      store.findLease({ pool: POOL, server: userId(server), request, now: at })
    t.equal(await find('one'), undefined)
    const given = await ask('one')
    t.match(given, { id: groupAt(0), fence: 1 })
    t.strictSame(await ask('one', 'sam', now + LEASE - 1), given)
    t.strictSame(await find('one', 'sam', now + LEASE - 1), given)
    t.equal(await find('one', 'sue'), undefined, 'it is the server’s own')
    t.equal(await find('two'), undefined)
    t.match(await ask('one', 'sue'), { id: groupAt(1), server: userId('sue') })
    t.equal((await poolEventTypes(store)).filter((type) => type === 'group.taken').length, 2)
    t.equal(await find('one', 'sam', now + LEASE), undefined, 'it is over')
    t.match(await lease(store, 'sam', now + LEASE), { id: groupAt(0), fence: 2 })
    t.equal(await find('one', 'sam', now + LEASE), undefined, 'of another asking')
    const again = await ask('three', 'sam', now + LEASE)
    if (again === undefined) return t.fail('nothing was leased')
    await fail(store, again, { now: now + LEASE })
    t.equal(await find('three', 'sam', now + LEASE), undefined, 'it was given back')
  })
}
