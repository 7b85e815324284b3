/** Batches: announced, sent, committed in whole or not at all, and what becomes of their files. */

import type { Test } from 'tap'
import { hasCode } from '../../src/errors.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { poolOwner } from '../../src/pools.ts'
import type { BatchFileState } from '../../src/pools.ts'
import { userId } from './account-fixture.ts'
import { settleEntries } from './entry-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { CHUNK_BYTES, START, rejectsWith } from './metadata-fixture.ts'
import {
  poolId,
  batchId,
  POOL,
  WINDOW_MS,
  FREQUENCY_MS,
  POOL_GRACE_MS,
  SETTINGS,
  addMember,
  poolEvents,
  poolEventTypes,
  BATCH_END,
  batchFile,
  batchFiles,
  openBatch,
  declareFiles,
  bringFile,
  bringBatch,
  commitBatch,
  sendBatch,
  poolOfTwo,
  groupsOf,
  namesIn
} from './pool-fixture.ts'

const FAR = START + 10_000_000

const statesOf = async (store: MetadataStore, name: string, request = {}): Promise<BatchFileState[]> =>
  (await store.listBatchFiles({ pool: POOL, batch: batchId(name), limit: 100, ...request })).map(
    ({ state }) => state
  )

/** Which error, and which file it names. */
async function refusal(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise])
  if (outcome?.status !== 'rejected') return 'none'
  const reason: unknown = outcome.reason
  return hasCode(reason, 'batch-incomplete') ||
    hasCode(reason, 'file-conflict') ||
    hasCode(reason, 'duplicate-file')
    ? [reason.code, reason.details]
    : reason
}

export async function testBatches(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('opening', async (t) => await testOpening(t, makeStore))
  await t.test('announcing', async (t) => await testAnnouncing(t, makeStore))
  await t.test('committing', async (t) => await testCommitting(t, makeStore))
}

async function testOpening(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a batch is opened once', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const files = batchFiles('a', 'b')
    const batch = await openBatch(store, 'batch', files)
    t.match(batch, { id: batchId('batch'), pool: POOL, member: userId('ann'), state: 'open', files: 2 })
    t.match(batch, { declared: 0, duplicates: 0, openedAt: START, expiresAt: BATCH_END, committedAt: null })
    t.strictSame(await openBatch(store, 'batch', files), batch)
    t.strictSame(await store.getBatch(POOL, batchId('batch')), batch)
    t.equal(await store.getBatch(POOL, batchId('other')), undefined)
    t.equal(await store.getBatch(poolId('other'), batchId('batch')), undefined)
    await rejectsWith(t, openBatch(store, 'batch', batchFiles('c')), 'batch-conflict')
    await rejectsWith(t, openBatch(store, 'batch', files, { member: 'bob' }), 'batch-conflict')
  })

  await t.test('only those who may send open one, in a pool that takes files in', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    await addMember(store, 'lee', 'listener')
    await addMember(store, 'sue', 'server')
    const files = batchFiles('a')
    for (const member of ['lee', 'sue', 'nobody'])
      await rejectsWith(t, openBatch(store, member, files, { member }), 'permission-denied')
    t.match(await openBatch(store, 'olga', files, { member: 'olga' }), { state: 'open' }, 'an owner')
    await rejectsWith(t, openBatch(store, 'batch', files, { pool: poolId('other') }), 'pool-unknown')
    await store.changePool({ id: POOL, state: 'archived', now: START })
    await rejectsWith(t, openBatch(store, 'batch', files), 'pool-archived')
    await store.changePool({ id: POOL, state: 'deleting', now: START })
    await rejectsWith(t, openBatch(store, 'batch', files), 'pool-unknown')
  })

  await t.test('so many of one member are open', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const open = (name: string, member = 'ann') =>
      openBatch(store, name, batchFiles('a'), { openMax: 2, member })
    await open('1')
    await open('2')
    await rejectsWith(t, open('3'), 'batches-full')
    t.match(await open('2'), { state: 'open' })
    t.match(await open('4', 'bob'), { state: 'open' })
    await store.abandonBatch({ pool: POOL, batch: batchId('1'), now: START })
    t.match(await open('3'), { state: 'open' })
    const outcomes = await Promise.allSettled(['5', '6', '7'].map((name) => open(name, 'bob')))
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  })

  await t.test('one that was given up is opened anew', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const files = batchFiles('a', 'b')
    await openBatch(store, 'batch', files)
    await declareFiles(store, 'batch', files)
    await bringFile(store, 'batch', batchFile('a'), { expiresAt: START + 10 })
    const abandon = () => store.abandonBatch({ pool: POOL, batch: batchId('batch'), now: START })
    t.equal(await abandon(), true)
    t.equal(await abandon(), false)
    await rejectsWith(t, declareFiles(store, 'batch', files), 'batch-closed')
    await rejectsWith(t, commitBatch(store, 'batch'), 'batch-closed')
    t.match(await store.getBatch(POOL, batchId('batch')), { state: 'abandoned' })
    t.match(await openBatch(store, 'batch', files), { state: 'open', declared: 0, duplicates: 0 })
    await declareFiles(store, 'batch', files)
    t.strictSame(await statesOf(store, 'batch'), ['stored', 'declared'], 'what is left of it counts')
    await settleEntries(store, START + 11)
    t.strictSame(await statesOf(store, 'batch'), ['stored', 'declared'], 'and lives on')
  })
}

