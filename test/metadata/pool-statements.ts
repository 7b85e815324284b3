/** What pools ask of the tables, for query-plans.test.ts. */

import type { Test } from 'tap'
import type { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { poolOwner, poolStream } from '../../src/pools.ts'
import { addUser, userId } from '../conformance/account-fixture.ts'
import { entryId } from '../conformance/entry-fixture.ts'
import {
  CLOSED,
  beginBatch,
  done,
  fail,
  groupAt,
  holder,
  lease,
  leased,
  send,
  settle,
  settleAllPools
} from '../conformance/group-fixture.ts'
import { START } from '../conformance/metadata-fixture.ts'
import { hookId } from '../conformance/metadata-webhooks.ts'
import {
  OWNER,
  POOL,
  SETTINGS,
  WINDOW_MS,
  addMember,
  addPool,
  batchId,
  poolId
} from '../conformance/pool-fixture.ts'

const AGES = 1000 * SETTINGS.maxAgeMs

/** Groups: filled, closed, worked on, and all that time brings to them. */
export async function workOnGroups(store: SqliteMetadataStore): Promise<void> {
  await addPool(store)
  for (const name of ['ann', 'ben']) await addMember(store, name)
  for (const name of ['sam', 'sue']) await addMember(store, name, 'server')
  await send(store, 'a', { at: [START, START + WINDOW_MS, START + 2 * WINDOW_MS] })
  await beginBatch(store, 'open', { member: 'ben', at: [START, START + 1] })
  const group = groupAt()
  await lookAtGroups(store)
  await store.nextPoolsAt()
  await store.closeGroup({ pool: POOL, group, now: CLOSED, by: OWNER })
  await settle(store, CLOSED + 2 * WINDOW_MS, 2)
  await lease(store, 'sam', CLOSED, group, 'asking')
  const held = await leased(store, 'sam', CLOSED + 2 * WINDOW_MS)
  await store.renewLease({ ...holder(held), now: CLOSED + 2 * WINDOW_MS })
  await fail(store, held, { now: CLOSED + 2 * WINDOW_MS, isFinal: true })
  await store.retryGroup({ pool: POOL, group: held.id, now: CLOSED + 2 * WINDOW_MS })
  await done(store, CLOSED + 2 * WINDOW_MS)
  await lease(store, 'sam', CLOSED + 2 * WINDOW_MS)
  await store.removeMember({ pool: POOL, user: userId('sam'), now: CLOSED + 2 * WINDOW_MS })
  await settleAllPools(store, CLOSED + AGES, 2)
}

async function lookAtGroups(store: SqliteMetadataStore): Promise<void> {
  const list = { pool: POOL, limit: 2 }
  const before = { start: START + WINDOW_MS, generation: 0 }
  for (const state of [undefined, 'open'] as const)
    for (const times of [{}, { from: START, to: START + 1 }, { before }])
      await store.listGroups({ ...list, ...times, state })
  const [group, limit] = [groupAt(), 2]
  const [after] = await store.listGroupFiles({ group, limit })
  await store.listGroupFiles({ group, after, limit })
  await store.getGroupFile(group, entryId('a 0'))
  await store.listGroupProducers({ group, limit })
  await store.listGroupProducers({ group, after: userId('ann'), limit })
}

/** A pool that goes, with all that is of it. */
export async function deletePool(store: SqliteMetadataStore): Promise<void> {
  const pool = poolId('going')
  await addPool(store, 'going')
  await addUser(store, 'gus')
  for (const name of ['gus', 'gil']) await addMember(store, name, 'producer', { pool })
  await send(store, 'gone', { pool, member: 'gus' })
  await beginBatch(store, 'left', { pool, member: 'gil' })
  const hook = { url: 'https://x', types: [], description: '', secret: 's', perUserMax: 2, createdAt: START }
  const stream = poolStream(pool)
  await store.createWebhook({ ...hook, id: hookId('idle'), owner: OWNER, stream })
  await store.createWebhook({ ...hook, id: hookId('gus'), owner: userId('gus'), stream })
  await store.changePool({ id: pool, state: 'deleting', now: START })
  await store.changeUser({ id: userId('gus'), state: 'disabled', now: START })
  await settleAllPools(store, START, 2)
  await settleAllPools(store, START + AGES, 2)
  await store.usedSpace(`user:${poolOwner(pool)}`)
  await store.getBatch(pool, batchId('left'))
}

/** The group of each file of a batch is looked for among those that can have it, not among all that are open. */
export function looksNear(t: Test, sql: string, plan: readonly string[]): void {
  if (sql.includes('order by pool_groups.starts'))
    t.match(plan.join('\n'), /SEARCH pool_groups USING INDEX \w+ \(.*starts>\? AND starts<\?\)/, sql)
}
