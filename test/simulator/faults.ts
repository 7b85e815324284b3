/** Faults of a schedule: what breaks, when, and how it heals. */

import { PeerbinError } from '../../src/errors.ts'
import { sleep } from '../../src/runtime/deadline.ts'
import { FAILPOINTS, type FailpointName, failpoints } from '../../src/runtime/failpoints.ts'
import type { Chance } from './chance.ts'
import type { Destruction } from './destruction.ts'
import type { Machine } from './machine.ts'
import type { OperatorActs } from './operator-acts.ts'
import { cutBothWays, cutOneWay, isolate, linksOf, partition, swizzle } from './partitions.ts'
import type { Plan } from './plan.ts'
import type { World } from './world.ts'

const HOUR_MS = 3_600_000
const FAILPOINT_NAMES = Object.keys(FAILPOINTS) as FailpointName[]

/** How often each comes, beside the others. */
export const FAULTS = {
  kill: 5,
  powerLoss: 3,
  crashInCall: 8,
  failpoint: 5,
  stop: 1,
  pause: 4,
  takeOver: 3,
  clockJump: 2,
  slowNetwork: 2,
  lossyNetwork: 2,
  wildGossip: 2,
  oldHeartbeats: 2,
  fullPartition: 2,
  oneWay: 2,
  bridge: 2,
  isolate: 3,
  swizzle: 2,
  breakStream: 6,
  diskFull: 1.5,
  diskFailure: 1.5,
  rot: 1.5,
  wipe: 1,
  lose: 0.7,
  oldDisk: 1,
  drain: 3,
  retire: 3,
  scrub: 2
} as const

export type FaultKind = keyof typeof FAULTS

/** Those that take chunks away for good. */
const DESTROYING: readonly FaultKind[] = ['rot', 'wipe', 'lose', 'oldDisk']

/** Not faults but orders, which have to go well among them. */
const ORDERS: readonly FaultKind[] = ['drain', 'retire', 'scrub']

export class Faults {
  readonly #world: World
  readonly #chance: Chance
  readonly #destruction: Destruction
  readonly #acts: OperatorActs
  readonly #plan: Pick<Plan, 'destroys' | 'operates' | 'weights'>
  readonly #counts = new Map<FaultKind, number>()
  /** Takes back what is not healed by itself, in any order. */
  readonly #open = new Set<() => void>()