async function testAnnouncing(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('files are announced in pages, each of which may come again', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const files = batchFiles('a', ['b', { at: START + 1, metadata: { round: '7' } }], 'c')
    await openBatch(store, 'batch', files)
    t.match(await declareFiles(store, 'batch', files.slice(0, 2)), { declared: 2, duplicates: 0 })
    t.match(await declareFiles(store, 'batch', files.slice(1)), { declared: 3, duplicates: 0 })
    t.match(await declareFiles(store, 'batch', files), { declared: 3 })
    t.match(await declareFiles(store, 'batch', []), { declared: 3 })
    const listed = await store.listBatchFiles({ pool: POOL, batch: batchId('batch'), limit: 10 })
    t.strictSame(
      listed,
      files.map((file) => ({ ...file, state: 'declared' }))
    )
    const page = await store.listBatchFiles({ pool: POOL, batch: batchId('batch'), after: 0, limit: 1 })
    t.strictSame(
      page.map(({ index }) => index),
      [1]
    )
  })

  await t.test('what cannot be is refused, and changes nothing', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const files = batchFiles('a', 'b', 'c')
    await openBatch(store, 'batch', files)
    await declareFiles(store, 'batch', files.slice(0, 1))
    const twice = batchFile('a', { index: 2, content: 'whatever' })
    t.strictSame(await refusal(declareFiles(store, 'batch', [batchFile('b', { index: 1 }), twice])), [
      'duplicate-file',
      { index: 2, name: 'a' }
    ])
    const pair = [batchFile('b', { index: 1 }), batchFile('b', { index: 2 })]
    t.strictSame(await refusal(declareFiles(store, 'batch', pair)), [
      'duplicate-file',
      { index: 2, name: 'b' }
    ])
    t.match(await store.getBatch(POOL, batchId('batch')), { declared: 1 })
    await rejectsWith(t, declareFiles(store, 'batch', [batchFile('z')]), 'batch-conflict', 'another file')
    await rejectsWith(t, declareFiles(store, 'batch', [batchFile('d', { index: 3 })]), 'batch-conflict')
    await rejectsWith(t, declareFiles(store, 'other', files), 'batch-unknown')
    await rejectsWith(t, declareFiles(store, 'batch', files, { member: 'bob' }), 'batch-unknown')
    t.match(await declareFiles(store, 'batch', [batchFile('a', { index: 1, at: START + 1 })]), {
      declared: 2
    })
  })

  await t.test('a file that was sent before is a duplicate, if it has the same bytes', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    await sendBatch(store, 'first', batchFiles('a', 'b'))
    const files = batchFiles('a', 'c')
    await openBatch(store, 'second', files)
    t.match(await declareFiles(store, 'second', files), { declared: 2, duplicates: 1 })
    t.strictSame(await statesOf(store, 'second'), ['duplicate', 'declared'])
    t.strictSame(await statesOf(store, 'second', { missing: true }), ['declared'])
    const changed = batchFiles('c', ['b', { content: 'changed' }])
    await openBatch(store, 'third', changed)
    t.strictSame(await refusal(declareFiles(store, 'third', changed)), [
      'file-conflict',
      { index: 1, name: 'b' }
    ])
    // another time, or another member: another file
    const others = batchFiles(['a', { at: START + 1 }], 'b')
    await openBatch(store, 'fourth', others, { member: 'bob' })
    t.match(await declareFiles(store, 'fourth', others, { member: 'bob' }), { duplicates: 0 })
  })

  await t.test('bytes count once they are there, and are those that were announced', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const files = batchFiles('a', 'b', 'c')
    await openBatch(store, 'batch', files)
    await declareFiles(store, 'batch', files)
    await bringFile(store, 'batch', batchFile('a'))
    await bringFile(store, 'batch', batchFile('b', { index: 1 }), { content: 'other bytes' })
    t.strictSame(await statesOf(store, 'batch'), ['stored', 'declared', 'declared'])
    t.strictSame(await statesOf(store, 'batch', { missing: true }), ['declared', 'declared'])
    t.strictSame(await statesOf(store, 'batch', { missing: true, limit: 1 }), ['declared'])
    t.strictSame(await statesOf(store, 'batch', { missing: true, after: 1 }), ['declared'])
  })

  await t.test('a batch that goes on lives on, with its bytes', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const files = batchFiles('a', 'b')
    await openBatch(store, 'batch', files)
    await declareFiles(store, 'batch', files)
    await bringFile(store, 'batch', batchFile('a'))
    const later = BATCH_END + 1000
    const request = { pool: POOL, batch: batchId('batch'), member: userId('ann') }
    t.match(await store.declareFiles({ ...request, files: [], expiresAt: later }), { expiresAt: later })
    t.match(await store.declareFiles({ ...request, files: [], expiresAt: START }), { expiresAt: later })
    await settleEntries(store, BATCH_END)
    t.strictSame(await statesOf(store, 'batch'), ['stored', 'declared'])
    await settleEntries(store, later)
    t.strictSame(await statesOf(store, 'batch'), ['declared', 'declared'])
  })
}

