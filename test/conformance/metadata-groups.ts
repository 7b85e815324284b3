/** Groups of pools: what is in them, who works on them, and what became of it. */

import type { Test } from 'tap'
import { poolOwner } from '../../src/pools.ts'
import type { EventData, EventType } from '../../src/events.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { LEASE_OVER, MEMBER_REMOVED } from '../../src/metadata/pool-group-rules.ts'
import { userId } from './account-fixture.ts'
import { entryId } from './entry-fixture.ts'
import {
  CLOSED,
  RETRY_MS,
  done,
  fail,
  finish,
  groupAt,
  groupOf,
  groupStore,
  holder,
  lease,
  leased,
  send,
  settle,
  stateOf,
  storeResult
} from './group-fixture.ts'
import { testRepeatedLeases } from './metadata-leases.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { CHUNK_BYTES, START, hash, rejectsWith } from './metadata-fixture.ts'
import { OWNER, POOL, SETTINGS, WINDOW_MS, batchId, poolEvents, poolId } from './pool-fixture.ts'

const LEASE = SETTINGS.leaseMs

const dataOf = async (store: MetadataStore, type: EventType): Promise<EventData[]> =>
  (await poolEvents(store)).filter((event) => event.type === type).map(({ data }) => data)

export async function testGroups(t: Test, makeStore: MakeStore): Promise<void> {
  const parts = { lists, closing, leases, repeats: testRepeatedLeases, fences, voiding, results, failures }
  for (const [name, test] of Object.entries(parts)) await t.test(name, (part) => test(part, makeStore))
}

async function lists(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('the newest first, in pages', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a', { at: [0, 1, 2, 3].map((n) => START + n * WINDOW_MS) })
    await store.closeGroup({ pool: POOL, group: groupAt(2), now: START })
    await send(store, 'b', { at: [START + 2 * WINDOW_MS + 1] })
    const list = async (request: Partial<Parameters<MetadataStore['listGroups']>[0]> = {}) =>
      (await store.listGroups({ pool: POOL, limit: 10, ...request })).map(({ start, generation }) => [
        (start - START) / WINDOW_MS,
        generation
      ])
    const all = [
      [3, 0],
      [2, 1],
      [2, 0],
      [1, 0],
      [0, 0]
    ]
    t.strictSame(await list(), all)
    t.strictSame(await list({ limit: 2 }), all.slice(0, 2))
    t.strictSame(await list({ before: { start: START + 2 * WINDOW_MS, generation: 1 } }), all.slice(2))
    t.strictSame(await list({ state: 'closed' }), [[2, 0]])
    t.strictSame(await list({ from: START + WINDOW_MS, to: START + 3 * WINDOW_MS }), all.slice(1, 4))
    t.strictSame(await list({ pool: poolId('other') }), [])
    t.equal(await store.getGroup(poolId('other'), groupAt()), undefined, 'of another pool')
  })

  await t.test('files by member, time and name', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'late', { at: [START + 2, START + 1] })
    await send(store, 'more', { member: 'ben', at: [START + 1, START + 1] })
    const group = groupAt()
    const all = await store.listGroupFiles({ group, limit: 10 })
    const members = [userId('ann'), userId('ben')].toSorted()
    const names = { [userId('ann')]: ['late 1', 'late 0'], [userId('ben')]: ['more 0', 'more 1'] }
    t.strictSame(
      all.map(({ name }) => name),
      members.flatMap((user) => names[user] ?? [])
    )
    const first = all.find(({ name }) => name === 'late 0')
    t.strictSame(first, {
      index: 0,
      name: 'late 0',
      at: START + 2,
      sizeBytes: CHUNK_BYTES,
      sha256: hash('late 0'),
      mediaType: 'text/plain',
      metadata: { n: '0' },
      batch: batchId('late'),
      member: userId('ann'),
      memberName: 'ann',
      entry: entryId('late 0')
    })
    for (const [i, after] of all.entries())
      t.strictSame(await store.listGroupFiles({ group, after, limit: 2 }), all.slice(i + 1, i + 3))
    t.strictSame(await store.getGroupFile(group, entryId('late 0')), first)
    t.equal(await store.getGroupFile(groupAt(1), entryId('late 0')), undefined, 'of another group')
    const producers = members.map((user) => ({
      user,
      name: user === userId('ann') ? 'ann' : 'ben',
      files: 2,
      bytes: 2 * CHUNK_BYTES
    }))
    t.strictSame(await store.listGroupProducers({ group, limit: 10 }), producers)
    t.strictSame(await store.listGroupProducers({ group, after: members[0], limit: 10 }), producers.slice(1))
  })
}

