import type { SelfDescription } from '../cluster/announcer.ts'
import type { PeerbinError } from '../errors.ts'
import { hasCode } from '../errors.ts'
import type { ChunkStore, Clock, Logger, StoreUsage } from '../interfaces.ts'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import type { NodeState } from '../types.ts'
import type { Draining } from './draining.ts'

/** Asking a disk for its free space at every heartbeat would be dearer than the heartbeat; figures may be so old. */
const USAGE_AGE_MAX_MS = 1000

export type NodeDescription = Pick<
  SelfDescription,
  'capacityBytes' | 'freeBytes' | 'usedBytes' | 'chunks' | 'state' | 'scrubbedAt' | 'quarantined'
>

export interface SelfReportDeps {
  store: ChunkStore
  clock: Clock
  logger: Logger
  /** Every chunk held was read and verified after this; wall clock, 0: not yet. */
  scrubbedAt: () => number
  draining: Pick<Draining, 'isDraining' | 'isRetired'>
}

/** What the node says of itself in its heartbeats. */
export class SelfReport {
  readonly #store: ChunkStore
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #scrubbedAt: () => number
  readonly #draining: Pick<Draining, 'isDraining' | 'isRetired'>
  #usage: StoreUsage = { chunks: 0, usedBytes: 0, capacityBytes: 0, freeBytes: 0, quarantined: 0 }
  #measuredAt = -Infinity
  #measuring: Promise<void> | undefined
  #isBroken = false

  constructor(deps: SelfReportDeps) {
    this.#scrubbedAt = deps.scrubbedAt
    this.#draining = deps.draining
    this.#store = deps.store
    this.#clock = deps.clock
    this.#logger = deps.logger
  }

  /** Told of every failure of the store to keep or remove something. */
  storeError(error: PeerbinError): void {
    if (hasCode(error, 'store-failed') && !this.#isBroken) {
      this.#isBroken = true
      this.#logger.error('the store failed: this node takes no more chunks until it is started again', {
        err: error
      })
    }
    this.#measuredAt = -Infinity // a full disk is told with the next heartbeat
  }

  async describe(): Promise<NodeDescription> {
    if (this.#clock.monotonic() - this.#measuredAt > USAGE_AGE_MAX_MS) {
      this.#measuring ??= this.#measure()
      await this.#measuring
    }
    return { ...this.#usage, state: this.#state(), scrubbedAt: this.#scrubbedAt() }
  }

  async #measure(): Promise<void> {
    try {
      this.#usage = await this.#store.usage()
    } catch (error) {
      // heartbeats must go on: the node is alive, and says that it takes nothing
      this.#logger.warn('the store does not say what it holds', { err: error })
      this.#usage = { ...this.#usage, freeBytes: 0 }
    } finally {
      this.#measuredAt = this.#clock.monotonic()
      this.#measuring = undefined
    }
  }

  /**
   * One word for what may be several things. `read-only` first: nothing may be written there at all, and somebody has to act. Then what an operator decided and
   * waits to see: a full node that is emptied would otherwise never seem to be. `full` passes by itself.
   */
  #state(): NodeState {
    if (this.#isBroken || this.#draining.isRetired) return 'read-only'
    if (this.#draining.isDraining) return 'draining'
    return this.#usage.freeBytes < CHUNK_BYTES_MAX ? 'full' : 'active'
  }
}
