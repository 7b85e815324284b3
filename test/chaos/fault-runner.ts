/** Carries out a plan of faults: each at its time, when it may happen then, on a process that nothing else happens to. */

import type { ChaosCluster } from './cluster.ts'
import { FAULTS, type Fault, type FaultContext } from './faults.ts'
import type { History } from './history.ts'
import type { Violation } from './ledger.ts'
import type { PlannedFault } from './plan.ts'
import type { ChaosProcess, Exit } from './process.ts'
import { Dice } from './random.ts'
import { askStatus, isAlive, isComparedSince, isWhole } from './status.ts'
import { wipe } from './disks.ts'

const LOOK_MS = 200
/** More faults at once, and the clients would only wait. */
const FAULTS_AT_ONCE = 3
/** A fault that may not happen for so long is left out. */
const PATIENCE_MS = 20_000
/** The cluster must say so often in a row that it is whole. */
const WHOLE_TIMES = 3
/** Deaths of one process in a row after which its disk is given up, as an operator would. */
const DEATHS_MAX = 5
const RESTART_MS = 700
/** A node whose store is damaged so that it cannot go on says so in its last words. */
const MOVE_AWAY = 'and start the node again: it begins empty'

const pause = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

export interface FaultRunnerDeps {
  readonly cluster: ChaosCluster
  readonly history: History
  readonly log: (line: string) => void
  /** How long copies may take to be back after a fault that took them. */
  readonly healTimeoutMs: number
  /** The node whose disk is a small one; undefined: none. */
  readonly smallDisk: ChaosProcess | undefined
}

export class FaultRunner {
  readonly #deps: FaultRunnerDeps
  /** Processes that something happens to, and what. */
  readonly #busy = new Map<ChaosProcess, Fault>()
  #running = 0
  #networkBusy = false
  #lossyBusy = false
  /** Faults that wait until every chunk has its copies: meanwhile none begins that would delay it. */
  #lossyWaiting = 0
  #stopping = false
  readonly #deaths = new Map<ChaosProcess, number>()
  /** Nodes with flipped bits in their files, also those whose fault is over. */
  readonly #flipped = new Set<ChaosProcess>()
  readonly violations: Violation[] = []
  /** Planned faults that never got their turn. */
  skipped = 0
  readonly counts: Record<string, number> = {}

  constructor(deps: FaultRunnerDeps) {
    this.#deps = deps
  }

