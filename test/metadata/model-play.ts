/** One game: the same operations on the model and on the real store. */

import assert from 'node:assert/strict'
import { asPeerbinError } from '../../src/errors.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { auditFile } from './audit.ts'
import { newWorld } from './model-world.ts'
import type { Step, World } from './model-world.ts'

/** What happens in turn: steps at once, time passing, the file closed and opened again. */
export type Turn = { steps: Step[]; atOnce: boolean } | { passMs: number } | 'reopen'

/** Everything that can be asked, as one value. */
type Observe = (store: MetadataStore, now: number) => Promise<unknown>

/** An answer, or the code of an error, as a value. */
const outcome = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return await promise
  } catch (error) {
    return { rejected: asPeerbinError(error).code }
  }
}

/** Plays on both stores, and compares every answer, and all that can be seen after each turn. */
export async function play(turns: readonly Turn[], observe: Observe, file: string): Promise<void> {
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
