/**
 * `npm test`'s last part: every test file in a process of its own, some beside each other, and one TAP stream of them all. tap's own runner does the same and loads four
 * hooks into each test and into each process that a test starts (another TypeScript, mocks, source maps, coverage), none of which is used here: a third of the processor's time.
 *
 * Arguments are files, or parts of their names: `node scripts/test.ts edge/tus` runs what has that in its path. TEST_JOBS says how many run beside each other.
 */

import { globSync } from 'node:fs'
import { sep } from 'node:path'
import t from 'tap'

/** Tests wait for each other's processes and for clocks as much as they compute: twice the two cores that a small machine has. */
const JOBS = Number(process.env['TEST_JOBS'] ?? 4)
/** A file that is still running then has failed; some set a longer time for themselves. */
const TIMEOUT_MS = 120_000
/** What takes longest begins first, so that nothing long is left to run alone at the end. */
const LONG = ['test/chaos/', 'test/simulator/', 'test/e2e/', 'test/web/', 'test/compose/']

const wanted = process.argv.slice(2)
const files = globSync('test/**/*.test.ts')
  .map((file) => file.split(sep).join('/'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))

if (files.length === 0) throw new Error('no test file has that in its name')

function rank(file: string): number {
  const place = LONG.findIndex((folder) => file.startsWith(folder))
  return place === -1 ? LONG.length : place
}

t.jobs = JOBS
for (const file of files) {
  // tap would hand its hooks on in NODE_OPTIONS
  const { NODE_OPTIONS: _hooks, ...env } = process.env
  void t.spawn('/usr/bin/env', ['-u', 'NODE_OPTIONS', process.execPath, file], {
    name: file,
    externalID: file,
    buffered: true,
    timeout: TIMEOUT_MS,
    env
  })
}
