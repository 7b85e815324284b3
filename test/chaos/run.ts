/** A chaos run: clients upload, redeem and withdraw while faults happen; then everything heals and is checked (aftermath.ts, ledger.ts). */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Actors } from './actors.ts'
import { Aftermath } from './aftermath.ts'
import { ChaosCluster } from './cluster.ts'
import { mountTmpfs, tmpfsHindrance, unmount } from './disks.ts'
import { FaultRunner } from './fault-runner.ts'
import { type Abilities, FAULTS, hindranceOf } from './faults.ts'
import { History } from './history.ts'
import { checkLedger } from './ledger.ts'
import { planFaults, type FaultShape, type PlannedFault } from './plan.ts'
import type { ChaosProcess, Exit } from './process.ts'
import { type ChaosReport, makeReport } from './report.ts'
import {
  HEAL_TIMEOUT_MS,
  type ChaosOptions,
  type Scene,
  graceMsOf,
  leaseMsOf,
  pauseMaxMs,
  until
} from './scene.ts'
import { askStatus, isWhole, repairs } from './status.ts'
import { LoopbackWiring, NamespaceWiring, namespaceHindrance } from './wiring.ts'

const READY_TIMEOUT_MS = 90_000
const SAMPLE_MS = 500
const SMALL_DISK_MIB = 512

class ChaosRun {
  readonly #scene: Scene
  readonly #runner: FaultRunner
  readonly #smallDisk: boolean
  #sampling = true

  constructor(scene: Scene, runner: FaultRunner, smallDisk: boolean) {
    this.#scene = scene
    this.#runner = runner
    this.#smallDisk = smallDisk
  }

  async run(): Promise<ChaosReport> {
    const { options, history } = this.#scene
    const { seed, seconds } = options
    const startedMs = history.now()
    const { shapes, left } = await this.#offered()
    const plan = planFaults(seed, seconds, shapes).map((planned) => ({
      ...planned,
      atMs: planned.atMs + startedMs
    }))
    const sampler = this.#sampler()
    try {
      return await this.#checked(plan, startedMs, left)
    } finally {
      this.#sampling = false
      await sampler
    }
  }

  async #checked(
    plan: ReadonlyArray<PlannedFault>,
    startedMs: number,
    left: Record<string, string>
  ): Promise<ChaosReport> {
    const { options, history, cluster, files } = this.#scene
    const { seconds } = options
    const actors = new Actors(this.#scene)
    const acting = actors.run()
    const faults = this.#runner.run(plan)
    await until(seconds * 1000, async () => options.signal?.aborted === true)
    options.signal?.throwIfAborted()
    const endedMs = history.now()
    actors.stop()
    this.#runner.stop()
    await faults
    const aftermath = new Aftermath(this.#scene)
    const healedAfterMs = await aftermath.heal(acting)
    await aftermath.settleSuspended()
    await aftermath.askForTheRest()
    await aftermath.searchDisks()
    this.#sampling = false
    history.close()
    const violations = [...checkLedger(files), ...aftermath.violations, ...this.#runner.violations]
    return makeReport({
      options,
      history,
      files,
      processes: cluster.all.map(({ name, role }) => ({ name, role })),
      faults: this.#runner.counts,
      skippedFaults: this.#runner.skipped,
      leftOut: left,
      window: { startedMs, endedMs },
      healedAfterMs,
      violations: violations.toSorted((a, b) => a.atMs - b.atMs)
    })
  }

  /** The faults of this run, and those that cannot happen with the reason. */
  async #offered(): Promise<{ shapes: FaultShape[]; left: Record<string, string> }> {
    const { faults, seconds, log } = this.#scene.options
    const status = await askStatus(this.#scene.cluster.directUrls)
    const abilities: Abilities = {
      partitions: this.#scene.cluster.wiring.hindrance,
      smallDisk: this.#smallDisk ? undefined : 'a small tmpfs needs root',
      repair:
        status !== undefined && repairs(status)
          ? undefined
          : 'this version does not make copies again that a living node has lost'
    }
    const left: Record<string, string> = {}
    const shapes: FaultShape[] = []
    for (const fault of FAULTS) {
      if (faults !== undefined && !faults.includes(fault.kind)) continue
      const why = hindranceOf(fault, abilities)
      if (why !== undefined) {
        left[fault.kind] = why
        log(`SKIPPED: ${fault.kind}: ${why}`)
        continue
      }
      const [least, most] = fault.durationMs
      shapes.push({ ...fault, durationMs: [least, Math.min(most, pauseMaxMs(seconds))] })
    }
    return { shapes, left }
  }

  async #sampler(): Promise<void> {
    const { directUrls } = this.#scene.cluster
    while (this.#sampling) {
      const status = await askStatus(directUrls)
      if (status !== undefined)
        this.#scene.history.samples.push({
          atMs: this.#scene.history.now(),
          chunks: status.chunks,
          owed: status.chunksOwed,
          withoutCopy: status.chunksWithoutCopy,
          activeNodes: status.nodes.filter((node) => node.liveness === 'active').length
        })
      await until(SAMPLE_MS, async () => !this.#sampling)
    }
  }
}

/** Runs it in a temporary folder, which is kept when something was violated. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = await mkdtemp(join(tmpdir(), 'peerbin-chaos-'))
  const history = new History()
  const hindrance = namespaceHindrance()
  const wiring = hindrance === undefined ? await NamespaceWiring.make() : new LoopbackWiring(hindrance)
  const deaths: { runner?: FaultRunner } = {}
  const onDeath = (process: ChaosProcess, exit: Exit): void => deaths.runner?.onDeath(process, exit)
  const cluster = await ChaosCluster.make({
    folder,
    nodes: options.nodes,
    edges: options.edges,
    wiring,
    settings: [
      `link.graceMs=${graceMsOf(options)}`,
      `link.leaseMs=${leaseMsOf(options)}`,
      ...(options.settings ?? [])
    ],
    onDeath
  })
  const [firstNode] = cluster.nodes
  const disk = firstNode === undefined ? undefined : join(firstNode.folder, 'chunks')
  const smallDisk = disk !== undefined && tmpfsHindrance(folder) === undefined
  if (smallDisk) await mountTmpfs(disk, SMALL_DISK_MIB)
  const runner = new FaultRunner({
    cluster,
    history,
    log: options.log,
    healTimeoutMs: options.healTimeoutMs ?? HEAL_TIMEOUT_MS,
    smallDisk: smallDisk ? firstNode : undefined
  })
  deaths.runner = runner
  cluster.start()
  let keep = true
  try {
    const ready = await until(READY_TIMEOUT_MS, async () =>
      isWhole(await askStatus(cluster.directUrls), options.nodes)
    )
    if (!ready) {
      const status = JSON.stringify(await askStatus(cluster.directUrls))
      throw new Error(`the cluster was not ready in time: ${status}`)
    }
    const scene: Scene = { options, cluster, history, files: [], giveUpAt: Number.POSITIVE_INFINITY }
    const report = await new ChaosRun(scene, runner, smallDisk).run()
    keep = report.violations.length > 0 && options.keep !== false
    return report
  } finally {
    await cluster.stop()
    if (keep) options.log(`data and logs are kept in ${folder}`)
    if (smallDisk) unmount(disk)
    if (!keep) await rm(folder, { recursive: true, force: true })
  }
}