async function closing(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a group closes when its window and its grace are over', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    t.equal(await store.nextPoolsAt(), CLOSED)
    t.equal(await settle(store, CLOSED - 1), 0)
    t.equal(await stateOf(store), 'open')
    t.equal(await lease(store, 'sam', CLOSED - 1), undefined, 'nobody works on one that is open')
    t.equal(await settle(store, CLOSED), 1)
    t.equal(await settle(store, CLOSED), 0)
    t.match(await groupOf(store), {
      state: 'closed',
      closedAt: CLOSED,
      dueAt: CLOSED,
      files: 1,
      producers: 1
    })
    const [told, more] = await dataOf(store, 'group.closed')
    t.equal(more, undefined, 'told once')
    t.match(told, { group: groupAt(), files: 1, producers: 1, late: false, fence: 0, actor_id: null })
  })

  await t.test('before its time, once', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    const close = (now: number) => store.closeGroup({ pool: POOL, group: groupAt(), now, by: OWNER })
    const closed = await close(START + 1)
    t.match(closed, { state: 'closed', closedAt: START + 1, dueAt: START + 1 })
    t.strictSame(await close(START + 2), closed, 'one that is not open stays as it is')
    t.strictSame(
      (await dataOf(store, 'group.closed')).map(({ actor_name }) => actor_name),
      ['olga']
    )
    const close2 = store.closeGroup({ pool: POOL, group: groupAt(1), now: START })
    await rejectsWith(t, close2, 'group-unknown')
  })
}

async function leases(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('two servers at once get different groups, or one gets nothing', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a', { at: [START, START + WINDOW_MS] })
    const now = CLOSED + WINDOW_MS
    await settle(store, now)
    const [one, other] = await Promise.all([lease(store, 'sam', now), lease(store, 'sue', now)])
    t.strictSame(new Set([one?.id, other?.id]), new Set([groupAt(0), groupAt(1)]))
    t.match(one, { state: 'processing', fence: 1, attempts: 1, leasedUntil: now + LEASE, dueAt: null })
    t.equal(one?.id, groupAt(0), 'the one that waits longest is given first')
    t.equal(await lease(store, 'sue', now), undefined)
    const [again, nothing] = await Promise.all([
      lease(store, 'sam', now + LEASE, groupAt(0)),
      lease(store, 'sue', now + LEASE, groupAt(0))
    ])
    t.match(again, { id: groupAt(0), server: userId('sam'), fence: 2, attempts: 2 })
    t.equal(nothing, undefined)
    t.match(
      (await dataOf(store, 'group.taken')).map(({ group, fence }) => [group, fence]),
      [
        [groupAt(0), 1],
        [groupAt(1), 1],
        [groupAt(0), 2]
      ]
    )
  })

  await t.test('only who may work gets one, and only of their pool', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    await settle(store, CLOSED)
    for (const name of ['ann', 'lee', 'nobody']) t.equal(await lease(store, name), undefined, name)
    const other = { pool: poolId('other'), server: userId('sam'), group: groupAt(), now: CLOSED }
    t.equal(await store.leaseGroup(other), undefined)
    t.match(await lease(store, 'olga'), { server: OWNER }, 'owners may')
  })
}

