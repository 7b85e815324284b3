/**
 * The last part of `npm test`: every test file in a process of its own, or with its small neighbours, some beside each other, as one TAP stream (in a terminal: a line for each file, and
 * what failed). tap's own runner has a process for each file, and loads four hooks into each test (another TypeScript, mocks, source maps, coverage),
 * none of which is used here: half a second of a processor for each file.
 *
 * Arguments are parts of paths: `node scripts/test.ts edge/tus` runs the files that have that in theirs. TEST_JOBS says how many run beside each other.
 */

import { globSync } from 'node:fs'
import { basename, dirname, sep } from 'node:path'
import t from 'tap'
import { bundle } from './bundle.ts'

/** Tests wait for each other's processes and for clocks as much as they compute: twice the two cores that a small machine has. */
const JOBS = Number(process.env['TEST_JOBS'] ?? 4)
/** A file that says nothing of its own about time has failed when it still runs then. */
const TIMEOUT_S = 120
/** Tests with many processes, or a browser, the longest first: spread over the run, since several of them at once starve each other's clusters. */
const HEAVY = ['test/chaos/', 'test/e2e/', 'test/web/', 'test/edge/browser']
/** Folders whose tests neither need a process to themselves nor a browser: scripts/test-group.ts runs some in one process, since to load the product costs more than most of them. */
const TOGETHER = [
  'test/bundle',
  'test/cli',
  'test/client',
  'test/cluster',
  'test/compose',
  'test/controller',
  'test/controller/accounts',
  'test/controller/inventory',
  'test/controller/recovery',
  'test/controller/repair',
  'test/controller/snapshots',
  'test/edge/accounts',
  'test/edge/files',
  'test/edge/history',
  'test/edge/http',
  'test/edge/limits',
  'test/edge/user-files',
  'test/metadata',
  'test/network',
  'test/node',
  'test/node/store',
  'test/protocol',
  'test/runtime'
]
/** Few enough that what one of them spoils is found, and that the last ones do not run alone for long. */
const TOGETHER_MAX = 8
/** Tests that start processes as a checkout does; the others start the bundle, in half the time, and package.test.ts starts what is published. */
const AS_IT_IS = ['test/e2e/join.test.ts']

const GROUP = 'scripts/test-group.ts'

const wanted = process.argv.slice(2)
const found = globSync('test/**/*.test.ts')
  .map((file) => file.split(sep).join('/'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted((a, b) => (a < b ? -1 : 1))
const heavy = HEAVY.flatMap((start) => found.filter((file) => file.startsWith(start))).map((file) => [file])
const light = grouped(found.filter((file) => !heavy.flat().includes(file)))
const between = Math.ceil(light.length / Math.max(1, heavy.length))
const runs = heavy.flatMap((file, i) => [file, ...light.slice(i * between, (i + 1) * between)])
if (heavy.length === 0) runs.push(...light)
if (runs.length === 0) throw new Error('no test file has that in its path')

const program = await bundle()

if (process.stdout.isTTY) tellPerson()
t.setTimeout(0) // each file has its own
t.jobs = JOBS
for (const files of runs) {
  const [file = ''] = files
  const name =
    files.length === 1 ? file : `${dirname(file)}: ${basename(file)} to ${basename(files.at(-1) ?? '')}`
  // tap hands its hooks on in NODE_OPTIONS
  void t.spawn('/usr/bin/env', ['-u', 'NODE_OPTIONS', process.execPath, files.length === 1 ? file : GROUP], {
    name,
    externalID: name,
    buffered: true,
    timeout: TIMEOUT_S * 1000 * files.length,
    env: {
      ...process.env,
      TAP_TIMEOUT: String(TIMEOUT_S),
      TEST_FILES: files.join(' '),
      ...(!AS_IT_IS.includes(file) && { TEST_PROGRAM: program })
    }
  })
}

/** Neighbours that may run in one process, together; all others by themselves. */
function grouped(files: readonly string[]): string[][] {
  const folders = Map.groupBy(files, (file) => (TOGETHER.includes(dirname(file)) ? dirname(file) : file))
  return [...folders.values()].flatMap((neighbours) => {
    const groups = Math.ceil(neighbours.length / TOGETHER_MAX)
    const size = Math.ceil(neighbours.length / groups)
    return Array.from({ length: groups }, (_, i) => neighbours.slice(i * size, (i + 1) * size))
  })
}

/** In place of TAP, whose twenty thousand lines are for programs. */
function tellPerson(): void {
  t.register()
  t.resume()
  let ended = 0
  t.on('subtestEnd', ({ name, time, results }) => {
    const { ok = false, failures = [] } = results ?? {}
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${++ended}/${runs.length} ${name} (${Math.round(time ?? 0)} ms)`)
    for (const { name: what } of failures) console.log(`         ${what}`)
    if (!ok) console.log(`         all of it: npx node ${name.endsWith('.ts') ? name : 'FILE'}`)
  })
  t.on('complete', ({ ok, pass, fail, skip }) => {
    console.log(`${ok ? 'All passed' : 'Not all passed'}: ${pass} passed, ${fail} failed, ${skip} skipped`)
  })
}
