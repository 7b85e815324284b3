/**
 * Runs several test files in one process, one after the other, each as a subtest with its path for a name: most of what a small test file costs is to load the product, which is loaded
 * once here. TEST_FILES are their paths, with a space between two: arguments would be in the names of all folders that tap makes for tests.
 *
 * What a file imports as `t` (or `test`) of 'tap' is its own subtest in place of the root, so that its tests, comments, teardown and timeout are its own.
 */

import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'

const TIMEOUT_MS = Number(process.env['TAP_TIMEOUT'] ?? 120) * 1000
const SCHEME = 'tap-of:'
const subtests = new Map<string, Test>()
Object.defineProperty(globalThis, Symbol.for(SCHEME), { value: subtests })

registerHooks({
  resolve(specifier, context, next) {
    const from = context.parentURL ?? ''
    if (specifier !== 'tap' || !subtests.has(from)) return next(specifier, context)
    return { url: `${SCHEME}${from}`, format: 'module', shortCircuit: true }
  },
  load(url, context, next) {
    if (!url.startsWith(SCHEME)) return next(url, context)
    const own = JSON.stringify(url.slice(SCHEME.length))
    const found = `globalThis[Symbol.for(${JSON.stringify(SCHEME)})].get(${own})`
    const source = `const t = ${found}; export default t; export const test = t.test.bind(t)`
    return { format: 'module', source, shortCircuit: true }
  }
})

t.setTimeout(0) // each file has its own
for (const file of (process.env['TEST_FILES'] ?? '').split(' '))
  void t.test(file, { timeout: TIMEOUT_MS }, async (t) => {
    const url = pathToFileURL(resolve(file)).href
    subtests.set(url, t)
    await import(url)
  })