async function fences(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('who was overtaken is refused', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    await settle(store, CLOSED)
    const stale = await leased(store)
    const over = CLOSED + LEASE
    t.equal(await lease(store, 'sue', over - 1), undefined, 'it is taken')
    const taken = await leased(store, 'sue', over)
    t.match(taken, { fence: 2, attempts: 2, server: userId('sue') })
    await storeResult(store, stale, over)
    const refused = { now: over }
    await rejectsWith(t, store.renewLease({ ...holder(stale), now: over }), 'lease-lost')
    await rejectsWith(t, finish(store, stale, refused), 'lease-lost')
    await rejectsWith(t, fail(store, stale, refused), 'lease-lost')
    await rejectsWith(t, finish(store, { ...taken, fence: 3 }, { ...refused, server: 'sue' }), 'lease-lost')
    await rejectsWith(
      t,
      finish(store, taken, { ...refused, server: 'sam' }),
      'lease-lost',
      'another server’s'
    )
    t.strictSame(await groupOf(store), taken, 'nothing of that changed anything')
    const renewed = await store.renewLease({ ...holder(taken, 'sue'), now: over + 10 })
    t.match(renewed, { state: 'processing', fence: 2, attempts: 2, leasedUntil: over + 10 + LEASE })
  })

  await t.test('a lease that is over is its holder’s until somebody else has it', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    await settle(store, CLOSED)
    const group = await leased(store)
    const over = CLOSED + LEASE
    t.match(await store.renewLease({ ...holder(group), now: over }), { leasedUntil: over + LEASE })
    t.equal(await store.nextPoolsAt(), over + LEASE)
    t.equal(await settle(store, over + LEASE - 1), 0)
    t.equal(await settle(store, over + LEASE), 1)
    t.match(await groupOf(store), { state: 'closed', dueAt: over + LEASE, failure: LEASE_OVER, attempts: 1 })
    t.match(await dataOf(store, 'group.failed'), [{ reason: LEASE_OVER, final: false }])
    const now = over + LEASE + 1
    t.match(await store.renewLease({ ...holder(group), now }), {
      state: 'processing',
      leasedUntil: now + LEASE
    })
    t.equal(await lease(store, 'sue', now), undefined, 'so that it is taken again')
    await settle(store, now + LEASE)
    await storeResult(store, group, now + LEASE)
    t.match(await finish(store, group, { now: now + LEASE }), { state: 'done', fence: 1 })
  })

  await t.test('a clock that is set back ends no lease and closes nothing', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a', { at: [START, START + WINDOW_MS] })
    await settle(store, CLOSED)
    const group = await leased(store)
    t.equal(await settle(store, START - WINDOW_MS), 0)
    t.equal(await lease(store, 'sue', START - WINDOW_MS), undefined)
    t.match(await store.renewLease({ ...holder(group), now: START }), { leasedUntil: group.leasedUntil })
    t.equal(await stateOf(store, 1), 'open')
  })
}

async function voiding(t: Test, makeStore: MakeStore): Promise<void> {
  const one = async (t: Test) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    await settle(store, CLOSED)
    const group = await leased(store)
    await storeResult(store, group)
    return { store, group }
  }
  const now = CLOSED + 1

  await t.test('of a member who is removed', async (t) => {
    const { store, group } = await one(t)
    await store.removeMember({ pool: POOL, user: userId('sam'), now })
    await rejectsWith(t, finish(store, group, { now }), 'lease-lost')
    await rejectsWith(t, store.renewLease({ ...holder(group), now }), 'lease-lost')
    t.match(await groupOf(store), { state: 'closed', dueAt: now, failure: MEMBER_REMOVED })
    t.equal(await lease(store, 'sam', now), undefined)
    t.match(await lease(store, 'sue', now), { fence: 3, attempts: 2 })
  })

  await t.test('of one whose lease was over', async (t) => {
    const { store, group } = await one(t)
    await settle(store, CLOSED + LEASE)
    await store.removeMember({ pool: POOL, user: userId('sam'), now: CLOSED + LEASE })
    await rejectsWith(t, finish(store, group, { now: CLOSED + LEASE }), 'lease-lost')
    t.equal((await dataOf(store, 'group.failed')).length, 1, 'told once')
  })

  await t.test('of one who may not work any more', async (t) => {
    const { store, group } = await one(t)
    await store.changeMember({ pool: POOL, user: userId('sam'), role: 'listener', now })
    await rejectsWith(t, finish(store, group, { now }), 'lease-lost')
    t.equal(await stateOf(store), 'closed')
  })

  await t.test('in a pool that is deleted', async (t) => {
    const { store, group } = await one(t)
    await store.changePool({ id: POOL, state: 'deleting', now })
    await rejectsWith(t, finish(store, group, { now }), 'lease-lost')
    await rejectsWith(t, fail(store, group, { now }), 'lease-lost')
    await rejectsWith(t, store.renewLease({ ...holder(group), now }), 'lease-lost')
    t.equal(await lease(store, 'sue', now), undefined)
  })
}

