/**
 * A chaos run: clients upload and redeem while processes are killed and started again; then everything heals, every acknowledged file
 * is asked for, and the ledger is checked.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askStatus, isAlive, redeem, uploadFile } from './clients.ts'
import { type ChaosCluster, type ChaosProcess, type ChaosRole, startChaosCluster } from './cluster.ts'
import { type FileEntry, type Violation, checkLedger } from './ledger.ts'
import { Dice } from './random.ts'

export interface ChaosOptions {
  seed: number
  seconds: number
  nodes: number
  edges: number
  uploaders: number
  /** Whether processes are killed; default true. Without it is shown what the clients and the ledger find by themselves. */
  kills?: boolean
  /** Whether data and logs are kept when something was violated; default true. */
  keep?: boolean
  /** Settings on top of the usual ones, as `section.key=value`; tests plant mistakes with them. */
  settings?: readonly string[]
  log: (line: string) => void
}

export interface ChaosReport {
  seed: number
  seconds: number
  kills: Kill[]
  killsByRole: Record<ChaosRole, number>
  uploads: { acknowledged: number; unknown: number; refused: number }
  /** Uploads that were not acknowledged, by what their clients were told: `unknown: 503 no-controller`, `refused: ECONNREFUSED`, … */
  notAcknowledged: Record<string, number>
  redeemedDuring: number
  /** Simultaneous requests for one link, in all. */
  redeemers: number
  bytesAcknowledged: number
  healedAfterMs: number
  violations: Violation[]
}

/** One SIGKILL. */
export interface Kill {
  name: string
  /** After the start of the run. */
  atMs: number
  /** So long it was not there. */
  downMs: number
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
  readonly #kills: Kill[] = []
  readonly #killsByRole = { controller: 0, node: 0, edge: 0 }
  #startedAt = 0
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
    this.#startedAt = performance.now()
    const actors = [
      ...Array.from({ length: this.#options.uploaders }, () => this.#uploader()),
      this.#racer(),
      this.#racer(),
      ...(this.#options.kills === false ? [] : [this.#killer()])
    ]
    await pause(this.#options.seconds * 1000)
    this.#stopping = true
    await Promise.all(actors)
    const redeemedDuring = this.#files.filter((file) => file.redeemers.length > 0).length

    const healingAt = performance.now()
    await this.#untilWhole()
    const healedAfterMs = Math.round(performance.now() - healingAt)
    const left = this.#files.filter((file) => file.upload === 'acknowledged' && file.redeemers.length === 0)
    for (const file of left) await redeem(file, urls, this.#dice, performance.now() + REDEEM_TIMEOUT_MS)
    return this.#report(redeemedDuring, healedAfterMs)
  }

  #report(redeemedDuring: number, healedAfterMs: number): ChaosReport {
    const acknowledged = this.#files.filter((file) => file.upload === 'acknowledged')
    const having = (state: FileEntry['upload']): number =>
      this.#files.filter((file) => file.upload === state).length
    const notAcknowledged: Record<string, number> = {}
    for (const { upload, reason } of this.#files) {
      if (upload === 'acknowledged') continue
      const key = `${upload}: ${reason ?? 'no reason'}`
      notAcknowledged[key] = (notAcknowledged[key] ?? 0) + 1
    }
    return {
      seed: this.#options.seed,
      seconds: Math.round((performance.now() - this.#startedAt) / 1000),
      kills: this.#kills,
      killsByRole: this.#killsByRole,
      uploads: { acknowledged: acknowledged.length, unknown: having('unknown'), refused: having('refused') },
      notAcknowledged,
      redeemedDuring,
      redeemers: this.#files.reduce((sum, file) => sum + file.redeemers.length, 0),
      bytesAcknowledged: acknowledged.reduce((sum, file) => sum + file.sizeBytes, 0),
      healedAfterMs,
      violations: checkLedger(this.#files)
    }
  }

  #untilWhole(): Promise<void> {
    return until('every node is back and no copy is owed', HEAL_TIMEOUT_MS, async () =>
      this.#healthy(this.#cluster.nodes.length)
    )
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

  /** Kills one process after another: one of each role first, so that no run is without them, then by chance. */
  async #killer(): Promise<void> {
    const { controller, nodes, edges } = this.#cluster
    for (const victim of [this.#dice.pick(nodes), this.#dice.pick(edges), controller]) {
      await until(`${victim.name} may be killed`, HEAL_TIMEOUT_MS, async () => this.#mayKill(victim))
      await this.#killAndRestart(victim)
    }
    while (!this.#stopping) {
      await pause(this.#dice.between(300, 1500))
      const victim = this.#dice.pick([...nodes, ...edges, ...edges, controller, controller])
      if (await this.#mayKill(victim)) await this.#killAndRestart(victim)
    }
  }

  /**
   * A node only while every other node is there and no copy is owed: more could lose what has two copies. An edge only while all of them answer: with none
   * left the clients would do nothing. The controller at any time, also while it starts.
   */
  async #mayKill(victim: ChaosProcess): Promise<boolean> {
    if (victim.role === 'node') return await this.#healthy(this.#cluster.nodes.length)
    if (victim.role === 'controller') return true
    const answers = await Promise.all(this.#cluster.urls.map(isAlive))
    return answers.every(Boolean)
  }

  async #killAndRestart(victim: ChaosProcess): Promise<void> {
    const downMs = this.#dice.between(100, 3000)
    this.#options.log(`kill -9 ${victim.name}, back after ${Math.round(downMs)} ms`)
    await victim.kill()
    this.#kills.push({
      name: victim.name,
      atMs: Math.round(performance.now() - this.#startedAt),
      downMs: Math.round(downMs)
    })
    this.#killsByRole[victim.role]++
    await pause(downMs)
    victim.start()
  }
}

/** Runs it in a temporary folder, which is kept when something was violated. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = await mkdtemp(join(tmpdir(), 'peerbin-chaos-'))
  const cluster = await startChaosCluster(folder, options.nodes, options.edges, options.settings)
  let keep = true
  try {
    const report = await new ChaosRun(options, cluster).run()
    keep = report.violations.length > 0 && options.keep !== false
    return report
  } finally {
    await cluster.stop()
    if (keep) options.log(`data and logs are kept in ${folder}`)
    else await rm(folder, { recursive: true, force: true })
  }
}
