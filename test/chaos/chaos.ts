/** `npm run chaos -- [--minutes 10] [--seed S] [--nodes 6] [--report DIR]`: see docs/chaos.md. */

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FAULTS, type FaultKind } from './faults.ts'
import { reportPage } from './page/report-page.ts'
import { reportText } from './report.ts'
import { runChaos } from './run.ts'

const HELP = `chaos: real peerbin processes are killed, paused, cut off and robbed of their disks while files go up and down; then it is checked that nothing was lost

  --minutes N   how long faults happen (default 1)
  --seconds N   the same in seconds
  --seed N      repeats the plan of an earlier run (default: any; the run prints it)
  --nodes N     storage nodes, 3 to 12 (default 5)
  --edges N     HTTP edges (default 2)
  --only LIST   only these faults, with commas between them
  --json FILE   write the report there as JSON
  --html FILE   write the report there as a page with a timeline
  --report DIR  write report.txt, report.json and report.html there

Faults: ${FAULTS.map(({ kind }) => kind).join(', ')}

Runs on this machine only, in a temporary folder. Partitions and the small disk need root. Exits with 1 when an invariant was violated.`

const values = readArguments()

function readArguments() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string' },
        seconds: { type: 'string' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
        nodes: { type: 'string', default: '5' },
        edges: { type: 'string', default: '2' },
        only: { type: 'string' },
        json: { type: 'string' },
        html: { type: 'string' },
        report: { type: 'string' },
        help: { type: 'boolean', default: false }
      }
    }).values
  } catch (error) {
    console.error(`${String(error instanceof Error ? error.message : error)}\n\n${HELP}`)
    process.exit(2)
  }
}
if (values.help) {
  console.log(HELP)
  process.exit(0)
}

function refuse(text: string): never {
  console.error(`chaos: ${text}`)
  process.exit(2)
}

const whole = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  return refuse(`--${name} takes a whole number from ${least} to ${most}, not ${text}`)
}

function secondsAsked(): number {
  if (values.seconds !== undefined) return whole('seconds', values.seconds, 1, 86_400)
  const minutes = Number(values.minutes ?? '1')
  if (minutes > 0 && minutes <= 1440) return Math.max(1, Math.round(minutes * 60))
  return refuse(`--minutes takes a number above 0, at most 1440, not ${values.minutes}`)
}

function faultsAsked(text: string): FaultKind[] {
  return text.split(',').map((name) => {
    const found = FAULTS.find(({ kind }) => kind === name.trim())
    return found === undefined ? refuse(`--only: there is no fault ${name}`) : found.kind
  })
}

const interrupted = new AbortController()
process.once('SIGINT', () => {
  console.error('chaos: interrupted, giving everything back')
  interrupted.abort(new Error('interrupted'))
})

const options = {
  seed: whole('seed', values.seed, 0, 2 ** 31),
  seconds: secondsAsked(),
  nodes: whole('nodes', values.nodes, 3, 12),
  edges: whole('edges', values.edges, 1, 8),
  uploaders: 3,
  signal: interrupted.signal,
  ...(values.only !== undefined && { faults: faultsAsked(values.only) }),
  log: (line: string) => console.log(line)
}
console.log(
  `seed ${options.seed}: ${options.nodes} nodes, ${options.edges} edges, ${options.seconds} s of faults`
)
const report = await runChaos(options)
const text = reportText(report)
console.log(`\n${text}`)

const json = `${JSON.stringify(report, null, 2)}\n`
const page = reportPage(report)
if (values.report !== undefined) {
  await mkdir(values.report, { recursive: true })
  await writeFile(join(values.report, 'report.txt'), `${text}\n`)
  await writeFile(join(values.report, 'report.json'), json)
  await writeFile(join(values.report, 'report.html'), page)
}
if (values.json !== undefined) await writeFile(values.json, json)
if (values.html !== undefined) await writeFile(values.html, page)
process.exitCode = report.violations.length === 0 ? 0 : 1
