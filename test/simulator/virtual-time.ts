/** Time that passes only when everything that could be done by now has been done. */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Timer } from '../../src/interfaces.ts'

interface Entry {
  readonly atMs: number
  readonly order: number
  /** Undefined: cancelled. */
  run: (() => void) | undefined
}

/** Events between two turns of the event loop, so that whatever waits for one gets it. */
const EVENTS_PER_TURN = 64
/** A shorter delay can be lost when it is added to the time: whoever waits for it would wait again, for ever. */
const RESOLUTION_MS = 0.001
/** Turns of the event loop that one event may set off before it counts as an endless loop. */
const TURNS_MAX = 100_000

/** Events in order of their time, then of their making. Milliseconds from the start. */
export class VirtualTime {
  #nowMs = 0
  #order = 0
  #events = 0
  readonly #heap: Entry[] = []
  /** Work under way that ends by itself in a later turn of the event loop: SQLite's. */
  #working = 0

  get nowMs(): number {
    return this.#nowMs
  }

  /** How many events have run. */
  get events(): number {
    return this.#events
  }

  schedule(delayMs: number, run: () => void): Timer {
    const laterMs = delayMs > 0 ? Math.max(RESOLUTION_MS, delayMs) : 0
    const entry: Entry = { atMs: this.#nowMs + laterMs, order: this.#order++, run }
    push(this.#heap, entry)
    return {
      cancel: () => {
        entry.run = undefined
      }
    }
  }

  /** Runs work that needs turns of the event loop; no time passes until it has ended. */
  async holding<T>(work: () => Promise<T>): Promise<T> {
    this.#working++
    try {
      return await work()
    } finally {
      this.#working--
    }
  }

  /**
   * Inside of `holding`: a part that needs time to pass after all, because it waits for somebody else.
   * @param isAlive whether whoever does it still lives; when not, it never comes back
   */
  async releasing<T>(work: () => Promise<T>, isAlive: () => boolean): Promise<T> {
    this.#working--
    let outcome: { value: T } | { error: unknown }
    try {
      outcome = { value: await work() }
    } catch (error) {
      outcome = { error }
    }
    if (!isAlive()) return await new Promise<T>(() => {})
    this.#working++
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  /** Lets `ms` pass, or less: until `isDone`, which is asked after each event. */
  async pass(ms: number, isDone: () => boolean = () => false): Promise<void> {
    const untilMs = this.#nowMs + ms
    await this.#settle()
    while (!isDone()) {
      const next = this.#next(untilMs)
      if (next === undefined) {
        this.#nowMs = untilMs
        return
      }
      this.#nowMs = next.atMs
      this.#events++
      const run = next.run
      next.run = undefined
      run?.()
      await this.#settle()
    }
  }

  #next(untilMs: number): Entry | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.run !== undefined && top.atMs > untilMs) return undefined
      pop(this.#heap)
      if (top.run !== undefined) return top
    }
    return undefined
  }

  /** Resolves when nothing can go on any more without time passing. */
  async #settle(): Promise<void> {
    // a tick that is asked for while promises settle comes after the last of them
    await new Promise<void>((resolve) => process.nextTick(resolve))
    if (this.#events % EVENTS_PER_TURN === 0) await nextTurn()
    for (let turns = 0; this.#working > 0; turns++) {
      if (turns > TURNS_MAX) throw new Error('work that should end by itself does not')
      await nextTurn()
    }
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || !isBefore(entry, parent)) break
    heap[at] = parent
    at = above
  }
  heap[at] = entry
}

function pop(heap: Entry[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    const [a, b] = [heap[left], heap[left + 1]]
    if (a === undefined) break
    const [child, below] = b !== undefined && isBefore(b, a) ? [b, left + 1] : [a, left]
    if (!isBefore(child, last)) break
    heap[at] = child
    at = below
  }
  heap[at] = last
}
