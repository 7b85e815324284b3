/**
 * A chaos run: clients upload and redeem while processes are killed and started again; then everything heals, every acknowledged file
 * is asked for, and the ledger is checked.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askStatus, redeem, uploadFile } from './clients.ts'
import { type ChaosCluster, type ChaosProcess, startChaosCluster } from './cluster.ts'
import { type FileEntry, type Violation, checkLedger } from './ledger.ts'
import { Dice } from './random.ts'

export interface ChaosOptions {
  seed: number
  seconds: number
  nodes: number
  edges: number
  uploaders: number
  log: (line: string) => void
}

export interface ChaosReport {
  seed: number
  seconds: number
  kills: Record<string, number>
  uploads: { acknowledged: number; unknown: number; refused: number }
  redeemedDuring: number
  /** Simultaneous requests for one link, in all. */
  redeemers: number
  bytesAcknowledged: number
  healedAfterMs: number
  violations: Violation[]
}

const READY_TIMEOUT_MS = 40_000
const HEAL_TIMEOUT_MS = 120_000
const REDEEM_TIMEOUT_MS = 60_000
const SIZE_MAX = 9_000_000

const pause = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

async function until(what: string, timeoutMs: number, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await pause(200)
  }
}

class ChaosRun {
  readonly #options: ChaosOptions
  readonly #cluster: ChaosCluster
  readonly #dice: Dice
  readonly #files: FileEntry[] = []
  readonly #kills: Record<string, number> = { controller: 0, node: 0, edge: 0 }
  #index = 0
  #stopping = false

  constructor(options: ChaosOptions, cluster: ChaosCluster) {
    this.#options = options
    this.#cluster = cluster
    this.#dice = new Dice(options.seed)
  }

  async run(): Promise<ChaosReport> {
    const { nodes, urls } = this.#cluster
    await until('the cluster is ready', READY_TIMEOUT_MS, async () => this.#healthy(nodes.length))
    const startedAt = performance.now()
    const actors = [
      ...Array.from({ length: this.#options.uploaders }, () => this.#uploader()),
      this.#racer(),
      this.#racer(),
      this.#killer()
    ]
    await pause(this.#options.seconds * 1000)
    this.#stopping = true
    await Promise.all(actors)
    const redeemedDuring = this.#files.filter((file) => file.redeemers.length > 0).length

    const healingAt = performance.now()
    await until('every node is back and no copy is owed', HEAL_TIMEOUT_MS, async () =>
      this.#healthy(nodes.length)
    )
    const healedAfterMs = Math.round(performance.now() - healingAt)
    const left = this.#files.filter((file) => file.upload === 'acknowledged' && file.redeemers.length === 0)
    for (const file of left) await redeem(file, urls, this.#dice, performance.now() + REDEEM_TIMEOUT_MS)
    return this.#report(redeemedDuring, healedAfterMs, startedAt)
  }

  #report(redeemedDuring: number, healedAfterMs: number, startedAt: number): ChaosReport {
    const acknowledged = this.#files.filter((file) => file.upload === 'acknowledged')
    const having = (state: FileEntry['upload']): number =>
      this.#files.filter((file) => file.upload === state).length
    return {
      seed: this.#options.seed,
      seconds: Math.round((performance.now() - startedAt) / 1000),
      kills: this.#kills,
      uploads: { acknowledged: acknowledged.length, unknown: having('unknown'), refused: having('refused') },
      redeemedDuring,
      redeemers: this.#files.reduce((sum, file) => sum + file.redeemers.length, 0),
      bytesAcknowledged: acknowledged.reduce((sum, file) => sum + file.sizeBytes, 0),
      healedAfterMs,
      violations: checkLedger(this.#files)
    }
  }

  async #healthy(nodes: number): Promise<boolean> {
    const status = await askStatus(this.#cluster.urls)
    return (
      status?.chunksOwed === 0 && status.nodes.filter((node) => node.liveness === 'active').length === nodes
    )
  }

  async #uploader(): Promise<void> {
    const { seed } = this.#options
    while (!this.#stopping) {
      // a third of the files fits one chunk, and a few are tiny
      const size = this.#dice.whole(1, this.#dice.pick([100, 1_000_000, SIZE_MAX]))
      const entry = await uploadFile(seed, this.#index++, size, this.#cluster.urls, this.#dice)
      this.#files.push(entry)
      if (entry.upload !== 'acknowledged') await pause(300)
    }
  }

  /** Takes files that nobody has redeemed yet and sets several redeemers on each at once. About half of the files is left for the end. */
  async #racer(): Promise<void> {
    while (!this.#stopping) {
      const file = this.#files.find(
        (entry) => entry.upload === 'acknowledged' && entry.redeemers.length === 0 && entry.index % 2 === 0
      )
      if (file === undefined) {
        await pause(200)
        continue
      }
      const count = this.#dice.whole(1, 6)
      const deadline = performance.now() + REDEEM_TIMEOUT_MS
      await Promise.all(
        Array.from({ length: count }, async () => redeem(file, this.#cluster.urls, this.#dice, deadline))
      )
    }
  }

  /** Kills one process after another; a node only while every other node is there and no copy is owed. */
  async #killer(): Promise<void> {
    const { controller, nodes, edges } = this.#cluster
    while (!this.#stopping) {
      await pause(this.#dice.between(300, 1500))
      const victim = this.#dice.pick([...nodes, ...edges, ...edges, controller, controller])
      if (victim.role === 'node') {
        const allowed = await this.#healthy(nodes.length)
        if (!allowed) continue
      }
      await this.#killAndRestart(victim)
    }
  }

  async #killAndRestart(victim: ChaosProcess): Promise<void> {
    const downMs = this.#dice.between(100, 3000)
    this.#options.log(`kill -9 ${victim.name}, back after ${Math.round(downMs)} ms`)
    await victim.kill()
    this.#kills[victim.role] = (this.#kills[victim.role] ?? 0) + 1
    await pause(downMs)
    victim.start()
  }
}

/** Runs it in a temporary folder, which is kept when something was violated. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = await mkdtemp(join(tmpdir(), 'peerbin-chaos-'))
  const cluster = await startChaosCluster(folder, options.nodes, options.edges)
  let keep = true
  try {
    const report = await new ChaosRun(options, cluster).run()
    keep = report.violations.length > 0
    return report
  } finally {
    await cluster.stop()
    if (keep) options.log(`data and logs are kept in ${folder}`)
    else await rm(folder, { recursive: true, force: true })
  }
}
