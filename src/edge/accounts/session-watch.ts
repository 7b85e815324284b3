/**
 * Which sessions are active now, as an edge knows it: what the controller said at most half a second ago. A request is let in by that; what goes on longer holds a
 * guard, and all guards are asked for together every half a second. So a session that was ended is dead on every edge within a second, in mid-download too.
 *
 * When no controller can be reached, requests are turned away, and what was let in before goes on for `account.unconfirmedMs`.
 */

import { PeerbinError, asPeerbinError } from '../../errors.ts'
import type { Clock, Logger } from '../../interfaces.ts'
import { abortScope, sleep } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import type { AccountRole, SessionId } from '../../types.ts'
import { toActor } from './actor.ts'
import type { Actor } from './actor.ts'
import { SessionQuestions, textOf } from './session-questions.ts'
import type { AskSessions, SessionName } from './session-questions.ts'

/** An answer is good for so long, and open transfers are asked for so often: with the way of the question that stays below a second. */
const FRESH_MS = 500
/** Answers that are remembered. */
const REMEMBERED_MAX = 10_000

/** Fires when its session has ended; `using` it gives it back. */
export interface Guard {
  /** Aborts with `credentials-invalid`, or with `no-controller` when the session could not be confirmed for too long. */
  readonly signal: AbortSignal
  [Symbol.dispose](): void
}

interface Watched {
  readonly session: SessionId
  /** What it was let in as; less than that is an end too. */
  readonly role: AccountRole
  readonly scopes: Set<AbortScope>
  /** Clock.monotonic() of the last question that was answered with yes. */
  confirmedAt: number
}

export interface SessionWatchDeps {
  readonly ask: AskSessions
  readonly clock: Clock
  readonly logger: Logger
  readonly config: { readonly account: { readonly unconfirmedMs: number } }
}

export class SessionWatch {
  readonly #deps: SessionWatchDeps
  readonly #questions: SessionQuestions
  readonly #remembered = new Map<string, { actor: Actor; askedAt: number }>()
  /** By session and role: one that lost the role `admin` goes on as a user's, but what it opened as an admin ends. */
  readonly #watched = new Map<string, Watched>()
  readonly #stopped = abortScope()
  /** Wakes the round that sleeps. */
  #pause: AbortScope | undefined
  #rounds: Promise<void> | undefined
  /** Counts what may have ended sessions: an answer to a question from before that is not remembered. */
  #changes = 0

  constructor(deps: SessionWatchDeps) {
    this.#deps = deps
    this.#questions = new SessionQuestions(deps.ask, this.#stopped.signal)
  }

  /** Guards that are held. */
  get guards(): number {
    return [...this.#watched.values()].reduce((sum, { scopes }) => sum + scopes.size, 0)
  }

  /** The session if it is active, by an answer that is at most FRESH_MS old. @throws `no-controller`, `busy` */
  async find(name: SessionName): Promise<Actor | undefined> {
    const key = textOf(name)
    const known = this.#remembered.get(key)
    // what counts is when it was asked: the answer may have been under way for long
    if (known !== undefined && this.#now() - known.askedAt < FRESH_MS) return known.actor
    const askedAt = this.#now()
    const changes = this.#changes
    const session = await this.#questions.find(name)
    if (session === undefined) {
      this.#remembered.delete(key)
      return undefined
    }
    const actor = toActor(session)
    if (changes === this.#changes) {
      this.#remember(key, actor, askedAt)
      // whoever came with a key is looked at again by the session
      if ('key' in name) this.#remember(actor.session, actor, askedAt)
    }
    return actor
  }

  /**
   * To be called between what a request takes its time for, its body above all, and what it does then: it was let in when it began, and may have been open for long since.
   * @throws `credentials-invalid` when the session, or the role, is not there any more; `no-controller`, `busy`
   */
  async confirm({ session, role }: Pick<Actor, 'session' | 'role'>): Promise<void> {
    const actor = await this.find({ id: session })
    if (actor === undefined || (role === 'admin' && actor.role !== 'admin'))
      throw new PeerbinError('credentials-invalid')
  }

  /**
   * For what goes on after its request was let in: a transfer, a stream. Dispose of it at the end.
   *
   *   using guard = context.sessions.guard(actor)
   */
  guard(actor: Actor): Guard {
    const key = `${actor.session} ${actor.role}`
    const watched = this.#watched.get(key) ?? {
      session: actor.session,
      role: actor.role,
      scopes: new Set<AbortScope>(),
      // asked for within the last FRESH_MS: the hook let it in
      confirmedAt: this.#now()
    }
    this.#watched.set(key, watched)
    const scope = abortScope()
    watched.scopes.add(scope)
    this.#rounds ??= this.#go()
    return {
      signal: scope.signal,
      [Symbol.dispose]: () => {
        watched.scopes.delete(scope)
        if (watched.scopes.size === 0 && this.#watched.get(key) === watched) this.#watched.delete(key)
        if (this.#watched.size === 0) this.#pause?.abort(new PeerbinError('aborted'))
      }
    }
  }

  /** Something that this edge asked for may have ended sessions: nothing that is known of them counts any more, and guards are asked for at once. */
  changed(): void {
    this.#changes++
    this.#remembered.clear()
    this.#pause?.abort(new PeerbinError('aborted'))
  }

  /** Ends every question and every round; guards that are held do not fire any more. */
  async stop(): Promise<void> {
    this.#stopped.abort(new PeerbinError('shutting-down'))
    await this.#rounds
  }

  /** Rounds for as long as there are guards. Never rejects. */
  async #go(): Promise<void> {
    while (this.#watched.size > 0 && !this.#stopped.signal.aborted) {
      using pause = abortScope(this.#stopped.signal)
      this.#pause = pause
      await sleep(this.#deps.clock, FRESH_MS, pause.signal).catch(() => undefined) // woken: there is a reason to look
      this.#pause = undefined
      if (this.#watched.size > 0 && !this.#stopped.signal.aborted) await this.#look()
    }
    this.#rounds = undefined
  }

  async #look(): Promise<void> {
    const askedAt = this.#now()
    await Promise.all([...this.#watched].map(async ([key, watched]) => this.#confirm(key, watched, askedAt)))
  }

  async #confirm(key: string, watched: Watched, askedAt: number): Promise<void> {
    try {
      const session = await this.#questions.find({ id: watched.session })
      if (session === undefined || (watched.role === 'admin' && session.role !== 'admin'))
        this.#end(key, watched, new PeerbinError('credentials-invalid'))
      else watched.confirmedAt = askedAt
    } catch (thrown) {
      const error = asPeerbinError(thrown)
      if (this.#now() - watched.confirmedAt < this.#deps.config.account.unconfirmedMs) return
      this.#deps.logger.warn('a session could not be confirmed for too long: its transfers end', {
        code: error.code
      })
      this.#end(key, watched, error)
    }
  }

  #end(key: string, watched: Watched, reason: PeerbinError): void {
    if (this.#watched.get(key) === watched) this.#watched.delete(key)
    for (const scope of watched.scopes) scope.abort(reason)
  }

  #remember(key: string, actor: Actor, askedAt: number): void {
    this.#remembered.delete(key)
    this.#remembered.set(key, { actor, askedAt })
    if (this.#remembered.size <= REMEMBERED_MAX) return
    const oldest = this.#remembered.keys().next().value
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }

  #now(): number {
    return this.#deps.clock.monotonic()
  }
}
