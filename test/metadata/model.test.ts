import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { wholeInventory } from './model-inventory.ts'
import { lonelyStep, step } from './model-operations.ts'
import { play } from './model-play.ts'
import type { Turn } from './model-play.ts'
import { wholeUpload } from './model-uploads.ts'
import { observe } from './model-world.ts'

/** Runs: enough to meet most pairs of operations; PEERBIN_MODEL_RUNS asks for more. */
const RUNS = Number(process.env['PEERBIN_MODEL_RUNS'] ?? 20)

/** Well below the limit of the test, so that what was found is told. */
const TIME_LIMIT_MS = process.env['PEERBIN_MODEL_RUNS'] === undefined ? 12_000 : 3_600_000

const turn: fc.Arbitrary<Turn> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.array(step, { minLength: 1, maxLength: 6 }).map((steps) => ({ steps, atOnce: true }))
  },
  { weight: 10, arbitrary: wholeUpload().map((steps) => ({ steps, atOnce: false })) },
  { weight: 3, arbitrary: wholeInventory.map((steps) => ({ steps, atOnce: false })) },
  { weight: 6, arbitrary: lonelyStep.map((each) => ({ steps: [each], atOnce: false })) },
  { weight: 5, arbitrary: fc.constantFrom(10, 400, 1000, 4000).map((passMs) => ({ passMs })) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) }
)

/** Some files are there from the beginning, so that links and garbage are met early. */
const game: fc.Arbitrary<Turn[]> = fc
  .tuple(
    fc.tuple(...['a', 'b', 'c'].map((name) => wholeUpload(fc.constant(name)))),
    fc.array(turn, { minLength: 5, maxLength: 50, size: 'max' })
  )
  .map(([files, turns]) => [...files.map((steps) => ({ steps, atOnce: false })), ...turns])

t.test('the SQLite store does what the model does, over any operations and reopenings', async (t) => {
  t.setTimeout(TIME_LIMIT_MS + 60_000) // the last run, and its shrinking, are not cut off with their folder taken away
  const folder = mkdtempSync(join(tmpdir(), 'peerbin-model-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  let run = 0
  await fc.assert(
    fc.asyncProperty(game, (turns) => play(turns, observe, join(folder, `${run++}.db`))),
    // a slow machine does fewer runs, and says so by their number; a failure is shrunk no longer than that
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false }
  )
  t.ok(run > 0, `${run} runs`)
})
