/** `npm run chaos -- [--seconds 60] [--seed S] [--nodes 5] [--edges 2] [--json FILE]` */

import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { runChaos } from './run.ts'

const HELP = `chaos: kills peerbin's processes with SIGKILL while files go up and down, and checks that nothing acknowledged is lost

  --seconds N   how long to do so (default 60)
  --seed N      repeats the choices of an earlier run (default: any; the run prints it)
  --nodes N     storage nodes (default 5, at least 3)
  --edges N     HTTP edges (default 2)
  --json FILE   write the report there too

Runs on this machine only, in a temporary folder. Exits with 1 when an invariant was violated.`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    nodes: { type: 'string', default: '5' },
    edges: { type: 'string', default: '2' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const whole = (name: string, text: string, least: number): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  console.error(`chaos: --${name} takes a whole number of at least ${least}, not ${text}`)
  process.exit(2)
}

const options = {
  seed: whole('seed', values.seed, 0),
  seconds: whole('seconds', values.seconds, 1),
  nodes: whole('nodes', values.nodes, 3),
  edges: whole('edges', values.edges, 1),
  uploaders: 3,
  log: (line: string) => console.log(line)
}
console.log(
  `seed ${options.seed}: ${options.nodes} nodes, ${options.edges} edges, ${options.seconds} s of kills`
)
const report = await runChaos(options)
console.log(JSON.stringify(report, null, 2))
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`)
const wrong = report.violations.length
console.log(
  wrong === 0
    ? `seed ${report.seed}: nothing acknowledged was lost, no link had two winners`
    : `seed ${report.seed}: ${wrong} violations`
)
process.exitCode = wrong === 0 ? 0 : 1
