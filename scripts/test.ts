/**
 * The last part of `npm test`: every test file in a process of its own, some beside each other, as one TAP stream (in a terminal: a line for each file, and what failed). tap's own
 * runner does the same, and loads four hooks into each test (another TypeScript, mocks, source maps, coverage), none of which is used here: half a second of a processor for each file.
 *
 * Arguments are parts of paths: `node scripts/test.ts edge/tus` runs the files that have that in theirs. TEST_JOBS says how many run beside each other.
 */

import { globSync } from 'node:fs'
import { sep } from 'node:path'
import t from 'tap'

/** Tests wait for each other's processes and for clocks as much as they compute: twice the two cores that a small machine has. */
const JOBS = Number(process.env['TEST_JOBS'] ?? 4)
/** A file that says nothing of its own about time has failed when it still runs then. */
const TIMEOUT_S = 120
/** Tests with many processes, or a browser, the longest first: spread over the run, since several of them at once starve each other's clusters. */
const HEAVY = ['test/chaos/', 'test/e2e/', 'test/web/', 'test/edge/browser']

const wanted = process.argv.slice(2)
const found = globSync('test/**/*.test.ts')
  .map((file) => file.split(sep).join('/'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted((a, b) => (a < b ? -1 : 1))
const heavy = HEAVY.flatMap((start) => found.filter((file) => file.startsWith(start)))
const light = found.filter((file) => !heavy.includes(file))
const between = Math.ceil(light.length / Math.max(1, heavy.length))
const files = heavy.flatMap((file, i) => [file, ...light.slice(i * between, (i + 1) * between)])
if (heavy.length === 0) files.push(...light)
if (files.length === 0) throw new Error('no test file has that in its path')

if (process.stdout.isTTY) tellPerson()
t.setTimeout(0) // each file has its own
t.jobs = JOBS
for (const file of files) {
  // tap hands its hooks on in NODE_OPTIONS
  void t.spawn('/usr/bin/env', ['-u', 'NODE_OPTIONS', process.execPath, file], {
    name: file,
    externalID: file,
    buffered: true,
    timeout: TIMEOUT_S * 1000,
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT_S) }
  })
}

/** In place of TAP, whose twenty thousand lines are for programs. */
function tellPerson(): void {
  t.register()
  t.resume()
  let ended = 0
  t.on('subtestEnd', ({ name, time, results }) => {
    const { ok = false, failures = [] } = results ?? {}
    console.log(
      `${ok ? 'ok    ' : 'FAILED'} ${++ended}/${files.length} ${name} (${Math.round(time ?? 0)} ms)`
    )
    for (const { name: what } of failures) console.log(`         ${what}`)
    if (!ok) console.log(`         all of it: npx node ${name}`)
  })
  t.on('complete', ({ ok, pass, fail, skip }) => {
    console.log(`${ok ? 'All passed' : 'Not all passed'}: ${pass} passed, ${fail} failed, ${skip} skipped`)
  })
}
