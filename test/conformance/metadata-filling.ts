/** Which groups the files of batches go into, and batches that are committed at once. */

import type { Test } from 'tap'
import { userStream } from '../../src/events.ts'
import { userId } from './account-fixture.ts'
import { ANN, addEntry, settleEntries } from './entry-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { CHUNK_BYTES, START, rejectsWith } from './metadata-fixture.ts'
import {
  batchId,
  POOL,
  WINDOW_MS,
  POOL_GRACE_MS,
  SETTINGS,
  addMember,
  poolEvents,
  poolEventTypes,
  BATCH_END,
  batchFiles,
  openBatch,
  bringBatch,
  commitBatch,
  sendBatch,
  poolOfTwo,
  groupsOf,
  namesIn
} from './pool-fixture.ts'

export async function testFilling(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('windows', async (t) => await testWindows(t, makeStore))
  await t.test('several at once', async (t) => await testMeeting(t, makeStore))
  await t.test('files of pools', async (t) => await testPoolFiles(t, makeStore))
}

async function testWindows(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('each file goes into the group of its own time', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const at = (window: number, ms = 0) => START + window * WINDOW_MS + ms
    const now = at(2, 5)
    const files = batchFiles(
      ['future', { at: at(3) }],
      ['first', { at: at(2) }],
      ['last', { at: at(2, WINDOW_MS - 1) }],
      ['old', { at: at(0, 3) }],
      ['grace', { at: at(1) }]
    )
    await sendBatch(store, 'batch', files, { now })
    await sendBatch(store, 'bob', batchFiles(['first', { at: at(2) }]), { member: 'bob', now })
    const groups = await groupsOf(store)
    const facts = groups.map(({ start, isLate, files, producers }) => [start, isLate, files, producers])
    t.strictSame(facts, [
      [at(0), true, 1, 1],
      [at(1), false, 1, 1],
      [at(2), false, 3, 2],
      [at(3), false, 1, 1]
    ])
    t.strictSame(
      groups.map(({ closesAt }) => closesAt - POOL_GRACE_MS),
      [at(3), at(2), at(3), at(4)],
      'a late one closes with the window that runs now'
    )
    t.strictSame(await Promise.all(groups.map((group) => namesIn(store, group))), [
      ['old'],
      ['grace'],
      ['first', 'first', 'last'],
      ['future']
    ])
    const group = groups[2]
    if (group !== undefined)
      t.strictSame(
        (await store.listGroupProducers({ group: group.id, limit: 10 })).toSorted(
          (a, b) => b.files - a.files
        ),
        [
          { user: userId('ann'), name: 'ann', files: 2, bytes: 2 * CHUNK_BYTES },
          { user: userId('bob'), name: 'bob', files: 1, bytes: CHUNK_BYTES }
        ]
      )
    t.match((await poolEvents(store))[3]?.data, { groups: 4 })
    t.equal((await poolEventTypes(store)).filter((type) => type === 'group.opened').length, 4)
  })

  await t.test('behind a group that has closed comes another one, marked late', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    await sendBatch(store, 'one', batchFiles('a'))
    const [group] = await groupsOf(store)
    if (group === undefined) return t.fail('no group')
    await store.closeGroup({ pool: POOL, group: group.id, now: START + 5 })
    await sendBatch(store, 'two', batchFiles('b'), { now: START + 6 })
    await sendBatch(store, 'three', batchFiles('c'), { now: START + 7 })
    const [first, second, ...more] = await groupsOf(store)
    t.strictSame(more, [])
    t.match(first, { generation: 0, files: 1, isLate: false, state: 'closed' })
    t.match(second, { generation: 1, files: 2, isLate: true, state: 'open', start: START })
    t.equal(second?.closesAt, START + WINDOW_MS + POOL_GRACE_MS)
  })

  await t.test('a group closes as soon as enough producers have sent', async (t) => {
    const store = await poolOfTwo(t, makeStore, { closeAtProducers: 2 })
    await sendBatch(store, 'one', batchFiles('a', 'b'))
    t.match(await groupsOf(store), [{ state: 'open', producers: 1 }])
    await sendBatch(store, 'again', batchFiles('c'))
    t.match(await groupsOf(store), [{ state: 'open', producers: 1, files: 3 }], 'the same one again')
    const now = START + 3
    await sendBatch(store, 'two', batchFiles('a', ['far', { at: START + WINDOW_MS }]), { member: 'bob', now })
    t.match(await groupsOf(store), [
      { state: 'closed', closedAt: now, dueAt: now, producers: 2, files: 4 },
      { state: 'open', producers: 1 }
    ])
    const last = (await poolEvents(store)).slice(-3)
    t.strictSame(
      last.map(({ type }) => type),
      ['batch.committed', 'group.opened', 'group.closed']
    )
    t.match(last[2]?.data, { producers: 2, files: 4, late: false, actor_id: null })
  })

  await t.test('a group that is open keeps its window when the pool’s changes', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    await sendBatch(store, 'one', batchFiles('a'))
    const settings = { ...SETTINGS, windowMs: WINDOW_MS / 10 }
    await store.changePool({ id: POOL, settings, now: START })
    const edge = START + WINDOW_MS
    const files = batchFiles(['b', { at: edge - 1 }], ['c', { at: edge }], ['d', { at: edge + 250 }])
    await sendBatch(store, 'two', files, { now: edge })
    t.match(
      (await groupsOf(store)).map(({ start, end, files }) => [start - START, end - START, files]),
      [
        [0, 1000, 2],
        [1000, 1100, 1],
        [1200, 1300, 1]
      ]
    )
    // where two are open, the one that begins last; then the one that was opened last
    await store.changePool({ id: POOL, settings: { ...SETTINGS, windowMs: 700 }, now: edge })
    const more = batchFiles(['e', { at: edge + 150 }], ['f', { at: edge + 50 }], ['g', { at: edge + 210 }])
    await sendBatch(store, 'three', more, { now: edge })
    const groups = await groupsOf(store)
    const placed = groups.map(async (group) => [
      group.start - START,
      group.generation,
      await namesIn(store, group)
    ])
    t.strictSame(await Promise.all(placed), [
      [0, 0, ['a', 'b']],
      [1000, 0, ['c']],
      [1000, 1, ['e', 'f']],
      [1200, 0, ['d', 'g']]
    ])
    t.ok(
      groups.every(({ isLate }) => !isLate),
      'none of their windows had been closed'
    )
  })
}

