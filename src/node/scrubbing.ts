import type { Service } from '../interfaces.ts'
import type { ScrubReport } from '../protocol/messages.ts'
import { WorkerLoop } from '../runtime/worker-loop.ts'
import { Scrubber } from './scrubber.ts'
import type { ScrubberDeps } from './scrubber.ts'

/** The scrub and the loop it runs in. */
export class Scrubbing implements Service {
  readonly #scrubber: Scrubber
  readonly #loop: WorkerLoop

  constructor(deps: ScrubberDeps) {
    this.#scrubber = new Scrubber(deps)
    this.#loop = new WorkerLoop(this.#scrubber, deps)
  }

  async start(): Promise<void> {
    await this.#loop.start()
  }

  async stop(): Promise<void> {
    await this.#loop.stop()
  }

  /** Begins a pass over everything at once, unless one that was asked for is running. */
  begin(): void {
    this.#scrubber.start()
    this.#loop.nudge()
  }

  report(): ScrubReport {
    return this.#scrubber.report()
  }

  /** Scrubber.scrubbedAt */
  scrubbedAt(): number {
    return this.#scrubber.scrubbedAt()
  }
}
