/** Whom the shipper brings snapshots: the nodes that may hold them, without those that did not take a base lately. */

import type { Membership } from '../../cluster/membership.ts'
import type { Config } from '../../config.ts'
import type { PeerbinError } from '../../errors.ts'
import type { Clock, Logger } from '../../interfaces.ts'
import type { Member, PeerId } from '../../types.ts'
import { chooseHolders, mayHold } from './holders.ts'
import { SAFE_COPIES } from './note-placement.ts'

/** At a start the nodes come one after the other; so long as many as are wanted are waited for. */
const SETTLE_MS = 4000
/** A node that failed is left out so long, and twice as long after each further failure. */
const PAUSE_FIRST_MS = 10_000
const PAUSE_MAX_MS = 600_000
/** One failure may be an accident, for which nothing is thought safe on fewer nodes than before. */
const FAILURES_OF_UNUSABLE = 2
/** Failures that are remembered. A node whose is forgotten is tried again early. */
const REMEMBERED_MAX = 256

export interface CandidatesDeps {
  readonly self: PeerId
  readonly membership: Membership
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Config['snapshot']
  readonly counts: (peer: PeerId) => boolean
}

interface Failure {
  /** Life of the node in which it failed last: what it has after a restart may work. */
  readonly boot: number
  /** Without a success between them. */
  readonly times: number
  readonly code: string
  /** Monotonic. */
  readonly until: number
}

export interface Choice {
  /** Who should hold the snapshots. */
  readonly chosen: readonly Member[]
  /** More nodes should be waited for, if there is no base yet. */
  readonly isEarly: boolean
  /** Nodes that count which must have something before it is safe: fewer than SAFE_COPIES only while no more can be used, as far as is known when it is called. */
  readonly needed: () => number
}

export class Candidates {
  readonly #deps: CandidatesDeps
  readonly #failures = new Map<PeerId, Failure>()
  #startedAt: number | undefined
  #lastError: string | null = null

  constructor(deps: CandidatesDeps) {
    this.#deps = deps
  }

  /** What was wrong at the last choice: why a node was left out; null: nothing. */
  get lastError(): string | null {
    return this.#lastError
  }

  /** @param current nodes that hold the present base */
  choose(current: ReadonlySet<PeerId>): Choice {
    const { self, membership, clock, config, counts } = this.#deps
    this.#startedAt ??= clock.monotonic()
    const all = membership.all().filter((member) => mayHold(member, current.has(member.peer)))
    const ready = all.filter((member) => this.#failureOf(member) === undefined)
    const [left] = all.filter((member) => this.#failureOf(member) !== undefined)
    // when all have failed it is as likely this machine's fault, and any of them may be the first that works again
    const chosen = chooseHolders(ready.length > 0 ? ready : all, {
      count: config.nodes,
      ownHost: membership.get(self)?.host,
      current
    })
    this.#lastError = all.length === 0 ? 'not-enough-nodes' : ((left && this.#failureOf(left)?.code) ?? null)
    const isSettling = clock.monotonic() - this.#startedAt < SETTLE_MS
    const needed = (): number => {
      const usable = all.filter((member) => counts(member.peer) && !this.#isUnusable(member))
      return Math.max(1, Math.min(SAFE_COPIES, config.nodes, usable.length))
    }
    const isEarly = all.length === 0 || (all.length < config.nodes && isSettling)
    return { chosen, isEarly, needed }
  }

  /** A node has a whole base: what was before is forgotten. */
  succeeded(peer: PeerId): void {
    this.#failures.delete(peer)
  }

  /** A node did not take a base. */
  failed({ peer, boot }: Pick<Member, 'peer' | 'boot'>, error: PeerbinError): void {
    const { clock, logger } = this.#deps
    const times = (this.#failures.get(peer)?.times ?? 0) + 1
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (times - 1))
    this.#failures.delete(peer)
    this.#failures.set(peer, { boot, times, code: error.code, until: clock.monotonic() + pauseMs })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > REMEMBERED_MAX && oldest !== undefined) this.#failures.delete(oldest)
    logger.warn('a node does not take the snapshots, and is left out for a while', {
      peer,
      code: error.code,
      pauseMs
    })
  }

  /** Why it is left out at present. */
  #failureOf({ peer, boot }: Member): Failure | undefined {
    const failure = this.#failures.get(peer)
    const isPaused = failure?.boot === boot && this.#deps.clock.monotonic() < failure.until
    return isPaused ? failure : undefined
  }

  #isUnusable(member: Member): boolean {
    return (this.#failureOf(member)?.times ?? 0) >= FAILURES_OF_UNUSABLE
  }
}
