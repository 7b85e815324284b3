import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { sleep } from '../../runtime/deadline.ts'
import { ClusterFile } from './cluster-file.ts'
import { describeEnding, SupervisedProcess } from './supervised-process.ts'
import type { Ending, ProcessPlan } from './supervised-process.ts'
import { untilReady } from './readiness.ts'

/** A cluster that is not ready by then will not be. */
const READY_MS = 60_000
/** The whole stop takes at most 5 s: the edge first, so that transfers under way still find the rest; then everything; then by force. */
const EDGE_STOP_MS = 3200
const STOP_MS = 4200

export interface SupervisorDeps {
  readonly folder: string
  /** In order of start. */
  readonly plans: readonly ProcessPlan[]
  readonly program: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** For a person, on standard error. */
  readonly say: (text: string) => void
  /** Address of the edge, once an upload would succeed. */
  readonly onReady: (url: string) => void
  /** Where the first administrator can be made, after that. For the terminal only: whoever has it can. */
  readonly onSetup: (url: string) => void
}

/** Starts the processes of a cluster, tells what becomes of them, and stops them all in the end. */
export class Supervisor {
  readonly #deps: SupervisorDeps
  readonly #processes: SupervisedProcess[] = []
  readonly #file: ClusterFile
  #isReady = false

  constructor(deps: SupervisorDeps) {
    this.#deps = deps
    this.#file = new ClusterFile(deps.folder, () => this.#processes.map((child) => child.entry))
  }

  /**
   * Runs until `interrupted` aborts, and resolves when every process has ended.
   * @throws what made a process fail that the cluster cannot start without; all are stopped by then.
   */
  async run(interrupted: AbortSignal): Promise<void> {
    try {
      for (const plan of this.#deps.plans) this.#start(plan)
      await this.#update()
      const started = new AbortController()
      const end = AbortSignal.any([interrupted, started.signal])
      await Promise.race([this.#becomeReady(end), this.#somethingVitalEnds(), aborted(interrupted)]).finally(
        () => started.abort(new PeerbinError('aborted'))
      )
      await Promise.race([this.#everythingEnds(), aborted(interrupted)])
    } finally {
      await this.#stopAll()
    }
  }

  #start(plan: ProcessPlan): void {
    const child = new SupervisedProcess(plan, {
      program: this.#deps.program,
      env: this.#deps.env,
      onChange: () => void this.#update() // reports its own errors
    })
    this.#processes.push(child)
    void child.ended.then((ending) => this.#reportEnd(child, ending)) // `ended` never rejects
  }

  #reportEnd(child: SupervisedProcess, ending: Ending): void {
    // before the cluster is ready the end of these is the end of all, and is thrown
    if (ending.expected || (!this.#isReady && child.plan.role !== 'node')) return
    const { name, pid, state } = child.entry
    this.#deps.say(
      `${name} (pid ${pid ?? 'none'}) ${state}: ${describeEnding(ending)}. Log: ${child.plan.logPath}`
    )
  }

  async #becomeReady(signal: AbortSignal): Promise<void> {
    const edge = this.#processes.find((child) => child.plan.role === 'edge')
    const url = (await edge?.ready)?.url
    if (url === undefined) throw new PeerbinError('internal', 'the edge did not say where it listens')
    const limit = AbortSignal.any([signal, this.#startLimit(signal)])
    await untilReady({
      url: dialable(url),
      nodes: () => this.#aliveNodes().length,
      clock: this.#deps.clock,
      signal: limit
    })
    this.#isReady = true
    await this.#update() // whoever reads the line may read the file next
    this.#deps.onReady(url)
    const secret = this.#processes.find((child) => child.plan.role === 'controller')?.setupSecret
    if (secret !== undefined) this.#deps.onSetup(`${url}/setup#${secret}`)
  }

  #startLimit(signal: AbortSignal): AbortSignal {
    const limit = new AbortController()
    const late = new PeerbinError('deadline-exceeded', 'the cluster did not become ready; see the logs')
    sleep(this.#deps.clock, READY_MS, signal).then(
      () => limit.abort(late),
      () => {} // ready or interrupted before
    )
    return limit.signal
  }

  #aliveNodes(): SupervisedProcess[] {
    return this.#processes.filter((child) => child.plan.role === 'node' && child.alive)
  }

  /** Before the cluster is ready it cannot do without controller and edge; nor without two nodes, which the edge judges by itself. */
  async #somethingVitalEnds(): Promise<never> {
    const vital = this.#processes.filter((child) => child.plan.role !== 'node')
    const failed = await Promise.race(vital.map(async (child) => ({ child, ending: await child.ended })))
    const { name, logPath } = failed.child.plan
    const { failure } = failed.ending
    if (failure !== undefined) throw new PeerbinError(failure.code, `${name}: ${failure.message}`)
    throw new PeerbinError(
      'internal',
      `${name} ${describeEnding(failed.ending)} before the cluster was ready; see ${logPath}`
    )
  }

  async #everythingEnds(): Promise<never> {
    await Promise.all(this.#processes.map((child) => child.ended))
    throw new PeerbinError('internal', 'every process has ended')
  }

  async #stopAll(): Promise<void> {
    const ends = Promise.all(this.#processes.map((child) => child.ended))
    const finished = new AbortController()
    for (const child of this.#processes) child.expectEnd()
    const edges = this.#processes.filter((child) => child.plan.role === 'edge')
    for (const edge of edges) edge.stop()
    const begun = this.#deps.clock.monotonic()
    await Promise.race([
      Promise.all(edges.map((edge) => edge.ended)),
      this.#pause(EDGE_STOP_MS, finished.signal)
    ])
    for (const child of this.#processes) child.stop()
    const leftMs = STOP_MS - (this.#deps.clock.monotonic() - begun)
    await Promise.race([ends, this.#pause(leftMs, finished.signal)])
    for (const child of this.#processes) child.kill()
    await ends
    finished.abort()
    await this.#update()
  }

  /** Ends early, without an error, when the signal aborts. */
  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#deps.clock, Math.max(0, delayMs), signal).catch(() => undefined)
  }

  async #update(): Promise<void> {
    try {
      await this.#file.update()
    } catch (error) {
      // the cluster goes on: a full disk must not stop it
      this.#deps.say(error instanceof Error ? error.message : String(error))
    }
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** Where this machine reaches an edge that listens on every interface. */
function dialable(url: string): URL {
  const parsed = new URL(url)
  if (parsed.hostname === '0.0.0.0') parsed.hostname = '127.0.0.1'
  if (parsed.hostname === '[::]') parsed.hostname = '[::1]'
  return parsed
}