async function results(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('once, by whoever holds the group', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    await settle(store, CLOSED)
    const group = await leased(store)
    await rejectsWith(t, finish(store, group), 'result-missing')
    await storeResult(store, group, CLOSED, CLOSED + 10)
    await rejectsWith(t, finish(store, group, { now: CLOSED + 10 }), 'result-missing', 'one that has expired')
    t.equal(await stateOf(store), 'processing')
    const finished = await finish(store, group, { now: CLOSED + 9 })
    const expiresAt = CLOSED + 9 + SETTINGS.resultTtlMs
    t.match(finished, { state: 'done', endedAt: CLOSED + 9, leasedUntil: null, isEmptied: false })
    t.strictSame(finished.result, {
      entry: entryId(`result ${START} 0 1`),
      name: 'mean.bin',
      mediaType: 'text/plain',
      sizeBytes: CHUNK_BYTES,
      sha256: hash(`result ${START} 0 1`),
      metadata: { loss: '0.1' },
      expiresAt
    })
    t.strictSame(await groupOf(store), finished)
    t.strictSame(await finish(store, group, { now: CLOSED + 20 }), finished, 'again: the same')
    const entry = await store.getEntry(entryId(`result ${START} 0 1`))
    t.match(entry, { owner: poolOwner(POOL), expiresAt })
    t.match(await dataOf(store, 'group.done'), [
      { fence: 1, result_bytes: CHUNK_BYTES, result_name: 'mean.bin', result_sha256: finished.result?.sha256 }
    ])
    await rejectsWith(t, finish(store, { ...group, fence: 2 }), 'group-done')
    await rejectsWith(t, fail(store, group), 'group-done')
    await rejectsWith(t, store.renewLease({ ...holder(group), now: CLOSED }), 'lease-lost')
    await rejectsWith(t, store.retryGroup({ pool: POOL, group: group.id, now: CLOSED }), 'group-state')
    t.equal(await lease(store, 'sue', CLOSED + LEASE, group.id), undefined)
  })
}

async function failures(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('an attempt that failed is made again, so often', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    await settle(store, CLOSED)
    let now = CLOSED
    for (const attempts of [1, 2]) {
      const group = await leased(store, 'sam', now)
      const failed = await fail(store, group, { now })
      t.match(failed, {
        state: 'closed',
        attempts,
        failure: 'out of memory',
        dueAt: now + RETRY_MS,
        endedAt: null
      })
      t.strictSame(await fail(store, group, { now: now + 1, isFinal: true }), failed, 'told once')
      await rejectsWith(t, finish(store, group, { now }), 'lease-lost', 'it was given back')
      t.equal(await lease(store, 'sue', now + RETRY_MS - 1), undefined, 'it waits')
      now += RETRY_MS
    }
    const failed = await fail(store, await leased(store, 'sue', now), { server: 'sue', now })
    t.match(failed, { state: 'failed', attempts: 3, endedAt: now, dueAt: null })
    t.match(
      (await dataOf(store, 'group.failed')).map(({ final, reason, attempts }) => [attempts, final, reason]),
      [1, 2, 3].map((attempts) => [attempts, attempts === 3, 'out of memory'])
    )
    t.equal(await lease(store, 'sam', now + 1000), undefined)
  })

  await t.test('one that failed for good is tried anew when somebody says so', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    const retry = (now = CLOSED) => store.retryGroup({ pool: POOL, group: groupAt(), now, by: OWNER })
    await rejectsWith(t, retry(), 'group-state')
    await settle(store, CLOSED)
    t.match(await fail(store, await leased(store), { isFinal: true }), { state: 'failed', attempts: 1 })
    const retried = await retry(CLOSED + 1)
    t.match(retried, { state: 'closed', attempts: 0, dueAt: CLOSED + 1, endedAt: null, fence: 1 })
    t.equal(await store.nextPoolsAt(), START + SETTINGS.frequencyMs, 'it is not emptied')
    t.equal((await dataOf(store, 'group.closed')).length, 2, 'servers are told that it waits')
    await rejectsWith(t, retry(), 'group-state')
    t.match(await done(store, CLOSED + 1), { state: 'done', fence: 2, attempts: 1 })
    const unknown = store.retryGroup({ pool: POOL, group: groupAt(7), now: CLOSED })
    await rejectsWith(t, unknown, 'group-unknown')
  })

  await t.test('servers that are lost use up attempts too', async (t) => {
    const store = await groupStore(t, makeStore)
    await send(store, 'a')
    await settle(store, CLOSED)
    let now = CLOSED
    for (const attempts of [1, 2, 3]) {
      t.match(await leased(store, 'sam', now), { attempts })
      now += LEASE
      if (attempts !== 2) await settle(store, now)
    }
    t.match(await groupOf(store), { state: 'failed', failure: LEASE_OVER, endedAt: now })
    t.equal((await dataOf(store, 'group.failed')).at(-1)?.['final'], true)

    await store.retryGroup({ pool: POOL, group: groupAt(), now })
    for (const _attempt of [1, 2, 3]) {
      await leased(store, 'sam', now)
      now += LEASE
    }
    t.equal(await lease(store, 'sue', now), undefined, 'who asks is given nothing')
    t.equal(await stateOf(store), 'failed')
  })
}