  /** Resolves when the last fault is over; `stop` ends them early. */
  async run(plan: readonly PlannedFault[]): Promise<void> {
    const { history } = this.#deps
    const running: Array<Promise<void>> = []
    for (const planned of plan) {
      await this.#until(planned.atMs)
      if (this.#stopping) break
      const fault = FAULTS.find(({ kind }) => kind === planned.kind)
      if (fault === undefined) continue
      running.push(this.#take(fault, planned))
    }
    await Promise.all(running)
    history.close()
  }

  stop(): void {
    this.#stopping = true
  }

  /** A process ended without being told to: a supervisor starts it again, and unless a fault explains it, it should not have. */
  onDeath(process: ChaosProcess, exit: Exit): void {
    const { history, log } = this.#deps
    const how = exit.signal ?? `exit code ${exit.code}`
    const fault = this.#busy.get(process)
    // LevelDB may come upon a bit that flipped long after: when it rewrites a table to give space back
    const flipped = fault?.kind === 'flip-bits' || this.#flipped.has(process)
    const explained = fault?.on === 'small disk' || flipped
    const deaths = (this.#deaths.get(process) ?? 0) + 1
    this.#deaths.set(process, deaths)
    log(`${process.name} died: ${how}${explained ? ', which the fault explains' : ''}`)
    const end = history.begin(process.name, 'died', how)
    const atMs = history.now()
    void process.lastWords().then(async (words) => {
      if (!explained)
        this.violations.push({
          invariant: 'died by itself',
          file: null,
          text: `${process.name}: ${how}: ${words.slice(0, 300)}`,
          atMs
        })
      await pause(RESTART_MS)
      const isDamaged = flipped && (deaths >= DEATHS_MAX || words.includes(MOVE_AWAY))
      if (isDamaged) await this.#replaceDisk(process)
      end()
      process.start()
    })
  }

  /** As an operator would: not while copies are missing elsewhere. */
  async #replaceDisk(process: ChaosProcess): Promise<void> {
    const { history } = this.#deps
    if (this.#busy.get(process)?.lossy !== true) {
      while (this.#lossyBusy) await pause(LOOK_MS)
      this.#lossyBusy = true
      void this.#whole({ node: process, wallMs: Date.now() })
        .catch((error: unknown) => {
          this.violations.push({ invariant: 'copies', file: null, text: String(error), atMs: history.now() })
        })
        .finally(() => (this.#lossyBusy = false))
    }
    await wipe(process.folder)
    history.begin(process.name, 'note', 'could not go on: its disk was wiped, as an operator would')()
    this.#flipped.delete(process)
    this.#deaths.set(process, 0)
  }

  async #until(atMs: number): Promise<void> {
    const { history } = this.#deps
    while (!this.#stopping && history.now() < atMs) await pause(Math.min(LOOK_MS, atMs - history.now()))
  }

  /** Waits for the fault's turn, and runs it. */
  async #take(fault: Fault, planned: PlannedFault): Promise<void> {
    const { cluster, history, log } = this.#deps
    const patience = history.now() + PATIENCE_MS
    if (fault.lossy) this.#lossyWaiting++
    let targets = await this.#claim(fault, planned)
    while (targets === undefined && !this.#stopping && history.now() < patience) {
      await pause(LOOK_MS)
      targets = await this.#claim(fault, planned)
    }
    if (fault.lossy) this.#lossyWaiting--
    if (targets === undefined) {
      this.skipped++
      return
    }
    const { durationMs } = planned
    log(`${fault.kind} ${targets.map(({ name }) => name).join(', ')} for ${durationMs} ms`)
    this.#running++
    this.counts[fault.kind] = (this.counts[fault.kind] ?? 0) + 1
    if (fault.kind === 'flip-bits') for (const target of targets) this.#flipped.add(target)
    const spans = targets.map((target) => history.begin(target.name, fault.kind, fault.text))
    let running = true
    // a fault that took copies is over before they are back
    const over = (): void => {
      if (!running) return
      running = false
      this.#running--
      for (const end of spans) end()
    }
    const endMs = history.now() + durationMs
    const context: FaultContext = {
      cluster,
      history,
      planned,
      dice: new Dice(planned.seed),
      targets,
      last: () => this.#until(endMs),
      whole: async (since) => {
        over()
        await this.#whole(since)
      }
    }
    try {
      await fault.run(context)
    } catch (error) {
      this.violations.push({ invariant: 'copies', file: null, text: String(error), atMs: history.now() })
    }
    over()
    for (const target of targets) {
      this.#busy.delete(target)
      this.#deaths.delete(target)
    }
    if (fault.on === 'network') this.#networkBusy = false
    if (fault.lossy) this.#lossyBusy = false
  }

  /** Its targets, marked as taken, if the fault may happen now. */
  async #claim(fault: Fault, planned: PlannedFault): Promise<ChaosProcess[] | undefined> {
    const { cluster } = this.#deps
    if (!fault.lossy && this.#lossyWaiting > 0 && fault.on !== 'edge' && fault.on !== 'clients')
      return undefined
    if (this.#running >= FAULTS_AT_ONCE || !(await this.#mayHappen(fault))) return undefined
    // what has begun while the cluster was asked how it is
    if (fault.lossy && this.#troubled() > 0) return undefined
    const candidates = this.#candidates(fault).filter((process) => !this.#busy.has(process))
    const chosen = candidates[Math.floor(planned.choice * candidates.length)]
    if (fault.on === 'network') {
      if (this.#networkBusy || this.#lossyBusy) return undefined
      this.#networkBusy = true
      return []
    }
    const targets = fault.on === 'all nodes' ? cluster.living : chosen === undefined ? [] : [chosen]
    if (targets.length === 0 || targets.some((target) => this.#busy.has(target))) return undefined
    if (fault.lossy) {
      if (this.#lossyBusy || this.#networkBusy) return undefined
      this.#lossyBusy = true
    }
    for (const target of targets) this.#busy.set(target, fault)
    return targets
  }

  #candidates(fault: Fault): readonly ChaosProcess[] {
    const { cluster, smallDisk } = this.#deps
    switch (fault.on) {
      case 'node':
      case 'all nodes':
        return cluster.living
      case 'edge':
      case 'clients':
        return cluster.edges
      case 'controller':
        return [cluster.controller]
      case 'small disk':
        return smallDisk === undefined || smallDisk.gone ? [] : [smallDisk]
      case 'network':
        return []
    }
  }

  /**
   * Copies are lost only while every chunk has all of its own, and until they are back nothing happens to other nodes. Otherwise: two nodes at a time (one of
   * three or four), so that uploads go on; an edge only while another answers; the controller at any time.
   */
  async #mayHappen(fault: Fault): Promise<boolean> {
    const { cluster } = this.#deps
    const nodes = cluster.living
    const troubled = this.#troubled()
    const nothingElse = async (): Promise<boolean> =>
      troubled === 0 && !this.#lossyBusy && !this.#networkBusy && (await this.isWhole())
    switch (fault.on) {
      case 'controller':
        return !fault.lossy || (await nothingElse())
      case 'edge':
      case 'clients': {
        const answers = await Promise.all(cluster.directUrls.map(isAlive))
        return answers.filter(Boolean).length > 1 || cluster.edges.length === 1
      }
      case 'network':
        return !this.#lossyBusy
      case 'all nodes':
        return troubled === 0 && !this.#lossyBusy
      case 'node':
      case 'small disk':
        if (this.#lossyBusy) return false
        if (fault.lossy) return await nothingElse()
        return troubled < (nodes.length >= 5 ? 2 : 1)
    }
  }

  #troubled(): number {
    return this.#deps.cluster.living.filter((node) => this.#busy.has(node)).length
  }

  async isWhole(): Promise<boolean> {
    const { cluster } = this.#deps
    return isWhole(await askStatus(cluster.directUrls), cluster.living.length)
  }

  async #whole(since: Parameters<FaultContext['whole']>[0]): Promise<void> {
    const { cluster, healTimeoutMs } = this.#deps
    const deadline = performance.now() + healTimeoutMs
    for (let times = 0; times < WHOLE_TIMES;) {
      if (performance.now() > deadline) throw new Error(`copies were not back within ${healTimeoutMs} ms`)
      await pause(LOOK_MS)
      const status = await askStatus(cluster.directUrls)
      const member = status?.nodes.find(({ host }) => host === since.node?.name)
      const compared =
        (since.node === undefined || (member?.reconciledAt ?? 0) >= since.wallMs) &&
        (since.compared !== true || isComparedSince(status, since.wallMs))
      const whole = compared && isWhole(status, cluster.living.length)
      times = whole ? times + 1 : 0
    }
  }
}