  constructor(
    world: World,
    { destruction, acts }: { destruction: Destruction; acts: OperatorActs },
    plan: Pick<Plan, 'destroys' | 'operates' | 'weights'>
  ) {
    this.#world = world
    this.#acts = acts
    this.#plan = plan
    this.#chance = world.chance.fork('faults')
    this.#destruction = destruction
  }

  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts
  }

  /** One fault by chance. */
  async strike(): Promise<void> {
    const { destroys, operates, weights: own } = this.#plan
    const comes = (kind: FaultKind): boolean =>
      (destroys || !DESTROYING.includes(kind)) && (operates || !ORDERS.includes(kind))
    const weights = Object.fromEntries(
      Object.entries({ ...FAULTS, ...own }).filter(([kind]) => comes(kind as FaultKind))
    ) as Record<FaultKind, number>
    const kind = this.#chance.weighted(weights)
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    await this.#does[kind]()
  }

  /** Takes back what would act on other schedules too. */
  end(): void {
    for (const undo of this.#open) undo()
    this.#open.clear()
  }

  /** Everything that can be healed is. */
  heal(): void {
    const world = this.#world
    this.end()
    world.hub.setDefaults({ delayMs: 1, jitterMs: 2, loss: 0, duplicates: 0, reorderMs: 0 })
    for (const machine of world.machines) {
      machine.disk.capacityBytes = 0
      machine.disk.failing = false
      machine.process?.disarm()
      world.resume(machine)
    }
    for (const [a, b] of linksOf(world.machines)) {
      world.hub.heal(a.peer, b.peer)
      world.hub.unbreak(a.peer, b.peer)
      world.hub.unbreak(b.peer, a.peer)
    }
    for (const machine of [...world.of('node'), ...world.of('edge')]) world.start(machine)
    // the controllers that lead are enough; the first one when there is none
    const controllers = world.of('controller').filter((machine) => !machine.isLost)
    const [first] = controllers
    if (first !== undefined && !controllers.some((machine) => machine.process !== undefined))
      world.start(first)
  }

  readonly #does: Readonly<Record<FaultKind, () => Promise<void> | void>> = {
    kill: () => this.#killSome({ silent: false }),
    powerLoss: () => this.#killSome({ silent: true }),
    crashInCall: () => {
      const { process } = this.#running()
      process?.crashAt(this.#chance.whole(1, 25), this.#chance.pick(['before', 'after']))
    },
    failpoint: () => this.#atFailpoint(),
    stop: () => {
      const machine = this.#running()
      this.#world.stop(machine)
      this.#world.startLater(machine, this.#chance.between(5500, 15_000))
    },
    pause: () => {
      const longest = this.#chance.happens(0.2) ? 80_000 : 15_000
      this.#world.pause(this.#running(), this.#chance.between(1000, longest))
    },
    takeOver: () => this.#takeOver(),
    clockJump: () => {
      const machine = this.#chance.pick(this.#world.machines)
      this.#world.clocksJumped.add(machine)
      machine.skewMs += this.#chance.pick([HOUR_MS, -HOUR_MS, this.#chance.between(-10_000, 10_000)])
      this.#world.trace.note(`the clock of ${machine.name} is off by ${Math.round(machine.skewMs / 1000)} s`)
    },
    slowNetwork: () => this.#network({ delayMs: this.#chance.between(5, 400), jitterMs: 300 }),
    lossyNetwork: () => this.#network({ loss: this.#chance.between(0.05, 0.5) }),
    wildGossip: () => this.#network({ duplicates: 0.5, reorderMs: this.#chance.between(1000, 15_000) }),
    oldHeartbeats: () => this.#replay(),
    fullPartition: () => this.#part('the cluster falls in two', partition(this.#world, this.#chance)),
    bridge: () =>
      this.#part('the cluster falls in two but for a bridge', partition(this.#world, this.#chance, true)),
    oneWay: () => this.#part('a direction is cut', cutOneWay(this.#world, this.#chance)),
    isolate: () => this.#part('a machine is cut off', isolate(this.#world, this.#chance)),
    swizzle: () => {
      const undo = swizzle(this.#world, this.#chance)
      this.#open.add(undo)
    },
    breakStream: () => this.#breakStream(),
    diskFull: () => {
      const { disk, name } = this.#chance.pick(this.#world.of('node'))
      disk.capacityBytes = Math.max(1, disk.usedBytes() + this.#chance.whole(0, 2000))
      this.#world.trace.note(`the disk of ${name} has ${disk.capacityBytes - disk.usedBytes()} bytes left`)
      this.#later(this.#chance.between(3000, 20_000), () => {
        disk.capacityBytes = 0
      })
    },
    diskFailure: () => {
      const { disk, name } = this.#chance.pick(this.#world.of('node'))
      disk.failing = true
      this.#world.trace.note(`writes of ${name} fail`)
      this.#later(this.#chance.between(500, 6000), () => {
        disk.failing = false
      })
    },
    rot: () => this.#destruction.rot(this.#chance),
    wipe: () => this.#destruction.wipe(this.#chance),
    lose: () => this.#destruction.lose(this.#chance),
    oldDisk: () => this.#destruction.restoreOld(this.#chance),
    drain: () => this.#acts.drain(this.#chance),
    retire: () => this.#acts.retire(this.#chance),
    scrub: () => this.#acts.scrub()
  }

  /** A process dies, is held up or turns somebody away at a named point of its code. */
  #atFailpoint(): void {
    const world = this.#world
    const chance = this.#chance
    const machine = chance.pick([...world.of('node'), ...world.of('controller')])
    const ofRole = machine.role === 'node' ? /^chunk/ : /^(?:upload|link|orders)/
    const name = chance.pick(FAILPOINT_NAMES.filter((point) => ofRole.test(point)))
    const does = chance.weighted({ die: 3, wait: 1, refuse: 1 })
    const waitMs = chance.between(100, 12_000)
    const run = async (): Promise<void> => {
      const { process } = machine
      disarm()
      if (process === undefined) return
      if (does === 'refuse') throw new PeerbinError('busy')
      if (does === 'wait') return await sleep(process.clock, waitMs)
      world.kill(machine, `at ${name}`)
      world.startLater(machine, chance.between(500, 10_000))
      await new Promise(() => {}) // the process goes no further
    }
    const options = { scope: machine.peer, nth: chance.whole(1, 3) }
    const disarm = failpoints.arm(name, { kind: 'run', run }, options)
    this.#open.add(disarm)
  }

  #running(): Machine {
    const running = this.#world.machines.filter((machine) => machine.process !== undefined)
    return this.#chance.pick(running.length > 0 ? running : this.#world.machines)
  }

  #killSome(options: { silent: boolean }): void {
    const count = this.#chance.happens(0.8) ? 1 : this.#chance.whole(2, 3)
    for (let i = 0; i < count; i++) {
      const machine = this.#running()
      this.#world.kill(machine, options.silent ? 'its machine loses power' : 'killed', options)
      this.#world.startLater(machine, this.#chance.between(100, this.#chance.pick([3000, 20_000, 60_000])))
    }
  }

  /** The next controller starts while the first is dead, or suspended and to come back as one that believes it leads. */
  #takeOver(): void {
    const world = this.#world
    const controllers = world.of('controller')
    const leader = controllers.find((machine) => machine.process !== undefined)
    if (leader === undefined || controllers.length < 2) return
    if (world.database.isShared && this.#chance.happens(0.7)) {
      world.pause(leader, this.#chance.between(5000, 60_000))
    } else {
      world.kill(leader, 'killed before another takes over')
      world.startLater(leader, this.#chance.between(20_000, 60_000))
    }
    const next = this.#chance.pick(controllers.filter((machine) => machine !== leader))
    if (world.database.isShared || !controllers.some((machine) => machine.process !== undefined))
      this.#later(this.#chance.between(0, 5000), () => world.start(next))
  }

  #network(settings: Parameters<World['hub']['setDefaults']>[0]): void {
    const { hub, trace } = this.#world
    trace.note(
      `the network: ${Object.entries(settings)
        .map(([key, value]) => `${key} ${Number(value).toFixed(2)}`)
        .join(', ')}`
    )
    hub.setDefaults(settings)
    const back = Object.fromEntries(Object.keys(settings).map((key) => [key, 0]))
    this.#later(this.#chance.between(3000, 25_000), () => hub.setDefaults(back))
  }

  #replay(): void {
    const { heartbeats, hub, machines, trace } = this.#world
    if (heartbeats.length === 0) return
    trace.note('old heartbeats are heard again')
    for (let i = 0; i < 10; i++) {
      const { from, topic, message } = this.#chance.pick(heartbeats)
      const to = this.#chance.pick(machines).peer
      if (to !== from) hub.replay(from, to, topic, message)
    }
  }

  #part(what: string, links: Array<readonly [Machine, Machine]>): void {
    const { world, silent } = { world: this.#world, silent: this.#chance.happens(0.5) }
    const both = what !== 'a direction is cut'
    world.trace.note(`${what}: ${links.map(([a, b]) => `${a.name}|${b.name}`).join(' ')}`)
    cutBothWays(world, links, { silent, both })
    this.#later(this.#chance.between(2000, 30_000), () => {
      for (const [a, b] of links) world.hub.heal(a.peer, b.peer)
      world.trace.note(`healed: ${what}`)
    })
  }

  #breakStream(): void {
    const a = this.#running()
    const b = this.#running()
    if (a === b) return
    this.#world.hub.breakAfter(a.peer, b.peer, this.#chance.whole(0, this.#chance.pick([200, 2000, 6000])))
    this.#open.add(() => this.#world.hub.unbreak(a.peer, b.peer))
  }

  #later(ms: number, undo: () => void): void {
    const once = (): void => {
      if (this.#open.delete(once)) undo()
    }
    this.#open.add(once)
    this.#world.time.schedule(ms, once)
  }
}
