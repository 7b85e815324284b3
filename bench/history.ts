/**
 * `node bench/history.ts [--rounds 6] [--small 400] [--large 24] [--clients 16]`: whether the history slows transfers. Two clusters of real processes on this machine, which differ in
 * one thing: the edge of one keeps a single record and drops the others, so that next to none is sent and stored. Rounds of downloads go to one and the other in turn, so that
 * whatever else the machine does meets both; what is told is the ratio. Small files are the worst case: a record for each kilobyte.
 */

import { parseArgs } from 'node:util'
import { download, inParallel, percentile, settled, upload } from './clients.ts'
import { startCluster } from './processes.ts'
import type { BenchCluster } from './processes.ts'

const MB = 1e6
const SMALL_BYTES = 1024
const LARGE_BYTES = 5 * MB

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    small: { type: 'string', default: '400' },
    large: { type: 'string', default: '24' },
    clients: { type: 'string', default: '16' },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(
    'history [--rounds 6] [--small 400: downloads of 1 kB in a round] [--large 24: of 5 MB] [--clients 16]'
  )
  process.exit(0)
}
const clients = Number(values.clients)

const SETTINGS = ['edge.ratePerMinute=10000000', 'log.level=error']

/** Downloads of one round, each of a link of its own; per second. */
async function round({ url }: BenchCluster, count: number, bytes: number): Promise<number> {
  const links: string[] = []
  await inParallel(clients, count, async (index) => {
    links[index] = await upload(url, bytes)
  })
  await settled(url)
  const startedAt = performance.now()
  await inParallel(clients, count, async (index) => {
    await download(links[index] ?? '')
  })
  return count / ((performance.now() - startedAt) / 1000)
}

interface Compared {
  downloads: string
  'without, /s': number
  'with, /s': number
  /** Of the medians. */
  ratio: number
  'CPU s of the controller, without': number
  'CPU s of the controller, with': number
}

const cpuOf = (cluster: BenchCluster): number =>
  cluster
    .use()
    .filter(({ name }) => name.startsWith('controller'))
    .reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)

async function compare(
  without: BenchCluster,
  with_: BenchCluster,
  count: number,
  bytes: number
): Promise<Compared> {
  const rates = { without: [] as number[], with: [] as number[] }
  const before = [cpuOf(without), cpuOf(with_)] as const
  for (let i = 0; i < Number(values.rounds); i++) {
    process.stderr.write(`round ${i + 1} of ${values.rounds}: ${count} downloads of ${bytes / MB} MB\n`)
    // in turn first, so that neither is always the one that finds the machine at rest
    const turns = [
      async () => void rates.without.push(await round(without, count, bytes)),
      async () => void rates.with.push(await round(with_, count, bytes))
    ]
    for (const turn of i % 2 === 0 ? turns : turns.toReversed()) await turn()
  }
  const median = { without: percentile(rates.without, 0.5), with: percentile(rates.with, 0.5) }
  const round2 = (value: number): number => Math.round(value * 100) / 100
  return {
    downloads: `${bytes / MB} MB`,
    'without, /s': round2(median.without),
    'with, /s': round2(median.with),
    ratio: round2(median.with / median.without),
    'CPU s of the controller, without': round2(cpuOf(without) - before[0]),
    'CPU s of the controller, with': round2(cpuOf(with_) - before[1])
  }
}

const without = await startCluster([...SETTINGS, 'history.waitingMax=1'], [])
try {
  const with_ = await startCluster(SETTINGS, [])
  try {
    for (const each of [without, with_]) await round(each, clients, SMALL_BYTES) // warm-up, not counted
    console.table([
      await compare(without, with_, Number(values.small), SMALL_BYTES),
      await compare(without, with_, Number(values.large), LARGE_BYTES)
    ])
  } finally {
    await with_.stop()
  }
} finally {
  await without.stop()
}
