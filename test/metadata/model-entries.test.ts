import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { entryStep, failing, observeEntries, wholeEntry } from './model-entries.ts'
import { blockStep, observeBlocks, wholeBlock, wholeFromBlocks } from './model-blocks.ts'
import { condemn, purge, settle } from './model-garbage.ts'
import { play } from './model-play.ts'
import type { Turn } from './model-play.ts'

/** As in model.test.ts. */
const RUNS = Number(process.env['PEERBIN_MODEL_RUNS'] ?? 12)
const TIME_LIMIT_MS = process.env['PEERBIN_MODEL_RUNS'] === undefined ? 5000 : 3_600_000

const together = fc.oneof(
  { weight: 6, arbitrary: entryStep },
  { weight: 3, arbitrary: blockStep },
  { weight: 2, arbitrary: settle },
  { weight: 1, arbitrary: condemn },
  { weight: 1, arbitrary: purge }
)

const turn: fc.Arbitrary<Turn> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.array(together, { minLength: 1, maxLength: 5 }).map((steps) => ({ steps, atOnce: true }))
  },
  { weight: 10, arbitrary: wholeEntry.map((steps) => ({ steps, atOnce: false })) },
  { weight: 5, arbitrary: wholeBlock.map((steps) => ({ steps, atOnce: false })) },
  { weight: 5, arbitrary: wholeFromBlocks.map((steps) => ({ steps, atOnce: false })) },
  { weight: 2, arbitrary: failing.map((steps) => ({ steps, atOnce: false })) },
  { weight: 3, arbitrary: fc.constantFrom(10, 400, 1000).map((passMs) => ({ passMs })) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) }
)

const game = fc
  .tuple(
    fc.array(wholeEntry, { minLength: 3, maxLength: 3 }),
    fc.array(turn, { minLength: 5, maxLength: 40, size: 'max' })
  )
  .map(([files, turns]) => [...files.map((steps) => ({ steps, atOnce: false })), ...turns])

const observe = async (store: MetadataStore): Promise<unknown> => [
  await observeEntries(store),
  await observeBlocks(store)
]

t.test('with users’ files too the SQLite store does what the model does', async (t) => {
  t.setTimeout(TIME_LIMIT_MS + 60_000)
  const folder = mkdtempSync(join(tmpdir(), 'peerbin-model-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  let run = 0
  await fc.assert(
    fc.asyncProperty(game, (turns) => play(turns, observe, join(folder, `${run++}.db`))),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false }
  )
  t.ok(run > 0, `${run} runs`)
})
