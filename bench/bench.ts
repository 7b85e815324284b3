/**
 * `npm run bench [-- --quick] [--json FILE] [--profile DIR]`: upload, download and redemption through real processes on this
 * machine, three nodes, every write synced, beside what the machine could do at best, measured in the same run.
 *
 * An upload counts until no copy is owed any more; the time to the acknowledgement stands beside it. Figures of one run can be compared
 * with one another; figures of different machines or days cannot, so quote the shares of the ceilings.
 */

import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { levelRate, sha256Rate, streamRate } from './ceilings.ts'
import { download, inParallel, percentile, settled, upload } from './clients.ts'
import { type BenchCluster, type ProcessUse, startCluster } from './processes.ts'
import { measureRepair, printRepair } from './repair.ts'
import { type Row, printReport } from './report.ts'

const MB = 1e6
/** Uploaded before a node is killed. */
const REPAIR_BYTES = 1200 * MB

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    profile: { type: 'string' },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(
    'bench [--quick: a tenth of the work] [--json FILE] [--profile DIR: write CPU profiles of every process]'
  )
  process.exit(0)
}

const scale = values.quick ? 0.1 : 1
const times = (count: number): number => Math.max(1, Math.round(count * scale))

/** No limit of the default configuration should be what is measured. */
const SETTINGS = [
  'edge.uploadBytesMax=1000000000',
  'edge.ratePerMinute=10000000',
  'link.graceMs=1000',
  'log.level=warn'
]

interface Usage {
  cpuSecondsPerGb: Record<string, number>
}

function cpuPerGb(before: ProcessUse[], after: ProcessUse[], bytes: number): Usage {
  const entries = after.map((use, index): [string, number] => [
    use.name,
    (use.cpuSeconds - (before[index]?.cpuSeconds ?? 0)) / (bytes / 1e9)
  ])
  return { cpuSecondsPerGb: Object.fromEntries(entries) }
}

function row(
  name: string,
  bytes: number,
  seconds: number,
  took: number[],
  usage: Usage,
  extra: Partial<Row> = {}
): Row {
  return {
    name,
    mbPerSecond: bytes / MB / seconds,
    perSecond: took.length / seconds,
    p50Ms: percentile(took, 0.5),
    p95Ms: percentile(took, 0.95),
    p99Ms: percentile(took, 0.99),
    ...usage,
    ...extra
  }
}

/** `count` files of `size` bytes up and down again, `clients` at once. */
async function transfers(
  cluster: BenchCluster,
  clients: number,
  size: number,
  count: number
): Promise<Row[]> {
  const name = `${clients} client${clients > 1 ? 's' : ''}, ${size / MB} MB`
  process.stderr.write(`${name}: ${count} files\n`)
  const links: string[] = []
  const beforeUp = cluster.use()
  const upStart = performance.now()
  const upTimes = await inParallel(clients, count, async (index) => {
    links[index] = await upload(cluster.url, size)
  })
  const acknowledged = (performance.now() - upStart) / 1000
  await settled(cluster.url)
  const upSeconds = (performance.now() - upStart) / 1000
  const afterUp = cluster.use()

  const downStart = performance.now()
  const downTimes = await inParallel(clients, count, async (index) => {
    const bytes = await download(links[index] ?? '')
    if (bytes !== size) throw new Error(`a download brought ${bytes} bytes instead of ${size}`)
  })
  const downSeconds = (performance.now() - downStart) / 1000
  const bytes = size * count
  return [
    row(`upload, ${name}`, bytes, upSeconds, upTimes, cpuPerGb(beforeUp, afterUp, bytes), {
      acknowledgedMbPerSecond: bytes / MB / acknowledged,
      ceiling: 'level'
    }),
    row(`download, ${name}`, bytes, downSeconds, downTimes, cpuPerGb(afterUp, cluster.use(), bytes), {
      ceiling: 'stream'
    })
  ]
}

/** Small files redeemed as fast as it goes: what a redemption itself costs. */
async function redemptions(cluster: BenchCluster, clients: number, count: number): Promise<Row> {
  const links: string[] = []
  await inParallel(16, count, async (index) => {
    links[index] = await upload(cluster.url, 1024)
  })
  const before = cluster.use()
  const start = performance.now()
  const took = await inParallel(clients, count, async (index) => {
    await download(links[index] ?? '')
  })
  const seconds = (performance.now() - start) / 1000
  return row(
    `redemptions of 1 kB, ${clients} clients`,
    count * 1024,
    seconds,
    took,
    cpuPerGb(before, cluster.use(), count * 1024)
  )
}

/** Memory of the edge with 64 transfers at once. */
async function manyAtOnce(cluster: BenchCluster): Promise<Row[]> {
  return await transfers(cluster, 64, 20 * MB, 64)
}

async function run(): Promise<void> {
  process.stderr.write('ceilings\n')
  const ceilings = {
    sha256: sha256Rate(times(2e9)),
    stream: await streamRate(Math.ceil(times(1e9) / 262_144) * 262_144),
    level: await levelRate(times(1e9))
  }
  const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
  const rows: Row[] = []
  const cluster = await startCluster(SETTINGS, profile)
  try {
    await transfers(cluster, 4, 5 * MB, 8) // warm-up, not counted
    rows.push(...(await transfers(cluster, 1, 5 * MB, times(40))))
    rows.push(...(await transfers(cluster, 8, 5 * MB, times(160))))
    rows.push(...(await transfers(cluster, 1, 100 * MB, times(8))))
    rows.push(...(await transfers(cluster, 8, 100 * MB, times(16))))
    rows.push(await redemptions(cluster, 16, times(2000)))
    const peakBefore = cluster.use()
    rows.push(...(await manyAtOnce(cluster)))
    const report = {
      cores: cpus().length,
      node: process.version,
      ceilings,
      rows,
      peakMbBefore64: peakBefore,
      peakMb: cluster.use()
    }
    printReport(report)
    await cluster.stop()
    process.stderr.write('repair of a dead node\n')
    const repair = await measureRepair(times(REPAIR_BYTES))
    printRepair(repair)
    process.stderr.write('many at once: `node bench/load.ts` does 1000\n')
    const load = join(import.meta.dirname, 'load.ts')
    const { status } = spawnSync(process.execPath, [load, '--clients', String(times(200))], {
      stdio: 'inherit'
    })
    if (status !== 0) process.exitCode = 1 // it has said which transfers failed
    if (values.json !== undefined) {
      await writeFile(values.json, `${JSON.stringify({ ...report, repair }, null, 2)}\n`)
    }
  } finally {
    await cluster.stop()
  }
}

await run()
