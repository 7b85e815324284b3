/** One process of a simulated machine: it can be suspended, and killed at any call through a seam. */

import type { Clock, Timer } from '../../src/interfaces.ts'
import type { Chance } from './chance.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Where in a call through a seam a process dies: nothing was done; it was done and nobody heard. */
export type CrashPoint = 'before' | 'after'

export interface SimProcessDeps {
  /** Unique: machine and number of the start. */
  readonly name: string
  readonly time: VirtualTime
  readonly chance: Chance
  readonly trace: Trace
  /** How far the machine's wall clock is off, ms. */
  readonly skewMs: () => number
  /** Longest time that a call through a seam takes, ms. */
  readonly ioMaxMs: number
  /** Ends the process: called when it has come to the call at which it is to die. */
  readonly onCrash: (why: string) => void
}

/** Wall time at the start of every schedule. */
export const EPOCH_MS = Date.UTC(2026, 10, 21)
/** Share of calls that take time at all; each costs an event. */
const SLOW_SHARE = 0.3

const never = <T>(): Promise<T> => new Promise<T>(() => {})

export class SimProcess {
  readonly name: string
  readonly clock: Clock
  readonly chance: Chance
  /** Resolves when the process is dead. */
  readonly gone: Promise<void>
  readonly #deps: SimProcessDeps
  readonly #startedAtMs: number
  #alive = true
  #end: () => void = () => {}
  /** What became due while the process was suspended. */
  #waiting: Array<() => void> | undefined
  #calls = 0
  #crash: { atCall: number; point: CrashPoint } | undefined

  constructor(deps: SimProcessDeps) {
    this.#deps = deps
    this.name = deps.name
    this.chance = deps.chance
    this.#startedAtMs = deps.time.nowMs - deps.chance.whole(0, 1_000_000) // an arbitrary start
    this.gone = new Promise((resolve) => {
      this.#end = resolve
    })
    this.clock = {
      now: () => Math.floor(EPOCH_MS + deps.time.nowMs + deps.skewMs()),
      monotonic: () => deps.time.nowMs - this.#startedAtMs,
      setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback)
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  get isPaused(): boolean {
    return this.#waiting !== undefined
  }

  /** Calls through seams so far. */
  get calls(): number {
    return this.#calls
  }

  /** Nothing of this process runs any more, and no call of it comes back. */
  kill(): void {
    this.#alive = false
    this.#waiting = undefined
    this.#end()
  }

  /** Dies at a call through a seam, `ahead` calls from now. */
  crashAt(ahead: number, point: CrashPoint): void {
    this.#crash = { atCall: this.#calls + ahead, point }
  }

  disarm(): void {
    this.#crash = undefined
  }

  pause(): void {
    if (this.#alive) this.#waiting ??= []
  }

  resume(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    // a suspended process finds all its timers due, and runs them one after another
    for (const callback of waiting) this.#deps.time.schedule(0, () => this.run(callback))
  }

  /** Runs a callback of this process: now, when it goes on, or never. */
  run(callback: () => void): void {
    if (!this.#alive) return
    if (this.#waiting !== undefined) this.#waiting.push(callback)
    else callback()
  }

  /**
   * One call through a seam to something that survives the process. `work` is atomic and durable; the process can die before it, after it,
   * and while it waits, with the effect or without it.
   */
  async io<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    if (!this.#alive) return await never()
    const { trace, chance } = this.#deps
    this.#calls++
    trace.mix(`${this.name} ${what}`)
    const crash =
      this.#crash !== undefined && this.#calls >= this.#crash.atCall ? this.#crash.point : undefined
    if (crash === 'before') return await this.#die(what, crash)
    const delayMs = chance.happens(SLOW_SHARE) ? chance.fraction() * this.#deps.ioMaxMs : 0
    const effectFirst = chance.happens(0.5)
    if (!effectFirst && delayMs > 0) await this.#wait(delayMs)
    let outcome: { value: T } | { error: unknown }
    try {
      outcome = { value: await work() }
    } catch (error) {
      outcome = { error }
    }
    if (crash === 'after') return await this.#die(what, crash)
    if (effectFirst && delayMs > 0) await this.#wait(delayMs)
    if (!this.#alive) return await never()
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  async #die(what: string, point: CrashPoint): Promise<never> {
    this.#crash = undefined
    if (this.#alive) this.#deps.onCrash(`${point} ${what}`)
    return await never()
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#setTimer(delayMs, resolve)
    })
  }

  #setTimer(delayMs: number, callback: () => void): Timer {
    if (!this.#alive) return { cancel: () => {} }
    let cancelled = false
    const timer = this.#deps.time.schedule(delayMs, () =>
      this.run(() => {
        if (!cancelled) callback()
      })
    )
    return {
      cancel: () => {
        cancelled = true
        timer.cancel()
      }
    }
  }
}
