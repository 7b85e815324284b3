/** How a schedule goes on: time passes until something comes about, or until an invariant is violated. */

import { type Invariant, type Violation, ViolationError } from './ledger.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Looks at the state between events, while something is awaited. */
const LOOK_MS = 2000

export interface Awaited {
  /** What is violated when it does not come about; default `surprise`; null: the caller finds out what. */
  readonly invariant?: Invariant | null
  /** What is there in place of it. */
  readonly instead?: () => Promise<string>
}

export class Course {
  readonly #time: VirtualTime
  readonly #trace: () => Trace
  #violation: Violation | undefined

  constructor(deps: { readonly time: VirtualTime; readonly trace: () => Trace }) {
    this.#time = deps.time
    this.#trace = deps.trace
  }

  /** The first one. */
  get violation(): Violation | undefined {
    return this.#violation
  }

  /** @throws when an invariant is violated */
  async pass(ms: number, isDone: () => boolean = () => false): Promise<void> {
    await this.#time.pass(ms, () => this.#violation !== undefined || isDone())
    if (this.#violation !== undefined)
      throw new ViolationError(this.#violation.invariant, this.#violation.text)
  }

  /** @throws when it does not come about in time */
  async until(
    what: string,
    limitMs: number,
    holds: () => boolean | Promise<boolean>,
    { invariant = 'surprise', instead = async () => '' }: Awaited = {}
  ): Promise<void> {
    const endsAt = this.#time.nowMs + limitMs
    while (!(await holds())) {
      if (this.#time.nowMs >= endsAt) {
        if (invariant === null) return
        const text = `within ${limitMs / 1000} s it did not come about that ${what}`
        throw new ViolationError(invariant, `${text}: ${await instead()}`)
      }
      await this.pass(LOOK_MS)
    }
    this.#trace().note(what)
  }

  /** Runs something beside the course until it has ended; what it throws is thrown here. */
  async along(what: string, limitMs: number, work: () => Promise<void>): Promise<void> {
    let isOver = false
    const running = work().finally(() => {
      isOver = true
    })
    running.catch(() => undefined) // awaited below
    await this.until(what, limitMs, () => isOver)
    await running
  }

  guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.failed(error)
    }
  }

  failed(error: unknown): void {
    if (this.#violation !== undefined) return
    this.#violation =
      error instanceof ViolationError
        ? error.violation
        : {
            invariant: 'surprise',
            text: error instanceof Error ? (error.stack ?? error.message) : String(error)
          }
    this.#trace().note(`VIOLATION of ${this.#violation.invariant}: ${this.#violation.text}`)
  }
}
