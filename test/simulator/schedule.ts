/** One schedule: a cluster, its clients, faults from a seed; then everything heals and the invariants are checked. */

import { mkdtempSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../../src/interfaces.ts'
import { Aftermath } from './aftermath.ts'
import { Chance } from './chance.ts'
import { Checks } from './checks.ts'
import { ControllerLoss } from './controller-loss.ts'
import { Course } from './course.ts'
import { Destruction } from './destruction.ts'
import { Faults } from './faults.ts'
import { Ledger, together, type Violation, ViolationError } from './ledger.ts'
import { OperatorActs } from './operator-acts.ts'
import { Operator } from './operator.ts'
import './prompt-wasm.ts'
import { playFor, type Play } from './play.ts'
import { drawPlan, type Plan, type Scenario } from './plan.ts'
import { WatchingLogger } from './secret-watch.ts'
import { VirtualTime } from './virtual-time.ts'
import { Workload } from './workload.ts'
import type { Planted } from './world-options.ts'
import { World } from './world.ts'

export interface ScheduleOptions {
  readonly seed: number
  readonly schedule: number
  /** Default `share`. */
  readonly scenario?: Scenario
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
  /** What users did, where the schedule is about them. */
  readonly played: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  /** Chunks left on disks that nothing refers to. */
  readonly leftovers: number
  /** Copies that were removed because there were enough of them elsewhere. */
  readonly trims: number
  readonly virtualMs: number
  readonly timers: number
}

/** The cluster must be ready for uploads within so long, without faults. */
const READY_WITHIN_MS = 60_000
/** Nobody takes over from a leader that was heard within so long (`snapshot.recoverQuietMs`). */
const QUIET_MS = 60_000
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
  readonly #checks: Checks
  readonly #workload: Workload
  /** What users do, where the schedule is about them. */
  readonly #play: Play | undefined
  readonly #faults: Faults
  readonly #loss: ControllerLoss
  readonly #aftermath: Aftermath
  readonly #course: Course
  readonly #chance: Chance
  readonly #watch: WatchingLogger | undefined

  constructor(options: ScheduleOptions) {
    const { scenario = options.planted?.plan?.scenario ?? 'share' } = options
    const seed = `${options.seed}/${options.schedule}${scenario === 'share' ? '' : `/${scenario}`}`
    this.#options = options
    this.#chance = new Chance(`${seed}/plan`)
    const drawn = drawPlan(this.#chance, { faults: options.faults !== false, scenario })
    this.#plan = { ...drawn, ...options.planted?.plan, ...options.plan }
    const time = new VirtualTime()
    this.#course = new Course({ time, trace: () => this.#world.trace })
    const onViolation = (error: unknown): void => this.#course.failed(error)
    if (this.#plan.watchesLogs)
      this.#watch = new WatchingLogger({ secrets: () => this.#ledger.secrets(), onViolation })
    const world = new World({
      ...this.#plan,
      seed,
      time,
      folder: this.#plan.sqlite ? mkdtempSync(join(fastFolder(), 'peerbin-sim-')) : undefined,
      ...(options.planted && { planted: options.planted }),
      logger: options.logger ?? this.#watch,
      observe: (...operation) =>
        this.#course.guard(() => {
          this.#checks.observe(...operation)
          this.#play?.observe(...operation)
        })
    })
    this.#world = world
    const ledger = this.#ledger
    // asked when there is one
    const holdings = together([
      ledger,
      {
        kept: (nowMs) => this.#play?.holdings.kept(nowMs) ?? [],
        relied: () => this.#play?.holdings.relied() ?? [],
        sent: () => this.#play?.holdings.sent() ?? []
      }
    ])
    const destruction = new Destruction({
      world,
      holdings,
      machinesMax: this.#plan.losesController ? 1 : Infinity
    })
    this.#checks = new Checks({ world, ledger, holdings, destruction })
    const operator = new Operator(world)
    const acts = new OperatorActs({ world, checks: this.#checks, operator, onViolation })
    this.#faults = new Faults(world, { destruction, acts }, this.#plan)
    this.#workload = new Workload({ world, ledger, equalShare: this.#plan.equalShare, onViolation })
    this.#play = playFor({
      world,
      ledger,
      plan: this.#plan,
      checks: this.#checks,
      workload: this.#workload,
      course: this.#course,
      chance: world.chance.fork('play')
    })
    const shared = {
      world,
      ledger,
      destruction,
      operator,
      acts,
      checks: this.#checks,
      workload: this.#workload,
      faults: this.#faults,
      course: this.#course
    }
    this.#loss = new ControllerLoss({
      ...shared,
      chance: world.chance.fork('loss'),
      absentShare: this.#plan.absentShare,
      strikeFor: (ms) => this.#strikeFor(ms)
    })
    this.#aftermath = new Aftermath({
      ...shared,
      loss: this.#loss,
      play: this.#play,
      strict: options.strict !== false,
      clean: options.clean !== false && !this.#plan.isLean,
      isLean: this.#plan.isLean
    })
  }

  async run(): Promise<ScheduleReport> {
    const onRejection = (error: unknown): void =>
      this.#course.failed(new ViolationError('surprise', `nobody handled a rejection: ${String(error)}`))
    process.on('unhandledRejection', onRejection)
    let leftovers = 0
    try {
      await this.#begin()
      await this.#underFaults()
      leftovers = await this.#aftermath.run()
      this.#watch?.check()
    } catch (error) {
      this.#course.failed(error)
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
      violation: this.#course.violation,
      hash: trace.hash,
      events: trace.events,
      acknowledged: this.#ledger.acknowledged.length,
      files: this.#ledger.files.length,
      played: this.#play?.counts ?? {},
      faults: {
        ...Object.fromEntries(this.#faults.counts),
        ...(this.#world.recovery.loss !== undefined && { loseController: 1 })
      },
      leftovers,
      trims: this.#checks.trims,
      virtualMs: Math.round(time.nowMs),
      timers: time.events
    }
  }

  async #begin(): Promise<void> {
    const world = this.#world
    world.hub.setDefaults({ delayMs: 1, jitterMs: 2 })
    const [leader, ...standby] = world.of('controller')
    for (const machine of world.machines) if (!standby.includes(machine)) world.start(machine)
    await this.#course.until('the cluster is ready', READY_WITHIN_MS, () => this.#world.isReady)
    if (leader?.process === undefined) throw new Error('the controller is not there')
  }

  async #underFaults(): Promise<void> {
    await this.#play?.begin()
    const { uploaders, filesPerUploader, pauseMs, faultsMs, faultEveryMs } = this.#plan
    for (let i = 0; i < uploaders; i++)
      this.#workload.follow(this.#workload.uploader(filesPerUploader, pauseMs))
    if (faultEveryMs === Infinity) {
      await this.#course.pass(faultsMs, () => this.#workload.running === 0)
      return
    }
    if (this.#plan.oldLeader) return await this.#oldLeader()
    if (this.#plan.losesController) return await this.#loss.run(faultsMs)
    await this.#strikeFor(faultsMs)
  }

  /** Faults by chance. */
  async #strikeFor(ms: number): Promise<void> {
    const { faultEveryMs } = this.#plan
    const endsAt = this.#world.time.nowMs + ms
    for (;;) {
      const pause = -Math.log(1 - this.#chance.fraction()) * faultEveryMs
      if (this.#world.time.nowMs + pause > endsAt) break
      await this.#course.pass(pause)
      await this.#faults.strike()
    }
    await this.#course.pass(endsAt - this.#world.time.nowMs)
  }

  /** A leader that nobody heard for long, whose place was taken, comes back and does not hear of it. */
  async #oldLeader(): Promise<void> {
    const world = this.#world
    const [old, next] = world.of('controller')
    if (old === undefined || next === undefined) throw new Error('two controllers are needed')
    await this.#course.pass(this.#chance.between(0, 15_000))
    world.pause(old, 300_000)
    await this.#course.pass(QUIET_MS)
    world.hub.cut(old.peer, next.peer, { silent: true })
    world.forkDatabase()
    world.start(next)
    await this.#course.pass(this.#chance.between(5000, 25_000))
    world.resume(old)
    await this.#course.pass(this.#chance.between(30_000, 60_000))
  }
}

const fastFolder = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir())
