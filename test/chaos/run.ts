/**
 * A chaos run: clients upload, redeem and withdraw while faults happen; then everything heals, every acknowledged file is asked for, used links are tried again,
 * the disks are searched for what was deleted, and the ledger is checked.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redeem, revoke, tryAgain, uploadFile, type ClientDeps } from './clients.ts'
import { ChaosCluster } from './cluster.ts'
import { contentOf } from './content.ts'
import { NeedleSearch, mountTmpfs, plantBytes, tmpfsHindrance, unmount } from './disks.ts'
import { FaultRunner } from './fault-runner.ts'
import { type Abilities, FAULTS, type FaultKind, hindranceOf } from './faults.ts'
import { History } from './history.ts'
import { type FileEntry, type Violation, checkLedger, deletedContents } from './ledger.ts'
import { planFaults, type FaultShape } from './plan.ts'
import type { ChaosProcess, Exit } from './process.ts'
import { Dice } from './random.ts'
import { type ChaosReport, makeReport } from './report.ts'
import { askStatus, isWhole, repairs } from './status.ts'
import { LoopbackWiring, NamespaceWiring, namespaceHindrance } from './wiring.ts'

export interface ChaosOptions {
  seed: number
  seconds: number
  nodes: number
  edges: number
  uploaders: number
  /** Only these faults; default: all that the machine allows. None: what the clients and the ledger find by themselves. */
  faults?: readonly FaultKind[]
  /** Whether data and logs are kept when something was violated; default true. */
  keep?: boolean
  /** Settings on top of the usual ones, as `section.key=value`; tests plant mistakes with them. */
  settings?: readonly string[]
  /** A mistake of the harness's own making that its checks must find. */
  plant?: 'damaged answers' | 'forgotten bytes' | 'a death' | 'a node that stays away'
  /** How long copies may take to be back, and deleted bytes to be gone; shorter only where it is known that they never are. */
  healTimeoutMs?: number
  goneTimeoutMs?: number
  log: (line: string) => void
}

const READY_TIMEOUT_MS = 60_000
const HEAL_TIMEOUT_MS = 120_000
const REDEEM_TIMEOUT_MS = 60_000
/** Beyond the grace, until the bytes of what was deleted are gone from the disks. */
const GONE_TIMEOUT_MS = 90_000
const SIZE_MAX = 9_000_000
const SAMPLE_MS = 500
/** Files left alone during the run, and asked for once it has healed. */
const LEFT_MAX = 60
const SMALL_DISK_MIB = 512
/** A claimant that something kept from its last bytes has so long after it. */
const GRACE_MARGIN_MS = 12_000

const pause = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

async function until(timeoutMs: number, condition: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) return false
    await pause(200)
  }
  return true
}

/** How long pauses may be: a third of the run. */
const pauseMaxMs = (seconds: number): number => Math.min(80_000, Math.max(2000, (seconds * 1000) / 3))

class ChaosRun {
  readonly #options: ChaosOptions
  readonly #cluster: ChaosCluster
  readonly #history: History
  readonly #runner: FaultRunner
  readonly #files: FileEntry[] = []
  readonly #violations: Violation[] = []
  readonly #smallDisk: boolean
  #index = 0
  #stopping = false
  #sampling = true

  constructor(
    options: ChaosOptions,
    parts: { cluster: ChaosCluster; runner: FaultRunner; history: History; smallDisk: boolean }
  ) {
    this.#options = options
    this.#cluster = parts.cluster
    this.#runner = parts.runner
    this.#history = parts.history
    this.#smallDisk = parts.smallDisk
  }

