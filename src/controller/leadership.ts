/** Whether this controller leads: its term, and what ends it. */

import type { Membership } from '../cluster/membership.ts'
import { PeerbinError } from '../errors.ts'
import type { Logger, StepResult, Worker } from '../interfaces.ts'
import type { Member, PeerId, Term } from '../types.ts'

/** A caller looks for another controller after so long. */
const RETRY_AFTER_MS = 1000
/** A start takes about so long. */
const STARTING_RETRY_MS = 200
/** Work of a controller that no longer leads is looked at again so seldom: leading does not come back without a restart. */
const IDLE_FENCED_MS = 60_000

export const NO_TERM = 0 as Term

/**
 * The member that leads in place of `self`, if there is one: a greater term wins; of two that took the same term from stores that know nothing
 * of each other, the greater peer id does, so that exactly one goes on.
 */
export function rivalOf(self: PeerId, term: Term, members: readonly Member[]): Member | undefined {
  return members.find(
    (other) => other.peer !== self && (other.term > term || (other.term === term && other.peer > self))
  )
}

/** Greatest term any peer was heard to lead in. */
export const greatestTerm = (members: readonly Member[]): Term =>
  members.reduce((greatest, member) => (member.term > greatest ? member.term : greatest), NO_TERM)

type Phase = 'starting' | 'leading' | 'lost' | 'stopping'

/**
 * A controller leads from `begin` until it stops, or until somebody shows a greater term. Losing is for good: a process that was suspended
 * while another took over must not come back by itself.
 */
export class Leadership {
  readonly #self: PeerId
  readonly #membership: Membership
  readonly #logger: Logger
  #term = NO_TERM
  #phase: Phase = 'starting'

  constructor(deps: { self: PeerId; membership: Membership; logger: Logger }) {
    this.#self = deps.self
    this.#membership = deps.membership
    this.#logger = deps.logger
  }

  /** The term taken at start; 0 before. */
  get term(): Term {
    return this.#term
  }

  get leads(): boolean {
    return this.#phase === 'leading'
  }

  begin(term: Term): void {
    this.#term = term
    this.#phase = 'leading'
    this.check()
  }

  /** Stops leading without a word: the process stops. */
  end(): void {
    this.#phase = 'stopping'
  }

  /** Stops leading for good. */
  lose(reason: string, fields: Record<string, string | number> = {}): void {
    if (this.#phase !== 'leading') return
    this.#phase = 'lost'
    this.#logger.error('this controller no longer leads and must be stopped', {
      reason,
      term: this.#term,
      ...fields
    })
  }

  /** Compares the own term with those the members announce. */
  check(): void {
    if (this.#phase !== 'leading') return
    const rival = rivalOf(this.#self, this.#term, this.#membership.all())
    if (rival !== undefined) {
      this.lose('another controller leads', { leader: rival.peer, leaderTerm: rival.term })
    }
  }

  /** @throws `no-controller` when this one was overtaken; `busy` or `shutting-down`, which callers repeat, around start and stop. */
  assert(): void {
    switch (this.#phase) {
      case 'leading':
        return
      case 'starting':
        throw new PeerbinError('busy', 'The controller is starting.', { retryAfterMs: STARTING_RETRY_MS })
      case 'stopping':
        throw new PeerbinError('shutting-down')
      case 'lost':
        throw new PeerbinError('no-controller', 'This controller does not lead.', {
          retryAfterMs: RETRY_AFTER_MS
        })
    }
  }
}

/** A worker that does nothing once its controller no longer leads. */
export function whileLeading(worker: Worker, leadership: Leadership): Worker {
  return {
    name: worker.name,
    idleMs: worker.idleMs,
    async step(signal: AbortSignal): Promise<StepResult> {
      return leadership.leads ? await worker.step(signal) : { retryAfterMs: IDLE_FENCED_MS }
    }
  }
}
