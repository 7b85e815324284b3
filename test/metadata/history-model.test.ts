/** The history of both stores, over any records and questions: the pages are the same, to the last number. */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { HISTORY_LATE_MS_MAX } from '../../src/history.ts'
import type { HistoryQuery, HistoryRecord } from '../../src/history.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { START } from '../conformance/metadata-fixture.ts'
import { contentOf, entryOf, historyRecord, userOf } from '../conformance/metadata-history.ts'

const RUNS = Number(process.env['PEERBIN_MODEL_RUNS'] ?? 25)

const user = fc.constantFrom(null, userOf('a'), userOf('b'))
const entry = fc.constantFrom(null, entryOf('a'), entryOf('b'))
const action = fc.constantFrom('login' as const, 'download' as const, 'upload.status' as const)
const at = fc.nat(8).map((halves) => START + (halves * HISTORY_LATE_MS_MAX) / 2)

const record: fc.Arbitrary<HistoryRecord> = fc
  .record({
    name: fc.nat(60),
    actor: user,
    owner: user,
    entry,
    file: fc.constantFrom(null, contentOf('a')),
    action,
    at
  })
  .map(({ name, ...fields }) => historyRecord(String(name), fields))

const maybe = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(some, { nil: undefined, freq: 2 })

const query: fc.Arbitrary<HistoryQuery> = fc.record({
  of: maybe(fc.constantFrom(userOf('a'), userOf('b'))),
  file: maybe(fc.constantFrom(entryOf('a'), contentOf('a'))),
  action: maybe(action),
  from: maybe(at),
  to: maybe(at),
  seq: maybe(fc.nat(80)),
  order: fc.constantFrom('newest' as const, 'oldest' as const),
  limit: fc.constantFrom(1, 2, 5, 100)
})

type Step = (store: MetadataStore) => Promise<unknown>
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(record, { maxLength: 40 }).map(
      (records): Step =>
        (store) =>
          store.recordHistory(records)
    )
  },
  {
    weight: 10,
    arbitrary: query.map(
      (each): Step =>
        (store) =>
          store.listHistory(each)
    )
  },
  {
    weight: 1,
    arbitrary: fc.tuple(at, fc.nat(5)).map(
      ([before, limit]): Step =>
        (store) =>
          store.purgeHistory(before, limit)
    )
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(40), fc.nat(5)).map(
      ([keep, limit]): Step =>
        (store) =>
          store.trimHistory(keep, limit)
    )
  }
)

t.test('both stores answer alike', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      const model = new MemoryMetadataStore()
      const real = new SqliteMetadataStore({
        file: ':memory:',
        operationsWaitingMax: 100,
        logger: silentLogger
      })
      await Promise.all([model.open(), real.open()])
      try {
        for (const each of steps) assert.deepStrictEqual(await each(real), await each(model))
      } finally {
        await real.close()
      }
    }),
    { numRuns: RUNS }
  )
  t.pass(`${RUNS} runs`)
})
