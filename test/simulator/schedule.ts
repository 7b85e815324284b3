/** One schedule: a cluster, its clients, faults from a seed; then everything heals and the invariants are checked. */

import { mkdtempSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../../src/interfaces.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { ChunkId } from '../../src/types.ts'
import { Chance } from './chance.ts'
import { Checks } from './checks.ts'
import { Destruction } from './destruction.ts'
import { Faults } from './faults.ts'
import { type Invariant, isSpent, Ledger, type Violation, ViolationError } from './ledger.ts'
import { drawPlan, type Plan } from './plan.ts'
import { CLEAN_WITHIN_MS, FOUND_WITHIN_MS, GONE_WITHIN_MS } from './settings.ts'
import { WatchingLogger } from './secret-watch.ts'
import { Workload } from './workload.ts'
import { type Planted, World } from './world.ts'

export interface ScheduleOptions {
  readonly seed: number
  readonly schedule: number
  /** Default true; without them only what clients do by themselves is tried. */
  readonly faults?: boolean
  /** Whether every byte must be gone in the end; default true. */
  readonly strict?: boolean
  /** Whether full replication is awaited and checked; default true. */
  readonly clean?: boolean
  readonly planted?: Planted
  readonly logger?: Logger
  /** Over what the seed draws. */
  readonly plan?: Partial<Plan>
  /** Whether errors know where they come from; costs time. */
  readonly stacks?: boolean
}

export interface ScheduleReport {
  readonly seed: number
  readonly schedule: number
  readonly plan: Plan
  readonly violation: Violation | undefined
  /** Equal for equal runs. */
  readonly hash: string
  readonly events: readonly string[]
  readonly acknowledged: number
  readonly files: number
  readonly faults: Readonly<Record<string, number>>
  /** Chunks left on disks that nothing refers to. */
  readonly leftovers: number
  readonly virtualMs: number
  readonly timers: number
}

/** The cluster must be ready for uploads within so long, without faults. */
const READY_WITHIN_MS = 60_000
/** Clients that are under way when everything has healed end within so long. */
const CLIENTS_END_WITHIN_MS = 1_000_000
/** Nobody takes over from a leader that was heard within so long (`snapshot.recoverQuietMs`). */
const QUIET_MS = 60_000
/** Looks at the state between events, while something is awaited. */
const LOOK_MS = 2000

export async function runSchedule(options: ScheduleOptions): Promise<ScheduleReport> {
  const { stackTraceLimit } = Error
  // thousands of errors are thrown on purpose; where from is of interest only when somebody looks
  Error.stackTraceLimit = options.stacks === true ? stackTraceLimit : 0
  try {
    return await new Schedule(options).run()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

class Schedule {
  readonly #options: ScheduleOptions
  readonly #plan: Plan
  readonly #world: World
  readonly #ledger = new Ledger()
  readonly #destruction: Destruction
  readonly #checks: Checks
  readonly #workload: Workload
  readonly #faults: Faults
  readonly #chance: Chance
  readonly #watch: WatchingLogger | undefined
  #violation: Violation | undefined

  constructor(options: ScheduleOptions) {
    const seed = `${options.seed}/${options.schedule}`
    this.#options = options
    this.#chance = new Chance(`${seed}/plan`)
    const drawn = drawPlan(this.#chance, { faults: options.faults !== false })
    this.#plan = { ...drawn, ...options.planted?.plan, ...options.plan }
    if (this.#plan.watchesLogs) {
      const onViolation = (error: ViolationError): void => this.#failed(error)
      this.#watch = new WatchingLogger({ secrets: () => this.#ledger.secrets(), onViolation })
    }
    this.#world = new World({
      ...this.#plan,
      seed,
      folder: this.#plan.sqlite ? mkdtempSync(join(fastFolder(), 'peerbin-sim-')) : undefined,
      ...(options.planted && { planted: options.planted }),
      logger: options.logger ?? this.#watch,
      observe: (...operation) => this.#guard(() => this.#checks.observe(...operation))
    })
    const [world, ledger] = [this.#world, this.#ledger]
    this.#destruction = new Destruction({ world, ledger, recorded: (chunks) => this.#recorded(chunks) })
    this.#checks = new Checks({ world, ledger, destruction: this.#destruction })
    this.#faults = new Faults(world, this.#destruction)
    this.#workload = new Workload({
      world,
      ledger,
      equalShare: this.#plan.equalShare,
      onViolation: (error) => this.#failed(error)
    })
  }

  async run(): Promise<ScheduleReport> {
    const onRejection = (error: unknown): void =>
      this.#failed(new ViolationError('surprise', `nobody handled a rejection: ${String(error)}`))
    process.on('unhandledRejection', onRejection)
    let leftovers = 0
    try {
      await this.#begin()
      await this.#underFaults()
      await this.#heal()
      await this.#deliver()
      leftovers = await this.#clearAway()
      this.#watch?.check()
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#faults.end()
      await this.#world.end()
      process.off('unhandledRejection', onRejection)
    }
    return this.#report(leftovers)
  }

  #report(leftovers: number): ScheduleReport {
    const { trace, time } = this.#world
    return {
      seed: this.#options.seed,
      schedule: this.#options.schedule,
      plan: this.#plan,
      violation: this.#violation,
      hash: trace.hash,
      events: trace.events,
      acknowledged: this.#ledger.acknowledged.length,
      files: this.#ledger.files.length,
      faults: Object.fromEntries(this.#faults.counts),
      leftovers,
      virtualMs: Math.round(time.nowMs),
      timers: time.events
    }
  }

  async #begin(): Promise<void> {
    const world = this.#world
    world.hub.setDefaults({ delayMs: 1, jitterMs: 2 })
    const [leader, ...standby] = world.of('controller')
    for (const machine of world.machines) if (!standby.includes(machine)) world.start(machine)
    await this.#until('the cluster is ready', READY_WITHIN_MS, () => this.#isReady())
    if (leader?.process === undefined) throw new Error('the controller is not there')
  }

  /** Every edge sees all nodes in their present lives, and a controller that leads. */
  #isReady(): boolean {
    const { openEdges } = this.#world
    const nodes = this.#world.of('node').filter((machine) => !machine.isLost)
    return (
      openEdges.length === this.#plan.edges &&
      openEdges.every(
        ({ peer }) =>
          nodes.every((node) => {
            const member = peer.membership.get(node.peer)
            return member?.liveness === 'active' && member.boot === node.boot
          }) && peer.membership.active('controller').some((member) => member.term > 0)
      )
    )
  }

  async #underFaults(): Promise<void> {
    const { uploaders, filesPerUploader, pauseMs, faultsMs, faultEveryMs, destroys } = this.#plan
    for (let i = 0; i < uploaders; i++)
      this.#workload.follow(this.#workload.uploader(filesPerUploader, pauseMs))
    if (faultEveryMs === Infinity) {
      await this.#pass(faultsMs, () => this.#workload.running === 0)
      return
    }
    if (this.#plan.oldLeader) return await this.#oldLeader()
    const endsAt = this.#world.time.nowMs + faultsMs
    for (;;) {
      const pause = -Math.log(1 - this.#chance.fraction()) * faultEveryMs
      if (this.#world.time.nowMs + pause > endsAt) break
      await this.#pass(pause)
      await this.#faults.strike(destroys)
    }
    await this.#pass(endsAt - this.#world.time.nowMs)
  }

  /** A leader that nobody heard for long, whose place was taken, comes back and does not hear of it. */
  async #oldLeader(): Promise<void> {
    const world = this.#world
    const [old, next] = world.of('controller')
    if (old === undefined || next === undefined) throw new Error('two controllers are needed')
    await this.#pass(this.#chance.between(0, 15_000))
    world.pause(old, 300_000)
    await this.#pass(QUIET_MS)
    world.hub.cut(old.peer, next.peer, { silent: true })
    world.forkDatabase()
    world.start(next)
    await this.#pass(this.#chance.between(5000, 25_000))
    world.resume(old)
    await this.#pass(this.#chance.between(30_000, 60_000))
  }

  /** Invariant F. */
  async #heal(): Promise<void> {
    this.#faults.heal()
    this.#world.trace.note('everything heals')
    this.#workload.close()
    await this.#until(
      'clients under way have ended',
      CLIENTS_END_WITHIN_MS,
      () => this.#workload.running === 0
    )
    if (this.#options.clean === false) return
    const clean = async (): Promise<boolean> => (await this.#owed()) === ''
    await this.#until('everything is clean again', CLEAN_WITHIN_MS, clean, 'F', () => this.#owed())
    this.#checks.healed()
    this.#checks.recorded(await this.#look((store) => store.listOwed(64, undefined, 10_000)))
  }

  /** What keeps the cluster from being clean; empty: nothing does. */
  async #owed(): Promise<string> {
    if (!this.#isReady()) return 'the members do not all see each other'
    const nodes = this.#world.of('node').filter((machine) => !machine.isLost).length
    const owed = await this.#look((store) => store.listOwed(Math.min(3, nodes), undefined, 10))
    const words = owed.map(({ chunk, copies }) => {
      const names = copies.map(({ peer }) => this.#world.machineOf(peer)?.name)
      return `${chunk.slice(-8)} is recorded on ${names.join()}`
    })
    return words.join('; ')
  }

  /** Invariant A, by asking. */
  async #deliver(): Promise<void> {
    const { time } = this.#world
    const waiting = this.#ledger.live(time.nowMs)
    for (const file of waiting) this.#workload.follow(this.#workload.fetchInTheEnd(file))
    await this.#until(
      'the last clients have ended',
      CLIENTS_END_WITHIN_MS,
      () => this.#workload.running === 0
    )
    for (const file of waiting) this.#checks.delivered(file)
  }

  /** Every link is ended, and everything must go. */
  async #clearAway(): Promise<number> {
    const left = this.#ledger.acknowledged.filter((file) => file.revoked !== 'yes' && !isSpent(file))
    for (const file of left) this.#workload.follow(this.#workload.revoke(file, 20))
    // and those of uploads that nobody was told the outcome of: in the end they would expire
    const known = new Set(this.#ledger.acknowledged.map(({ share }) => share?.tokenHash))
    for (const [tokenHash, deleteHash] of this.#checks.links) {
      if (known.has(tokenHash)) continue
      this.#workload.follow(this.#workload.withdraw(tokenHash, deleteHash, 20).then(() => undefined))
    }
    await this.#until('every link is revoked', CLIENTS_END_WITHIN_MS, () => this.#workload.running === 0)
    await this.#pass(20_000)
    this.#checks.quiet()
    await this.#until(
      'nothing refers to anything any more',
      GONE_WITHIN_MS * 2,
      async () => (await this.#references()) === '',
      'deleted',
      () => this.#references()
    )
    if (this.#options.strict !== false)
      await this.#until('every disk is empty', FOUND_WITHIN_MS, () => this.#checks.leftovers() === 0, null)
    this.#checks.gone(this.#options.strict !== false)
    return this.#checks.leftovers()
  }

  /** What keeps data from going; empty: nothing does. Orders for machines that are lost wait until somebody retires these. */
  async #references(): Promise<string> {
    const { files, uploadsOpen, peers } = await this.#look(async (store) => ({
      ...(await store.stats(3)),
      peers: await store.listOrderPeers()
    }))
    const waiting = peers
      .map((peer) => this.#world.machineOf(peer))
      .filter((machine) => machine?.isLost !== true)
    if (files === 0 && uploadsOpen === 0 && waiting.length === 0) return ''
    return `${files} files, ${uploadsOpen} uploads, orders for ${waiting.map((machine) => machine?.name).join()}`
  }

  // ---------------------------------------------------------------- waiting and looking

  async #pass(ms: number, isDone: () => boolean = () => false): Promise<void> {
    await this.#world.time.pass(ms, () => this.#violation !== undefined || isDone())
    this.#throwIfViolated()
  }

  /** @param invariant what is violated when it does not come about; null: the caller finds out what */
  async #until(
    what: string,
    limitMs: number,
    holds: () => boolean | Promise<boolean>,
    invariant: Invariant | null = 'surprise',
    instead: () => Promise<string> = async () => ''
  ): Promise<void> {
    const endsAt = this.#world.time.nowMs + limitMs
    while (!(await holds())) {
      if (this.#world.time.nowMs >= endsAt) {
        if (invariant === null) return
        const text = `within ${limitMs / 1000} s it did not come about that ${what}`
        throw new ViolationError(invariant, `${text}: ${await instead()}`)
      }
      await this.#pass(LOOK_MS)
    }
    this.#world.trace.note(what)
  }

  async #look<T>(work: (store: MetadataStore) => Promise<T>): Promise<T> {
    return await this.#world.database.look(work)
  }

  async #recorded(chunks: readonly ChunkId[]): Promise<Map<ChunkId, Set<string>>> {
    const wanted = new Set(chunks)
    const owed = await this.#look((store) => store.listOwed(64, undefined, 10_000))
    return new Map(
      owed
        .filter(({ chunk }) => wanted.has(chunk))
        .map(({ chunk, copies }) => [chunk, new Set<string>(copies.map(({ peer }) => peer))])
    )
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (this.#violation !== undefined) return
    this.#violation =
      error instanceof ViolationError
        ? error.violation
        : {
            invariant: 'surprise',
            text: error instanceof Error ? (error.stack ?? error.message) : String(error)
          }
    this.#world.trace.note(`VIOLATION of ${this.#violation.invariant}: ${this.#violation.text}`)
  }

  #throwIfViolated(): void {
    if (this.#violation !== undefined)
      throw new ViolationError(this.#violation.invariant, this.#violation.text)
  }
}

const fastFolder = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir())