async function testCommitting(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a batch is committed in whole, once, and its files stay', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const now = START + 7
    const files = batchFiles('a', ['b', { at: START + 1, metadata: { round: '7' } }])
    const batch = await sendBatch(store, 'batch', files, { now })
    t.match(batch, { state: 'committed', committedAt: now, files: 2, declared: 2, duplicates: 0 })
    t.strictSame(await commitBatch(store, 'batch', { now: now + 5 }), batch, 'again')
    t.strictSame(await openBatch(store, 'batch', files), batch, 'announced again')
    t.strictSame(await store.getBatch(POOL, batchId('batch')), batch)
    t.equal(await store.abandonBatch({ pool: POOL, batch: batchId('batch'), now }), false)
    await rejectsWith(t, declareFiles(store, 'batch', files), 'batch-closed')
    await settleEntries(store, FAR)
    t.strictSame(await statesOf(store, 'batch'), ['stored', 'stored'])
    const [group, ...more] = await groupsOf(store)
    t.strictSame(more, [])
    t.match(group, { pool: POOL, start: START, end: START + WINDOW_MS, generation: 0, isLate: false })
    t.match(group, { state: 'open', openedAt: now, closesAt: START + WINDOW_MS + POOL_GRACE_MS })
    t.match(group, { files: 2, bytes: 2 * CHUNK_BYTES, producers: 1, fence: 0, attempts: 0 })
    if (group === undefined) return
    const listed = await store.listGroupFiles({ group: group.id, limit: 10 })
    t.match(listed, [
      { name: 'a', at: START, batch: batchId('batch'), member: userId('ann'), memberName: 'ann' },
      { name: 'b', at: START + 1, metadata: { round: '7' } }
    ])
    for (const { entry, sha256 } of listed)
      t.match(await store.getEntry(entry), {
        owner: poolOwner(POOL),
        expiresAt: null,
        current: { sha256 }
      })
    t.match(await store.getMembership(POOL, userId('ann')), { member: { lastSentAt: now } })
    t.strictSame((await poolEventTypes(store)).slice(3), ['batch.committed', 'group.opened'])
    t.strictSame((await poolEvents(store))[3]?.data, {
      batch: batchId('batch'),
      member: userId('ann'),
      member_name: 'ann',
      files: 2,
      bytes: 2 * CHUNK_BYTES,
      duplicates: 0,
      groups: 1
    })
    t.match((await poolEvents(store))[4], { subject: group.id, data: { group: group.id, files: 2 } })
  })

  await t.test('one that lacks a file is not committed, and nothing of it is seen', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const files = batchFiles('a', 'b', 'c')
    await openBatch(store, 'batch', files)
    t.strictSame(await refusal(commitBatch(store, 'batch')), ['batch-incomplete', { index: 0 }])
    await declareFiles(
      store,
      'batch',
      files.filter(({ index }) => index !== 1)
    )
    t.strictSame(await refusal(commitBatch(store, 'batch')), ['batch-incomplete', { index: 1 }])
    await declareFiles(store, 'batch', files)
    for (const file of files.slice(0, 2)) await bringFile(store, 'batch', file)
    t.strictSame(await refusal(commitBatch(store, 'batch')), ['batch-incomplete', { index: 2 }])
    t.match(await store.getBatch(POOL, batchId('batch')), { state: 'open', committedAt: null })
    t.strictSame(await groupsOf(store), [])
    t.match(await store.getMembership(POOL, userId('ann')), { member: { lastSentAt: null } })
    t.strictSame((await poolEventTypes(store)).slice(3), [])
    for (const file of files.slice(2)) await bringFile(store, 'batch', file)
    t.match(await commitBatch(store, 'batch'), { state: 'committed' })
  })

  await t.test('who may not send any more commits nothing', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    await bringBatch(store, 'ann', batchFiles('a'))
    await bringBatch(store, 'bob', batchFiles('b'), { member: 'bob' })
    const now = START + 1
    await rejectsWith(t, commitBatch(store, 'ann', { member: 'bob' }), 'batch-unknown')
    await rejectsWith(t, commitBatch(store, 'other'), 'batch-unknown')
    await store.changeMember({ pool: POOL, user: userId('ann'), role: 'listener', now })
    await rejectsWith(t, commitBatch(store, 'ann'), 'permission-denied')
    await store.removeMember({ pool: POOL, user: userId('bob'), now })
    await rejectsWith(t, commitBatch(store, 'bob', { member: 'bob' }), 'permission-denied')
    t.match(await store.getBatch(POOL, batchId('bob')), { state: 'abandoned' }, 'what was open is given up')
    await addMember(store, 'bob')
    await rejectsWith(t, commitBatch(store, 'bob', { member: 'bob' }), 'batch-closed')
    await store.changeMember({ pool: POOL, user: userId('ann'), role: 'owner', now })
    await store.changePool({ id: POOL, state: 'archived', now })
    await rejectsWith(t, commitBatch(store, 'ann'), 'pool-archived')
    await store.changePool({ id: POOL, state: 'active', now })
    t.match(await commitBatch(store, 'ann'), { state: 'committed' })
    await store.changePool({ id: POOL, state: 'archived', now })
    t.match(await commitBatch(store, 'ann'), { state: 'committed' }, 'a repeat answers as before')
  })

  await t.test('a file that another batch has committed meanwhile is a duplicate', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    await bringBatch(store, 'one', batchFiles('a', 'b'))
    await bringBatch(store, 'two', batchFiles('b', 'c'))
    await bringBatch(store, 'three', batchFiles('d', ['b', { content: 'b' }]))
    await store.abandonBatch({ pool: POOL, batch: batchId('three'), now: START })
    const changed = batchFiles('d', ['b', { content: 'changed' }])
    await openBatch(store, 'four', changed)
    await declareFiles(store, 'four', changed)
    await bringFile(store, 'four', batchFile('d'))
    await bringFile(store, 'four', batchFile('b', { index: 1 }), { content: 'changed' })
    t.match(await commitBatch(store, 'one'), { duplicates: 0 })
    t.match(await commitBatch(store, 'two'), { duplicates: 1, state: 'committed' })
    t.match(await store.getBatch(POOL, batchId('two')), { duplicates: 1 })
    t.strictSame(await statesOf(store, 'two'), ['duplicate', 'stored'])
    t.strictSame(await refusal(commitBatch(store, 'four')), ['file-conflict', { index: 1, name: 'b' }])
    const [group] = await groupsOf(store)
    t.match(group, { files: 3, producers: 1, bytes: 3 * CHUNK_BYTES })
    if (group !== undefined) t.strictSame(await namesIn(store, group), ['a', 'b', 'c'])
    const used = await store.usedSpace(`user:${poolOwner(POOL)}`)
    await settleEntries(store, START + 1)
    t.equal(await store.usedSpace(`user:${poolOwner(POOL)}`), used - CHUNK_BYTES, 'its bytes go')
  })

  await t.test('a batch of nothing but duplicates is committed too', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    await sendBatch(store, 'one', batchFiles('a', 'b'))
    t.match(await sendBatch(store, 'two', batchFiles('b', 'a'), { now: START + 1 }), { duplicates: 2 })
    t.equal((await groupsOf(store))[0]?.files, 2)
    t.match((await poolEvents(store)).at(-1), { type: 'batch.committed', data: { duplicates: 2, groups: 0 } })
    t.match(await store.getMembership(POOL, userId('ann')), { member: { lastSentAt: START + 1 } })
  })

  await t.test('who sends is silent no more', async (t) => {
    const store = await poolOfTwo(t, makeStore)
    const now = START + FREQUENCY_MS
    const settle = async (at: number) => {
      while ((await store.settlePools({ now: at, limit: 100, graceMs: 0 })) > 0);
      return (await store.listMembers({ pool: POOL, silent: true, limit: 10 })).map(({ name }) => name)
    }
    t.strictSame(await settle(now - 1), [])
    await sendBatch(store, 'batch', batchFiles(['a', { at: now }]), { now: now - 1 })
    t.strictSame(await settle(now), ['bob'])
    t.match(await store.getMembership(POOL, userId('bob')), { member: { silentSince: now } })
    const later = now + FREQUENCY_MS
    t.strictSame((await settle(later)).toSorted(), ['ann', 'bob'])
    await sendBatch(store, 'again', batchFiles(['b', { at: later }]), { now: later, member: 'bob' })
    t.strictSame(await settle(later), ['ann'])
    await store.changePool({ id: POOL, settings: { ...SETTINGS, frequencyMs: FREQUENCY_MS * 2 }, now: later })
    t.strictSame(await settle(later), [], 'measured by the new frequency')
    t.strictSame(await settle(later + FREQUENCY_MS), ['ann'])
    await store.changePool({ id: POOL, state: 'archived', now: later })
    t.strictSame(await settle(FAR), [], 'whoever cannot send is not silent')
  })
}
