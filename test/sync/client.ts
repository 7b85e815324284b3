/** A machine with a synced folder, whose engine can be killed at any step. */

import { hasCode } from '../../src/errors.ts'
import type { Logger, Random } from '../../src/interfaces.ts'
import { SyncEngine } from '../../src/sync/engine.ts'
import type { SyncOptions, SyncSummary } from '../../src/sync/engine-types.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'
import { MemoryFolder } from './memory-folder.ts'
import type { MemoryServer } from './memory-remote.ts'
import { MemoryState } from './memory-state.ts'

/** What a killed process would not live to see. */
class Killed extends Error {}

export const silent: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silent
}

/** Runs something of which the server may say no. */
export function quietly(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!hasCode(error)) throw error
  }
}

export class Client {
  readonly folder = new MemoryFolder()
  readonly state = new MemoryState()
  readonly host: string
  readonly #server: MemoryServer
  readonly #now: () => number
  readonly #random: Random
  #engine: SyncEngine | undefined
  /** Steps until the process is killed. */
  #left = Infinity
  options: Partial<SyncOptions> = {}

  constructor(server: MemoryServer, host: string, now: () => number = () => 0) {
    this.#server = server
    this.host = host
    this.#now = now
    this.#random = seededRandom(Buffer.from(host).reduce((sum, byte) => sum * 31 + byte, 7))
    this.folder.now = now
    const step = (): void => {
      if (this.#left-- <= 0) throw new Killed()
    }
    this.folder.onStep = step
    this.state.onSave = step
  }

  get engine(): SyncEngine {
    const clock = new ManualClock()
    clock.now = this.#now
    const remote = this.#server.connect()
    const parts = {
      remote,
      folder: this.folder,
      state: this.state,
      clock,
      random: this.#random,
      logger: silent
    }
    this.#engine ??= new SyncEngine(parts, { host: this.host, confirmDeletes: true, ...this.options })
    return this.#engine
  }

  /** A new process. */
  restart(): void {
    this.#engine = undefined
  }

  /** A round; with `crashAt` the process is killed at that step, of the folder, of the state or of a request, before or after it was done. */
  async sync(crashAt: number | undefined): Promise<void> {
    this.#left = crashAt ?? Infinity
    this.#server.onRequest = () => {
      if (this.#left-- <= 0) throw new Killed()
    }
    try {
      await this.engine.sync(new AbortController().signal)
    } catch (error) {
      if (this.#left > 0) throw error
      this.restart()
    } finally {
      this.#left = Infinity
      this.#server.onRequest = () => {}
    }
  }

  async syncWell(): Promise<SyncSummary> {
    return await this.engine.sync(new AbortController().signal)
  }
}
