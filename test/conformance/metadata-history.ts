import type { Test } from 'tap'
import { HISTORY_LATE_MS_MAX } from '../../src/history.ts'
import type { HistoryQuery, HistoryRecord, StoredHistory } from '../../src/history.ts'
import { HISTORY_LOOKED_AT_MAX } from '../../src/metadata/limits.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { EntryId, FileId, HistoryId, SessionId, UserId } from '../../src/types.ts'
import { START, hash } from './metadata-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'

function uuidFor<Id extends string>(name: string): Id {
  const text = hash(`history ${name}`)
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(13, 16)}-8${text.slice(17, 20)}-${text.slice(20, 32)}` as Id
}
export const userOf = (name: string): UserId => uuidFor<UserId>(`user ${name}`)
export const entryOf = (name: string): EntryId => uuidFor<EntryId>(`entry ${name}`)
export const contentOf = (name: string): FileId => uuidFor<FileId>(`content ${name}`)

export const historyRecord = (name: string, fields: Partial<HistoryRecord> = {}): HistoryRecord => ({
  id: uuidFor<HistoryId>(name),
  at: START,
  action: 'download',
  actor: null,
  actorName: null,
  owner: null,
  entry: null,
  version: null,
  file: null,
  path: null,
  bytes: null,
  durationMs: null,
  attempts: null,
  outcome: 'ok',
  address: null,
  session: null,
  detail: null,
  ...fields
})

const ann = userOf('ann')
const bob = userOf('bob')

const list = (store: MetadataStore, query: Partial<HistoryQuery> = {}) =>
  store.listHistory({ order: 'newest', limit: 100, ...query })

/** All pages, by names that were given as paths. */
async function walk(store: MetadataStore, query: Partial<HistoryQuery>, limit: number): Promise<string[]> {
  const found: StoredHistory[] = []
  for (let seq: number | undefined; ;) {
    const { records, next } = await list(store, { ...query, limit, seq })
    found.push(...records)
    if (records.length > limit) throw new Error('a page is longer than asked for')
    if (next === null) return found.map(({ path }) => path ?? '')
    seq = next
  }
}

export async function testHistory(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a record comes back as it was given, with a number that rises', async (t) => {
    const store = await makeStore(t)
    t.strictSame(await list(store), { records: [], next: null })
    const full = historyRecord('full', {
      action: 'upload',
      actor: ann,
      actorName: 'Ann',
      owner: bob,
      entry: entryOf('a'),
      version: 3,
      file: contentOf('a'),
      path: 'a/b.txt',
      bytes: 10,
      durationMs: 20,
      attempts: 2,
      outcome: 'checksum-mismatch',
      address: '10.0.0.7',
      session: uuidFor<SessionId>('session'),
      detail: 'x'
    })
    t.equal(await store.recordHistory([full, historyRecord('bare')]), 2)
    const { records } = await list(store)
    t.match(records, [historyRecord('bare'), full])
    const [bare, first] = records
    t.ok(bare !== undefined && first !== undefined && bare.seq > first.seq && first.seq > 0)
  })

  await t.test('a batch that is sent again is kept once, also in part and within one batch', async (t) => {
    const store = await makeStore(t)
    const a = historyRecord('a')
    const b = historyRecord('b')
    const c = historyRecord('c')
    t.equal(await store.recordHistory([]), 0)
    t.equal(await store.recordHistory([a, b]), 2)
    t.equal(await store.recordHistory([{ ...a, outcome: 'internal' }, b, c, c]), 1)
    t.match((await list(store)).records, [c, b, a])
    t.equal((await list(store)).records.length, 3)
  })

  await t.test('one’s own history is what one did and what was done to what is one’s own', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    const own = ['both', 'ann of bob', 'nobody of ann', 'bob of ann', 'ann alone']
    for (const limit of [1, 2, 3, 100]) {
      t.strictSame(await walk(store, { of: ann }, limit), own, `pages of ${limit}`)
      t.strictSame(await walk(store, { of: ann, order: 'oldest' }, limit), own.toReversed())
      t.strictSame(await walk(store, { of: ann, action: 'delete' }, limit), ['bob of ann'])
      t.strictSame(await walk(store, { action: 'delete' }, limit), ['bob', 'bob of ann'])
      t.strictSame(await walk(store, { file: entryOf('a') }, limit), ['both', 'bob of ann'])
      t.strictSame(await walk(store, { file: entryOf('a'), of: bob }, limit), ['bob of ann'])
      t.strictSame(await walk(store, { file: contentOf('a') }, limit), ['nobody of ann'])
      t.strictSame(await walk(store, { file: entryOf('none') }, limit), [])
    }
    t.equal((await walk(store, {}, 2)).length, 7)
  })

  await t.test('a time is found by when things happened, however late they were told', async (t) => {
    const store = await makeStore(t)
    const hour = HISTORY_LATE_MS_MAX
    // in the order in which they were told
    const at = { a: 0, b: 1, late: 0, c: 2, later: 1.5, d: 3, e: 6 }
    for (const [path, hours] of Object.entries(at))
      await store.recordHistory([
        historyRecord(path, { path, at: START + hours * hour, actor: ann, action: 'login' })
      ])
    for (const query of [
      {},
      { of: ann },
      { action: 'login' as const },
      { of: ann, action: 'login' as const }
    ])
      for (const limit of [1, 100]) {
        const within = (from?: number, to?: number, order: 'newest' | 'oldest' = 'newest') =>
          walk(
            store,
            {
              ...query,
              order,
              from: from === undefined ? undefined : START + from * hour,
              to: to === undefined ? undefined : START + to * hour
            },
            limit
          )
        t.strictSame(await within(1, 2), ['later', 'b'], 'the end is not in it')
        t.strictSame(await within(1, 2, 'oldest'), ['b', 'later'])
        t.strictSame(await within(undefined, 1), ['late', 'a'])
        t.strictSame(await within(3), ['e', 'd'])
        t.strictSame(await within(7), [])
        t.strictSame(await within(4, 5), [])
      }
  })

  await t.test('a page looks at a bounded number of records, and goes on from there', async (t) => {
    const store = await makeStore(t)
    const rare = historyRecord('rare', { path: 'rare', action: 'logout', owner: ann })
    await store.recordHistory([rare])
    const count = HISTORY_LOOKED_AT_MAX + 10
    for (let from = 0; from < count; from += 200)
      await store.recordHistory(
        Array.from({ length: 200 }, (_, i) => historyRecord(`${from + i}`, { actor: ann }))
      )
    const first = await list(store, { of: ann, action: 'logout', limit: 10 })
    t.strictSame(first.records, [], 'and not beyond where one of two walks has come to')
    t.type(first.next, 'number')
    t.strictSame(await walk(store, { of: ann, action: 'logout' }, 10), ['rare'])
    t.strictSame(await walk(store, { action: 'logout' }, 10), ['rare'])
  })

  await t.test('of many the newest are kept, in steps', async (t) => {
    const store = await makeStore(t)
    for (const path of ['a', 'b', 'c', 'd', 'e']) await store.recordHistory([historyRecord(path, { path })])
    t.equal(await store.trimHistory(5, 10), 0)
    t.equal(await store.trimHistory(2, 2), 2)
    t.strictSame(await walk(store, {}, 10), ['e', 'd', 'c'])
    t.equal(await store.trimHistory(2, 2), 1)
    t.equal(await store.trimHistory(2, 2), 0)
    t.strictSame(await walk(store, {}, 10), ['e', 'd'])
  })

  await t.test('what is old is forgotten in steps, the oldest first', async (t) => {
    const store = await makeStore(t)
    for (const path of ['c', 'a', 'b', 'd'])
      await store.recordHistory([historyRecord(path, { path, at: START + path.charCodeAt(0), actor: ann })])
    const before = START + 'd'.charCodeAt(0)
    const last = (await list(store)).records[0]?.seq ?? NaN
    t.equal(await store.purgeHistory(before, 2), 2)
    t.strictSame(await walk(store, { of: ann }, 10), ['d', 'c'])
    t.equal(await store.purgeHistory(before, 2), 1)
    t.equal(await store.purgeHistory(before, 2), 0)
    t.equal(await store.purgeHistory(before + 1, 2), 1)
    t.strictSame(await walk(store, {}, 10), [])
    await store.recordHistory([historyRecord('new')])
    t.match((await list(store)).records, [{ seq: last + 1 }], 'numbers are not given out again')
  })
}

async function fill(store: MetadataStore): Promise<void> {
  const records: Array<[string, Partial<HistoryRecord>]> = [
    ['ann alone', { actor: ann, action: 'login' }],
    ['bob of ann', { actor: bob, owner: ann, entry: entryOf('a'), action: 'delete' }],
    ['bob', { actor: bob, owner: bob, entry: entryOf('b'), action: 'delete' }],
    ['nobody of ann', { owner: ann, file: contentOf('a'), action: 'link.download' }],
    ['ann of bob', { actor: ann, owner: bob, entry: entryOf('b') }],
    ['nobody', { file: contentOf('c'), action: 'link.download' }],
    ['both', { actor: ann, owner: ann, entry: entryOf('a') }]
  ]
  for (const [path, fields] of records) await store.recordHistory([historyRecord(path, { path, ...fields })])
}
