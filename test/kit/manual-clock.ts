/** A clock that moves only when it is told to. */

import { setImmediate } from 'node:timers/promises'
import type { Clock, Timer } from '../../src/interfaces.ts'

/** Turns of the event loop given to what a timer set off; chains of awaits in memory need one. */
const SETTLE_TURNS = 4

interface Pending {
  dueAt: number
  order: number
  callback: () => void
}

/** Starts at a fixed wall time, so that tests are the same every day. */
export class ManualClock implements Clock {
  #wallMs: number
  #monotonicMs = 0
  #order = 0
  readonly #pending = new Set<Pending>()

  constructor(wallMs = Date.UTC(2026, 10, 21)) {
    this.#wallMs = wallMs
  }

  now(): number {
    return this.#wallMs
  }

  monotonic(): number {
    return this.#monotonicMs
  }

  /** Timers that were neither run nor cancelled. */
  get timers(): number {
    return this.#pending.size
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { dueAt: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback }
    this.#pending.add(timer)
    return { cancel: () => this.#pending.delete(timer) }
  }

  /** Moves the wall clock alone, as an operator or NTP does. */
  jump(ms: number): void {
    this.#wallMs += ms
  }

  /** Lets `ms` pass: runs timers in order of their time (then of their making), and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const until = this.#monotonicMs + ms
    await settle()
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#moveTo(next.dueAt)
      this.#pending.delete(next)
      next.callback()
      await settle()
    }
    this.#moveTo(until)
  }

  #next(until: number): Pending | undefined {
    return [...this.#pending]
      .filter((timer) => timer.dueAt <= until)
      .sort((a, b) => a.dueAt - b.dueAt || a.order - b.order)[0]
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }
}

/** Lets everything run that waits for promises only. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await setImmediate()
}
