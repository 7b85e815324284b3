/**
 * `node bench/load.ts [--clients 1000] [--mb 5] [--json FILE] [--profile DIR] [--set section.key=value]`: so many uploads at once, then so many downloads at once, through real processes on this
 * machine (controller, three nodes, one edge; every write synced), each checked by SHA-256. All clients live in this process and take their share of the machine, so
 * the figures say what the machine does with both ends on it.
 */

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { levelRate, loopbackRate, sha256Rate } from './ceilings.ts'
import { downloadHashed, inParallel, percentile, settled, uploadHashed } from './clients.ts'
import type { Uploaded } from './clients.ts'
import { startCluster } from './processes.ts'
import type { BenchCluster, ProcessUse } from './processes.ts'
import { selfTimes } from './self-times.ts'

const MB = 1e6

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '1000' },
    mb: { type: 'string', default: '5' },
    json: { type: 'string' },
    profile: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(
    'load [--clients 1000] [--mb 5] [--json FILE] [--profile DIR: CPU profiles of every process, and the functions of the edge that took longest] [--set section.key=value]'
  )
  process.exit(0)
}
const clients = Number(values.clients)
const size = Number(values.mb) * MB

interface Phase {
  name: string
  mbPerSecond: number
  seconds: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  maxMs: number
  failures: string[]
  cpuSeconds: Record<string, number>
}

/** All at once; a failure is told with what it said, and the others go on. */
async function phase(
  name: string,
  cluster: BenchCluster,
  work: (index: number) => Promise<void>
): Promise<Phase> {
  process.stderr.write(`${name}: ${clients} at once\n`)
  const failures: string[] = []
  const before = cluster.use()
  const startedAt = performance.now()
  const took = await inParallel(clients, clients, async (index) => {
    try {
      await work(index)
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  })
  const seconds = (performance.now() - startedAt) / 1000
  const cpuSeconds = Object.fromEntries(
    cluster.use().map((use, i) => [use.name, use.cpuSeconds - (before[i]?.cpuSeconds ?? 0)])
  )
  return {
    name,
    mbPerSecond: ((clients - failures.length) * size) / MB / seconds,
    seconds,
    p50Ms: percentile(took, 0.5),
    p95Ms: percentile(took, 0.95),
    p99Ms: percentile(took, 0.99),
    maxMs: percentile(took, 1),
    failures,
    cpuSeconds
  }
}

async function measure(cluster: BenchCluster): Promise<{ phases: Phase[]; use: ProcessUse[] }> {
  await uploadHashed(cluster.url, size) // warm-up, not counted
  const stored: Uploaded[] = []
  const up = await phase('uploads', cluster, async (index) => {
    stored[index] = await uploadHashed(cluster.url, size)
  })
  await settled(cluster.url)
  const down = await phase('downloads', cluster, async (index) => {
    const link = stored[index]
    if (link === undefined) throw new Error('it was not uploaded')
    const sha256 = await downloadHashed(link.directUrl)
    if (sha256 !== link.sha256) throw new Error('other bytes came than were sent')
  })
  return { phases: [up, down], use: cluster.use() }
}

const round = (value: number): number => Math.round(value * 10) / 10

function print(
  ceilings: Record<string, number>,
  { phases, use }: { phases: Phase[]; use: ProcessUse[] }
): void {
  console.log(`${cpus().length} cores, Node ${process.version}, 3 nodes, 3 copies, every write synced`)
  const rates = Object.entries(ceilings).map(([name, rate]) => `${name} ${round(rate)}`)
  console.log(`ceilings, MB/s: ${rates.join('; ')}`)
  console.table(
    phases.map(({ failures, cpuSeconds, ...row }) => ({
      ...Object.fromEntries(
        Object.entries(row).map(([key, value]) => [key, typeof value === 'number' ? round(value) : value])
      ),
      failures: failures.length,
      'CPU s': round(Object.values(cpuSeconds).reduce((sum, each) => sum + each, 0))
    }))
  )
  console.table(
    use.map(({ name, peakMb, peakRssMb }) => ({
      process: name,
      'peak anonymous MB': peakMb,
      'peak RSS MB': peakRssMb,
      ...Object.fromEntries(phases.map((each) => [`CPU s, ${each.name}`, round(each.cpuSeconds[name] ?? 0)]))
    }))
  )
  for (const { name, failures } of phases) {
    for (const [text, count] of Object.entries(Object.groupBy(failures, (each) => each)))
      console.log(`${name} failed ${count?.length ?? 0} times: ${text}`)
  }
}

/** The profile of a process is named by its pid. */
function printProfile(folder: string, use: readonly ProcessUse[]): void {
  const pid = use.find(({ name }) => name.startsWith('edge'))?.pid
  const file = readdirSync(folder).find((name) => name.includes(`.${pid}.`))
  if (file === undefined) return
  console.log('functions of the edge by their own time')
  console.table(selfTimes(readFileSync(`${folder}/${file}`, 'utf8'), 25))
}

process.stderr.write('ceilings\n')
const ceilings = {
  'SHA-256 on one core': sha256Rate(1e9),
  'loopback HTTP between two processes': await loopbackRate(1e9),
  'synced LevelDB writes of one process': await levelRate(5e8)
}
const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
const cluster = await startCluster(
  [`edge.uploadBytesMax=${Math.max(size, 10_485_760)}`, 'log.level=warn', ...values.set],
  profile
)
try {
  const report = await measure(cluster)
  print(ceilings, report)
  if (values.json !== undefined)
    writeFileSync(
      values.json,
      `${JSON.stringify({ cores: cpus().length, node: process.version, clients, size, ceilings, ...report }, null, 2)}\n`
    )
  await cluster.stop()
  if (values.profile !== undefined) printProfile(values.profile, report.use)
  process.exitCode = report.phases.some(({ failures }) => failures.length > 0) ? 1 : 0
} finally {
  await cluster.stop()
}
