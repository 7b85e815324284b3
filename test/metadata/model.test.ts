import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { asPeerbinError } from '../../src/errors.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { auditFile } from './audit.ts'
import { wholeInventory } from './model-inventory.ts'
import { lonelyStep, step } from './model-operations.ts'
import { wholeUpload } from './model-uploads.ts'
import { newWorld, observe } from './model-world.ts'
import type { Step, World } from './model-world.ts'

/** Runs: enough to meet most pairs of operations; PEERBIN_MODEL_RUNS asks for more. */
const RUNS = Number(process.env['PEERBIN_MODEL_RUNS'] ?? 30)

/** Well below the limit of the test, so that what was found is told. */
const TIME_LIMIT_MS = process.env['PEERBIN_MODEL_RUNS'] === undefined ? 20_000 : 3_600_000

/** What happens in turn: steps at once, time passing, the file closed and opened again. */
type Turn = { steps: Step[]; atOnce: boolean } | { passMs: number } | 'reopen'

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

/** An answer, or the code of an error, as a value. */
const outcome = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return await promise
  } catch (error) {
    return { rejected: asPeerbinError(error).code }
  }
}

async function play(turns: readonly Turn[], file: string): Promise<void> {
  const model = new MemoryMetadataStore()
  const real = new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger })
  const world: World = newWorld()
  await model.open()
  await real.open()
  try {
    for (const each of turns) {
      if (each === 'reopen') {
        await real.close()
        same(auditFile(file), [])
        await real.open()
      } else if ('passMs' in each) world.now += each.passMs
      else await playSteps(each, world, model, real)
      same(await observe(real, world.now), await observe(model, world.now))
    }
  } finally {
    await real.close()
  }
  const problems = auditFile(file)
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

async function playSteps(
  { steps, atOnce }: { steps: Step[]; atOnce: boolean },
  world: World,
  model: MemoryMetadataStore,
  real: SqliteMetadataStore
): Promise<void> {
  if (!atOnce) {
    for (const each of steps) {
      const call = each(world)
      same(await outcome(call(real)), await outcome(call(model)))
    }
    return
  }
  const calls = steps.map((each) => each(world))
  const expected: unknown[] = []
  for (const call of calls) expected.push(await outcome(call(model)))
  same(await Promise.all(calls.map((call) => outcome(call(real)))), expected)
}

function same(actual: unknown, expected: unknown): void {
  assert.deepStrictEqual(actual, expected) // which shows where they differ
}

t.test('the SQLite store does what the model does, over any operations and reopenings', async (t) => {
  t.setTimeout(TIME_LIMIT_MS + 60_000) // the last run, and its shrinking, are not cut off with their folder taken away
  const folder = mkdtempSync(join(tmpdir(), 'peerbin-model-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  let run = 0
  await fc.assert(
    fc.asyncProperty(game, (turns) => play(turns, join(folder, `${run++}.db`))),
    // a slow machine does fewer runs, and says so by their number; a failure is shrunk no longer than that
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false }
  )
  t.ok(run > 0, `${run} runs`)
})