async function testMeeting(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('two commits of one batch are one', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    await bringBatch(store, 'batch', batchFiles('a', 'b'))
    const answers = await Promise.all([1, 2, 3].map((n) => commitBatch(store, 'batch', { now: START + n })))
    t.strictSame(new Set(answers.map(({ committedAt }) => committedAt)).size, 1)
    t.match(await groupsOf(store), [{ files: 2, producers: 1 }])
    t.equal((await poolEventTypes(store)).filter((type) => type === 'batch.committed').length, 1)
  })

  await t.test('the same file in two batches at once is there once', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const names = ['1', '2', '3']
    for (const name of names) await bringBatch(store, name, batchFiles('same', name))
    const batches = await Promise.all(names.map((name) => commitBatch(store, name)))
    t.strictSame(
      batches.map(({ duplicates }) => duplicates).toSorted((a, b) => a - b),
      [0, 1, 1]
    )
    const [group] = await groupsOf(store)
    if (group !== undefined) t.strictSame(await namesIn(store, group), ['1', '2', '3', 'same'])
    t.match(group, { files: 4, producers: 1 })
  })

  await t.test('a member removed in mid-upload: the batch is committed before, or never', async (t) => {
    for (const isFirst of [true, false]) {
      const store = await poolOfTwo(t, makeStore)
      await bringBatch(store, 'batch', batchFiles('a', 'b'))
      const removal = () => store.removeMember({ pool: POOL, user: userId('ann'), now: START })
      const commit = () => commitBatch(store, 'batch')
      const steps = isFirst ? [removal, commit] : [commit, removal]
      await Promise.allSettled(steps.map((step) => step()))
      const batch = await store.getBatch(POOL, batchId('batch'))
      const groups = await groupsOf(store)
      t.equal(batch?.state, isFirst ? 'abandoned' : 'committed')
      t.strictSame(
        groups.map(({ files }) => files),
        isFirst ? [] : [2]
      )
      if (isFirst) await rejectsWith(t, openBatch(store, 'batch', batchFiles('a', 'b')), 'permission-denied')
    }
  })

  await t.test('many producers of one window share its group', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const members = ['ann', 'bob', 'cid', 'dot']
    for (const member of members) {
      await addMember(store, member)
      await bringBatch(store, member, batchFiles('model'), { member })
    }
    await Promise.all(members.map((member) => commitBatch(store, member, { member })))
    t.match(await groupsOf(store), [{ files: 4, producers: 4, bytes: 4 * CHUNK_BYTES }])
  })
}

async function testPoolFiles(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('nobody is told of a pool’s files one by one; users are of theirs', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const before = (await store.tailEvents({ after: 0, limit: 1000 })).events.length
    await sendBatch(store, 'batch', batchFiles('a', 'b'))
    await bringBatch(store, 'expires', batchFiles('c'))
    await settleEntries(store, BATCH_END)
    await store.settleStatuses({ copies: 3, limit: 100, now: START })
    const told = (await store.tailEvents({ after: 0, limit: 1000 })).events.slice(before)
    t.strictSame(
      told.map(({ type }) => type),
      ['batch.committed', 'group.opened']
    )
    const history = await store.listHistory({ order: 'newest', limit: 100 })
    t.strictSame(history.records, [], 'nor does the history')
    await addEntry(store, 'ann’s own')
    const { events } = await store.listEvents({ stream: userStream(ANN), after: 0, limit: 10 })
    t.strictSame(
      events.map(({ type }) => type).filter((type) => !type.startsWith('session')),
      ['file.added', 'upload.status']
    )
  })
}
