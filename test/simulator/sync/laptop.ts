/** A machine with a synced folder, its process and its line. The engine is production's. */

import { asPeerbinError } from '../../../src/errors.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { SyncEngine } from '../../../src/sync/engine.ts'
import type { SyncParts, SyncSummary } from '../../../src/sync/engine-types.ts'
import type { Asking } from '../files/asking.ts'
import { SimProcess } from '../sim-process.ts'
import type { Workload } from '../workload.ts'
import type { World } from '../world.ts'
import { ClusterRemote, type Line } from './cluster-remote.ts'
import { LaptopDisk } from './laptop-disk.ts'
import { MemoryFolder } from './memory-folder.ts'
import { MemoryState } from './memory-state.ts'

const RESTART_MS = 2000

export interface LaptopDeps {
  readonly world: World
  readonly workload: Workload
  readonly asking: Asking
  readonly plant: (parts: SyncParts) => SyncParts
}

export class Laptop {
  readonly name: string
  readonly disk = new LaptopDisk()
  readonly #deps: LaptopDeps
  #process: SimProcess | undefined
  #starts = 0
  #line: Line & { end: () => void } = newLine()
  /** Of the last round. */
  summary: SyncSummary | undefined

  constructor(name: string, deps: LaptopDeps) {
    this.name = name
    this.#deps = deps
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  get isOnline(): boolean {
    return this.#line.isOnline
  }

  start(): void {
    const { world, workload, asking, plant } = this.#deps
    if (this.#process !== undefined) return
    const { time, trace } = world
    const name = `${this.name}#${++this.#starts}`
    const process = new SimProcess({
      name,
      time,
      chance: world.chance.fork(name),
      trace,
      skewMs: () => 0,
      ioMaxMs: world.options.ioMaxMs,
      onCrash: (why) => this.crash(why, RESTART_MS)
    })
    this.#process = process
    trace.note(`${name} starts`)
    const { clock, chance } = process
    const parts = plant({
      remote: new ClusterRemote({ asking, workload, process, line: () => this.#line }),
      folder: new MemoryFolder(this.disk, process),
      state: new MemoryState(this.disk, process),
      clock,
      random: chance,
      logger: silentLogger
    })
    const options = {
      host: this.name,
      onStep: (step: { kind: string; path: string; to?: string }) =>
        trace.note(`${name}: ${step.kind} ${step.path}${step.to === undefined ? '' : ` to ${step.to}`}`)
    }
    const engine = new SyncEngine(parts, options)
    const onRound = (summary: SyncSummary): void => {
      this.summary = summary
    }
    engine.follow(new AbortController().signal, onRound).catch((error: unknown) => {
      if (!process.alive) return
      this.crash(`it ends by itself: ${asPeerbinError(error).code}: ${String(error)}`, RESTART_MS)
    })
  }

  crash(why: string, restartMs: number): void {
    const { world } = this.#deps
    if (this.#process === undefined) return
    world.trace.note(`${this.#process.name} dies: ${why}`)
    this.#process.kill()
    this.#process = undefined
    world.time.schedule(restartMs, () => this.start())
  }

  /** Dies at one of the next calls to its disk or its line. */
  crashSoon(): void {
    const chance = this.#process?.chance
    if (chance !== undefined) this.#process?.crashAt(chance.whole(1, 40), chance.pick(['before', 'after']))
  }

  goOffline(): void {
    if (!this.#line.isOnline) return
    this.#deps.world.trace.note(`${this.name} is offline`)
    const { end, cut } = this.#line
    this.#line = { isOnline: false, cut, end }
    end()
  }

  goOnline(): void {
    if (this.#line.isOnline) return
    this.#deps.world.trace.note(`${this.name} is online`)
    this.#line = newLine()
  }

  end(): void {
    this.#process?.kill()
    this.#process = undefined
  }
}

function newLine(): Line & { end: () => void } {
  let end: () => void = () => {}
  const cut = new Promise<void>((resolve) => {
    end = resolve
  })
  return { isOnline: true, cut, end }
}