  async run(): Promise<ChaosReport> {
    const { seed, seconds, uploaders } = this.#options
    const startedMs = this.#history.now()
    const { shapes, left } = await this.#offered()
    const plan = planFaults(seed, seconds, shapes).map((planned) => ({
      ...planned,
      atMs: planned.atMs + startedMs
    }))
    const sampler = this.#sampler()
    const actors = [
      ...Array.from({ length: uploaders }, (_, i) => this.#uploader(i)),
      this.#racer(100),
      this.#racer(101),
      this.#revoker(),
      this.#planted()
    ]
    const faults = this.#runner.run(plan)
    await pause(seconds * 1000)
    const endedMs = this.#history.now()
    this.#stopping = true
    this.#runner.stop()
    await Promise.all([...actors, faults])
    const healedAfterMs = await this.#heal()
    await this.#askForTheRest()
    await this.#searchDisks()
    this.#sampling = false
    await sampler
    this.#history.close()
    const violations = [...checkLedger(this.#files), ...this.#violations, ...this.#runner.violations]
    return makeReport({
      options: this.#options,
      history: this.#history,
      files: this.#files,
      processes: this.#cluster.all.map(({ name, role }) => ({ name, role })),
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
    const { faults, seconds, log } = this.#options
    const status = await askStatus(this.#cluster.directUrls)
    const abilities: Abilities = {
      partitions: this.#cluster.wiring.hindrance,
      smallDisk: this.#smallDisk ? undefined : 'a small tmpfs needs root',
      repair:
        status !== undefined && repairs(status)
          ? undefined
          : 'this version does not make copies again that a living node has lost',
      recovery: 'runs do not yet know how to recover a controller whose machine is gone'
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

  #client(number: number): ClientDeps {
    return {
      urls: this.#cluster.urls,
      dice: new Dice(this.#options.seed * 1000 + number),
      history: this.#history
    }
  }

  async #uploader(number: number): Promise<void> {
    const { seed } = this.#options
    const client = this.#client(number)
    const { dice } = client
    while (!this.#stopping) {
      const index = this.#index++
      // some bring bytes that were there before: their chunks are shared, also with a file that is just being deleted
      const earlier = dice.fraction() < 0.12 && this.#files.length > 0 ? dice.pick(this.#files) : undefined
      const content = earlier?.content ?? index
      // a third of the files fits one chunk, and a few are tiny
      const sizeBytes = earlier?.sizeBytes ?? dice.whole(1, dice.pick([100, 1_000_000, SIZE_MAX]))
      const entry = await uploadFile(client, { seed, index, content, sizeBytes })
      this.#files.push(entry)
      if (entry.upload !== 'acknowledged') await pause(300)
    }
  }

  /** Takes files that nobody has redeemed yet and sets several redeemers on each at once; some are left for the end. */
  async #racer(number: number): Promise<void> {
    const client = this.#client(number)
    while (!this.#stopping) {
      const waiting = this.#files.filter(
        (entry) => entry.upload === 'acknowledged' && entry.redeemers.length === 0 && entry.revoked === 'no'
      )
      const file =
        waiting.find(({ index }) => index % 2 === 0) ?? (waiting.length > LEFT_MAX ? waiting[0] : undefined)
      if (file === undefined) {
        await pause(100)
        continue
      }
      const deadline = performance.now() + REDEEM_TIMEOUT_MS
      await Promise.all(
        Array.from({ length: client.dice.whole(1, 6) }, async () => redeem(client, file, deadline))
      )
    }
  }

  /** Withdraws a link now and then, and asks for it right after. */
  async #revoker(): Promise<void> {
    const client = this.#client(200)
    while (!this.#stopping) {
      await pause(client.dice.between(500, 2500))
      const file = this.#files.findLast(
        (entry) =>
          entry.upload === 'acknowledged' &&
          entry.redeemers.length === 0 &&
          entry.revoked === 'no' &&
          entry.index % 2 === 1
      )
      if (file === undefined || this.#stopping) continue
      await revoke(client, file)
      if (file.revoked === 'acknowledged') await redeem(client, file, performance.now() + REDEEM_TIMEOUT_MS)
    }
  }

  async #planted(): Promise<void> {
    const { plant, seed, seconds } = this.#options
    if (plant === undefined) return
    await pause((seconds * 1000) / 2)
    if (plant === 'damaged answers') for (const proxy of this.#cluster.proxies) proxy.damage(true)
    if (plant === 'a death') {
      const { pid } = this.#cluster.controller
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
    }
    if (plant === 'forgotten bytes') {
      const node = this.#cluster.living[0]
      await until(30_000, async () => deletedContents(this.#files).size > 0)
      const [entry] = [...deletedContents(this.#files).values()].filter(({ sizeBytes }) => sizeBytes > 32)
      if (node === undefined || entry === undefined) throw new Error('nothing to plant')
      await plantBytes(node.folder, contentOf(seed, entry.content, entry.sizeBytes))
    }
  }

  async #sampler(): Promise<void> {
    const { directUrls } = this.#cluster
    while (this.#sampling) {
      const status = await askStatus(directUrls)
      if (status !== undefined)
        this.#history.samples.push({
          atMs: this.#history.now(),
          chunks: status.chunks,
          owed: status.chunksOwed,
          withoutCopy: status.chunksWithoutCopy,
          activeNodes: status.nodes.filter((node) => node.liveness === 'active').length
        })
      await pause(SAMPLE_MS)
    }
  }

  /** Every fault is over. @returns ms until every node was back and no copy owed */
  async #heal(): Promise<number> {
    const cluster = this.#cluster
    const history = this.#history
    const { plant, healTimeoutMs = HEAL_TIMEOUT_MS } = this.#options
    const atMs = history.now()
    for (const proxy of cluster.proxies) proxy.stall(false)
    for (const process of cluster.all) process.resume()
    for (const process of cluster.all) process.start()
    if (plant === 'a node that stays away') await cluster.living[0]?.kill()
    const whole = await until(healTimeoutMs, async () =>
      isWhole(await askStatus(cluster.directUrls), cluster.living.length)
    )
    const tookMs = history.now() - atMs
    if (!whole) {
      const status = await askStatus(cluster.directUrls)
      const active = status?.nodes.filter((node) => node.liveness === 'active').length
      const text = `${healTimeoutMs / 1000} s after healing: ${active ?? 'no'} of ${cluster.living.length} nodes active, ${status?.chunksOwed} copies owed, ${status?.chunksWithoutCopy} chunks without a copy, repair ${JSON.stringify(status?.repair)}`
      this.#violations.push({ invariant: 'copies', file: null, text, atMs })
    }
    return tookMs
  }

  async #askForTheRest(): Promise<void> {
    const client = this.#client(300)
    const acknowledged = this.#files.filter((file) => file.upload === 'acknowledged')
    const left = acknowledged.filter((file) => file.redeemers.length === 0 && file.revoked === 'no')
    const each = async (files: FileEntry[], work: (file: FileEntry) => Promise<void>): Promise<void> => {
      const queue = [...files]
      const lane = async (): Promise<void> => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) await work(file)
      }
      await Promise.all([lane(), lane(), lane(), lane()])
    }
    await each(left, async (file) => redeem(client, file, performance.now() + REDEEM_TIMEOUT_MS))
    const used = acknowledged.filter(
      (file) => file.revoked === 'acknowledged' || file.redeemers.some(({ outcome }) => outcome === 'won')
    )
    await each(used, async (file) => tryAgain(client, file, performance.now() + REDEEM_TIMEOUT_MS))
  }

  /** What was delivered or withdrawn must leave every disk, some time after the grace. */
  async #searchDisks(): Promise<void> {
    const { seed, goneTimeoutMs = GONE_TIMEOUT_MS } = this.#options
    const contents = deletedContents(this.#files)
    const search = new NeedleSearch()
    for (const [content, { sizeBytes }] of contents) search.add(content, contentOf(seed, content, sizeBytes))
    let found = new Map<number, string>()
    const gone = await until(this.#graceMs() + goneTimeoutMs, async () => {
      found = new Map()
      for (const node of this.#cluster.living)
        for (const [content, path] of await search.find(node.folder)) found.set(content, path)
      if (found.size > 0) await pause(1000)
      return found.size === 0
    })
    if (gone) return
    for (const [content, path] of found) {
      const file = contents.get(content)
      const text = `its bytes are still in ${path}`
      this.#violations.push({
        invariant: 'deleted bytes',
        file: file?.index ?? null,
        text,
        atMs: this.#history.now()
      })
    }
  }

  #graceMs(): number {
    return graceMsOf(this.#options)
  }
}

/** A pause must not eat the time that a claimant has for its last bytes. */
const graceMsOf = ({ seconds, faults }: ChaosOptions): number =>
  (faults?.length === 0 ? 0 : pauseMaxMs(seconds)) + GRACE_MARGIN_MS

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
    settings: [`link.graceMs=${graceMsOf(options)}`, ...(options.settings ?? [])],
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
    smallDisk: smallDisk ? firstNode : undefined
  })
  deaths.runner = runner
  cluster.start()
  let keep = true
  try {
    const ready = await until(READY_TIMEOUT_MS, async () =>
      isWhole(await askStatus(cluster.directUrls), options.nodes)
    )
    if (!ready) throw new Error('the cluster was not ready in time')
    const report = await new ChaosRun(options, { cluster, runner, history, smallDisk }).run()
    keep = report.violations.length > 0 && options.keep !== false
    return report
  } finally {
    await cluster.stop()
    if (keep) options.log(`data and logs are kept in ${folder}`)
    if (smallDisk) unmount(disk)
    if (!keep) await rm(folder, { recursive: true, force: true })
  }
}
