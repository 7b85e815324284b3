/** What the programs beside `npm run chaos` share: options, a time limit, a cluster of processes on 127.0.0.1, and a verdict of one line. */

import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ChaosCluster } from './cluster.ts'
import { askStatus, isAlive, isWhole } from './status.ts'
import { pause, until } from './scene.ts'
import { LoopbackWiring } from './wiring.ts'

/** Six processes and more start at once, on a machine that may be busy. */
const READY_TIMEOUT_MS = 600_000
const SAMPLE_MS = 200

export interface NumberOption {
  readonly what: string
  readonly default: number
  readonly least: number
  readonly most: number
}

/** Every program has these two. */
const COMMON = {
  seed: { what: 'repeats the course of an earlier run', default: 1, least: 0, most: 2 ** 31 },
  'time-limit': { what: 'seconds; longer is a failure', default: 7200, least: 10, most: 86_400 }
} satisfies Record<string, NumberOption>

/** Reads whole numbers from the command line; `--help` ends the process with 0, a mistake with 2. */
export function readOptions<K extends string>(
  program: string,
  summary: string,
  options: Readonly<Record<K, NumberOption>>
): Record<K | keyof typeof COMMON, number> {
  const all: Readonly<Record<string, NumberOption>> = { ...options, ...COMMON }
  const { values } = parseArgs({
    options: {
      ...Object.fromEntries(Object.keys(all).map((name) => [name, { type: 'string' as const }])),
      help: { type: 'boolean' as const, default: false }
    }
  })
  const given: Readonly<Record<string, string | boolean | undefined>> = values
  if (given['help'] === true) {
    const lines = Object.entries(all).map(
      ([name, option]) => `  --${name} N`.padEnd(20) + `${option.what} (default ${option.default})`
    )
    console.log(`node test/chaos/${program}.ts\n\n${summary}\n\n${lines.join('\n')}\n`)
    console.log(
      'Real processes in a temporary folder, on 127.0.0.1 only. Ends with a line that says PASS or FAIL, and with 0 or 1.'
    )
    process.exit(0)
  }
  const numbers: Record<string, number> = {}
  for (const [name, option] of Object.entries(all)) {
    const value = Number(given[name] ?? option.default)
    if (!Number.isInteger(value) || value < option.least || value > option.most) {
      console.error(`${program}: --${name} takes a whole number from ${option.least} to ${option.most}`)
      process.exit(2)
    }
    numbers[name] = value
  }
  return numbers as Record<K | keyof typeof COMMON, number> // each of them was read above
}

/** What went wrong, and a line that sums the run up. */
export interface Verdict {
  readonly problems: readonly string[]
  readonly summary: string
}

/** Runs `work` on a ready cluster within the time limit, gives everything back, prints the verdict and sets the exit code. Data and logs of a failure are kept. */
export async function runProgram(
  program: string,
  options: { nodes: number; edges: number; settings: readonly string[]; timeLimitSeconds: number },
  work: (cluster: ChaosCluster) => Promise<Verdict>
): Promise<void> {
  const startedAt = performance.now()
  const deaths: string[] = []
  const folder = await mkdtemp(join(tmpdir(), `peerbin-${program}-`))
  const cluster = await ChaosCluster.make({
    folder,
    nodes: options.nodes,
    edges: options.edges,
    settings: options.settings,
    wiring: new LoopbackWiring('all on one network'),
    onDeath: ({ name }, { code, signal }) => deaths.push(`${name} died by itself: ${signal ?? code}`)
  })
  const ended = Promise.withResolvers<never>()
  const limit = setTimeout(
    () => ended.reject(new Error(`not done within ${options.timeLimitSeconds} s`)),
    options.timeLimitSeconds * 1000
  )
  const onInterrupt = (): void => ended.reject(new Error('interrupted'))
  process.once('SIGINT', onInterrupt).once('SIGTERM', onInterrupt)
  ended.promise.catch(() => undefined) // it may come when nobody waits any more
  let verdict: Verdict
  try {
    cluster.start()
    verdict = await Promise.race([
      ended.promise,
      (async () => {
        if (!(await isReady(cluster, options.nodes))) throw new Error('the cluster was not ready in time')
        return await work(cluster)
      })()
    ])
  } catch (error) {
    verdict = { problems: [error instanceof Error ? error.message : String(error)], summary: 'not finished' }
  } finally {
    clearTimeout(limit)
    await cluster.stop()
  }
  const problems = [...verdict.problems, ...deaths]
  for (const problem of problems.slice(0, 50)) console.log(`  ${problem}`)
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  if (problems.length === 0) await rm(folder, { recursive: true, force: true })
  else console.log(`data and logs are kept in ${folder}`)
  console.log(
    `${problems.length === 0 ? 'PASS' : 'FAIL'} ${program}: ${verdict.summary}; ${problems.length} problems, ${seconds} s`
  )
  process.exit(problems.length === 0 ? 0 : 1) // requests that were given up may still wait
}

const isReady = async (cluster: ChaosCluster, nodes: number): Promise<boolean> =>
  await until(READY_TIMEOUT_MS, async () => {
    const edges = await Promise.all(cluster.directUrls.map(isAlive))
    return edges.every(Boolean) && isWhole(await askStatus(cluster.directUrls), nodes)
  })

/** Anonymous memory of processes over time, in MB: what the program allocates, without files that the system keeps in memory. */
export class MemorySampler {
  readonly #pids: () => Record<string, number | undefined>
  readonly #peaks = new Map<string, { first: number; last: number }>()
  #half: 'first' | 'last' = 'first'
  #running = true
  readonly #loop: Promise<void>

  constructor(pids: () => Record<string, number | undefined>) {
    this.#pids = pids
    this.#loop = this.#sample()
  }

  /** From now on the second half is measured. */
  secondHalf(): void {
    this.#half = 'last'
  }

  async #sample(): Promise<void> {
    while (this.#running) {
      for (const [name, pid] of Object.entries(this.#pids())) {
        if (pid === undefined) continue
        const peak = this.#peaks.get(name) ?? { first: 0, last: 0 }
        peak[this.#half] = Math.max(peak[this.#half], anonymousMb(pid))
        this.#peaks.set(name, peak)
      }
      await pause(SAMPLE_MS)
    }
  }

  /** Peaks of both halves of the run. */
  async stop(): Promise<Map<string, { first: number; last: number }>> {
    this.#running = false
    await this.#loop
    return this.#peaks
  }
}

/** RssAnon of proc(5); 0 for a process that has gone, and where there is no such thing. */
function anonymousMb(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Math.round(Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}
