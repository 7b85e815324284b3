/**
 * `node bench/recovery.ts [--files N] [--manifests N] [--quick] [--json FILE]`: what snapshots and notes cost uploads and redemptions, and how long a recovery takes.
 *
 * The cost is measured through real processes on this machine, with and without, in turn, and given as a ratio: compare nothing else. A recovery is measured with
 * nodes and controller in this one process, all metadata made by the real store and all manifests by the real code.
 */

import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { download, inParallel, percentile, upload } from './clients.ts'
import { startCluster } from './processes.ts'
import { recoveryTime } from './recovery-time.ts'
import type { RecoveryTime } from './recovery-time.ts'

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '100000' },
    manifests: { type: 'string', default: '10000' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(
    'recovery [--files N: recovered from a snapshot] [--manifests N: from manifests alone] [--quick: a tenth of the work] [--json FILE]'
  )
  process.exit(0)
}
const scale = values.quick ? 0.1 : 1
const times = (count: number): number => Math.max(1, Math.round(count * scale))

const CLIENTS = 16
const FILE_BYTES = 10_000
const FILES = times(1500)
const ROUNDS = values.quick ? 1 : 3

const SETTINGS = [
  'edge.ratePerMinute=10000000',
  'log.level=warn',
  // the snapshots are what is measured, not the collector
  'link.graceMs=600000'
]

interface Rates {
  uploadsPerSecond: number
  redemptionsPerSecond: number
  redemptionP50Ms: number
  redemptionP99Ms: number
  controllerCpuSeconds: number
}

async function rates(snapshots: boolean): Promise<Rates> {
  const cluster = await startCluster([...SETTINGS, `snapshot.nodes=${snapshots ? 3 : 0}`])
  try {
    const cpu = (): number =>
      cluster.use().find(({ name }) => name === 'controller')?.cpuSeconds ?? Number.NaN
    const links: string[] = []
    await inParallel(CLIENTS, 100, async () => void (await upload(cluster.url, FILE_BYTES))) // warm-up
    const cpuBefore = cpu()
    const upStart = performance.now()
    await inParallel(CLIENTS, FILES, async (index) => {
      links[index] = await upload(cluster.url, FILE_BYTES)
    })
    const upSeconds = (performance.now() - upStart) / 1000
    const downStart = performance.now()
    const took = await inParallel(CLIENTS, FILES, async (index) => void (await download(links[index] ?? '')))
    const downSeconds = (performance.now() - downStart) / 1000
    return {
      uploadsPerSecond: FILES / upSeconds,
      redemptionsPerSecond: FILES / downSeconds,
      redemptionP50Ms: percentile(took, 0.5),
      redemptionP99Ms: percentile(took, 0.99),
      controllerCpuSeconds: cpu() - cpuBefore
    }
  } finally {
    await cluster.stop()
  }
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

/** In turn, so that a machine that grows slower makes both slower. */
async function cost(): Promise<{ on: Rates[]; off: Rates[] }> {
  const on: Rates[] = []
  const off: Rates[] = []
  for (let round = 0; round < ROUNDS; round++) {
    process.stderr.write(`uploads and redemptions, round ${round + 1} of ${ROUNDS}\n`)
    off.push(await rates(false))
    on.push(await rates(true))
  }
  return { on, off }
}

function printCost({ on, off }: { on: Rates[]; off: Rates[] }): void {
  const keys = Object.keys(on[0] ?? {}) as Array<keyof Rates>
  console.table(
    keys.map((key) => {
      const [withSnapshots, without] = [on, off].map((all) => median(all.map((rate) => rate[key])))
      return {
        what: key,
        without: without?.toFixed(1),
        'with snapshots and notes': withSnapshots?.toFixed(1),
        ratio: ((withSnapshots ?? 0) / (without ?? 1)).toFixed(2)
      }
    })
  )
}

function printRecovery(all: readonly RecoveryTime[]): void {
  console.table(
    all.map((one) => ({
      from: one.from,
      files: one.files,
      'metadata MB': (one.metadataBytes / 1e6).toFixed(1),
      'snapshot on a node MB': (one.snapshotBytes / 1e6).toFixed(1),
      'shipping it s': (one.shippedMs / 1000).toFixed(1),
      'recovery s': (one.recoveryMs / 1000).toFixed(1),
      'of that looking for nodes s': (one.gatherMs / 1000).toFixed(1),
      'first download after s': (one.servingMs / 1000).toFixed(1)
    }))
  )
}

const report = { cost: await cost(), recovery: [] as RecoveryTime[] }
printCost(report.cost)
process.stderr.write('recovery from a snapshot\n')
report.recovery.push(await recoveryTime({ files: times(Number(values.files)), snapshot: true }))
process.stderr.write('recovery from manifests alone\n')
report.recovery.push(await recoveryTime({ files: times(Number(values.manifests)), snapshot: false }))
printRecovery(report.recovery)
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
