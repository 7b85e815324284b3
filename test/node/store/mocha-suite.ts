/** Runs a suite that was written for mocha and `aegir/chai` as subtests of tap: what interface-blockstore-tests needs, and no more. */

import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import type { Test } from 'tap'

type Step = () => Promise<void> | void

interface Suite {
  name: string
  cases: Array<{ name: string; run: Step }>
  before: Step[]
  after: Step[]
}

const EXPECT = 'aegir/chai'
// the published suite imports this although it does not depend on it; aegir is a whole build system
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === EXPECT
      ? { url: new URL('./chai-expect.ts', import.meta.url).href, shortCircuit: true }
      : next(specifier, context)
})

/** Collects what `define` describes, then runs it under `t`. @returns how many cases there were */
export async function runMochaSuite(t: Test, define: () => void): Promise<number> {
  const suites: Suite[] = []
  const current = (): Suite => suites.at(-1) ?? assert.fail('outside of describe')
  Object.assign(globalThis, {
    describe: (name: string, body: () => void) => {
      suites.push({ name, cases: [], before: [], after: [] })
      body()
    },
    it: (name: string, run: Step) => current().cases.push({ name, run }),
    beforeEach: (run: Step) => current().before.push(run),
    afterEach: (run: Step) => current().after.push(run)
  })
  define()
  for (const suite of suites) {
    await t.test(suite.name, async (t) => {
      for (const { name, run } of suite.cases) {
        await t.test(name, async () => {
          for (const step of suite.before) await step()
          try {
            await run()
          } finally {
            for (const step of suite.after) await step()
          }
        })
      }
    })
  }
  return suites.reduce((sum, suite) => sum + suite.cases.length, 0)
}
