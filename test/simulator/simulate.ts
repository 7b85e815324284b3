/**
 * `npm run simulate -- --seed S --schedules N`: N schedules from one seed. `--schedule K` replays one of them, and prints what happened in it.
 * Ends with 1 when an invariant was violated, after saying which, where, and how to see it again.
 */

import { parseArgs } from 'node:util'
import type { Logger } from '../../src/interfaces.ts'
import { PLANTED } from './planted/planted.ts'
import { SCENARIOS } from './plan.ts'
import { runSchedule, type ScheduleReport } from './schedule.ts'

const HELP = `node test/simulator/simulate.ts [options]

  --seed S          default 1
  --scenario NAME   ${SCENARIOS.join(', ')}; default: share
  --schedules N     how many; default 100
  --schedule K      only this one, with its events
  --from K          the first one; default 1
  --no-faults       only what clients do by themselves
  --no-strict       leftovers on disks are no violation
  --no-clean        full replication is not awaited
  --plant NAME      with a planted bug: ${Object.keys(PLANTED).join(', ')}
  --keep-going      does not end at the first violation
  --log             what the processes log, with --schedule
  --json            one line of JSON per schedule
`

const values = readArguments()

function readArguments() {
  try {
    return parseArgs({
      allowNegative: true,
      options: {
        seed: { type: 'string', default: '1' },
        scenario: { type: 'string', default: 'share' },
        schedules: { type: 'string', default: '100' },
        schedule: { type: 'string' },
        from: { type: 'string', default: '1' },
        faults: { type: 'boolean', default: true },
        strict: { type: 'boolean', default: true },
        clean: { type: 'boolean', default: true },
        plant: { type: 'string' },
        'keep-going': { type: 'boolean', default: false },
        log: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false }
      }
    }).values
  } catch (error) {
    console.error(`${String(error instanceof Error ? error.message : error)}\n\n${HELP}`)
    process.exit(2)
  }
}

function whole(name: string, text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Error(`--${name} takes a whole number`)
}

const consoleLogger = (fields: object = {}): Logger => {
  const write =
    (level: string) =>
    (message: string, more: object = {}): void =>
      console.log(level, message, { ...fields, ...more })
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (more) => consoleLogger({ ...fields, ...more })
  }
}

/** Events that are told of a violation; all of them with `--schedule`. */
const TOLD_MAX = 60

function describe(report: ScheduleReport, only: boolean): string {
  const { seed, schedule, violation, events, hash, plan } = report
  const lines = [
    `seed ${seed}, schedule ${schedule}, hash ${hash}`,
    JSON.stringify(plan),
    ...(only ? events : events.slice(-TOLD_MAX)),
    violation === undefined ? 'no violation' : `violated: ${violation.invariant}: ${violation.text}`
  ]
  if (violation !== undefined && values.schedule === undefined)
    lines.push(`again: npm run simulate -- --seed ${seed} --schedule ${schedule}`)
  return lines.join('\n')
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const seed = whole('seed', values.seed)
  const only = values.schedule === undefined ? undefined : whole('schedule', values.schedule)
  const first = only ?? whole('from', values.from)
  const last = only ?? first + whole('schedules', values.schedules) - 1
  const plant = values.plant === undefined ? undefined : PLANTED[values.plant]
  if (values.plant !== undefined && plant === undefined) throw new Error(`no such bug: ${values.plant}`)
  const scenario = SCENARIOS.find((name) => name === values.scenario)
  if (scenario === undefined) throw new Error(`no such scenario: ${values.scenario}`)
  const began = performance.now()
  const sums = { schedules: 0, files: 0, acknowledged: 0, faults: 0, timers: 0, leftovers: 0, violations: 0 }
  const played: Record<string, number> = {}
  for (let schedule = first; schedule <= last; schedule++) {
    const report = await runSchedule({
      ...(plant === undefined && { scenario }),
      seed,
      schedule,
      faults: values.faults,
      strict: values.strict,
      clean: values.clean,
      stacks: only !== undefined,
      ...(plant && { planted: plant.plant() }),
      ...(values.log && only !== undefined && { logger: consoleLogger() })
    })
    sums.schedules++
    sums.files += report.files
    sums.acknowledged += report.acknowledged
    sums.timers += report.timers
    sums.leftovers += report.leftovers
    for (const [act, count] of Object.entries(report.played)) played[act] = (played[act] ?? 0) + count
    sums.faults += Object.values(report.faults).reduce((sum, count) => sum + count, 0)
    if (report.violation !== undefined) sums.violations++
    const perSecond = (sums.schedules / (performance.now() - began)) * 1000
    if (values.json) console.log(JSON.stringify(report))
    else if (only !== undefined || report.violation !== undefined)
      console.log(describe(report, only !== undefined))
    else if (process.stdout.isTTY)
      process.stdout.write(
        `\r${sums.schedules} of ${last - first + 1} schedules, ${perSecond.toFixed(1)} a second, ${sums.violations} violations `
      )
    if (report.violation !== undefined && !values['keep-going']) return 1
  }
  const seconds = (performance.now() - began) / 1000
  if (process.stdout.isTTY && !values.json) process.stdout.write('\n')
  if (!values.json)
    console.log(
      `${sums.schedules} schedules of seed ${seed} in ${seconds.toFixed(1)} s (${(sums.schedules / seconds).toFixed(1)} a second): ` +
        `${sums.files} files sent, ${sums.acknowledged} acknowledged, ${sums.faults} faults, ${sums.timers} events, ` +
        `${sums.leftovers} leftovers, ${sums.violations} violations`
    )
  if (!values.json && scenario !== 'share') console.log(JSON.stringify(played))
  return sums.violations > 0 ? 1 : 0
}

process.exitCode = await main()
