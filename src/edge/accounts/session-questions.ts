/** Which sessions are active, asked of the controller: many requests in one message. */

import { PeerbinError, asPeerbinError } from '../../errors.ts'
import { SESSIONS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { ActiveSession, SecretHash, SessionId } from '../../types.ts'

/** Questions in one message. */
const BATCH_MAX = SESSIONS_PER_PAGE_MAX
/** Messages on their way at once: while the first ones are, further questions gather for the next. */
const MESSAGES_MAX = 4
/** Requests that wait to be asked for; more are turned away. */
const WAITING_MAX = 20_000
const RETRY_AFTER_MS = 1000

/** How a request names its session: by the id in its token, or by the hash of its key. */
export type SessionName = { readonly id: SessionId } | { readonly key: SecretHash }

/** Asks the controller. Answers with those that are active, of users that are. @throws `no-controller` */
export type AskSessions = (
  names: readonly SessionName[],
  signal: AbortSignal
) => Promise<readonly ActiveSession[]>

interface Waiter {
  resolve: (session: ActiveSession | undefined) => void
  reject: (error: PeerbinError) => void
}

interface Question {
  readonly name: SessionName
  readonly waiters: Waiter[]
}

/** UUIDs and hashes cannot be mistaken for one another. */
export const textOf = (name: SessionName): string => ('id' in name ? name.id : name.key)

export class SessionQuestions {
  readonly #ask: AskSessions
  readonly #signal: AbortSignal
  readonly #gathered = new Map<string, Question>()
  #waiting = 0
  #underWay = 0

  /** @param signal ends every question */
  constructor(ask: AskSessions, signal: AbortSignal) {
    this.#ask = ask
    this.#signal = signal
  }

  /** The session, undefined when it is not active. The message leaves after this was called, never before. @throws `no-controller`, `busy` */
  async find(name: SessionName): Promise<ActiveSession | undefined> {
    if (this.#waiting >= WAITING_MAX) throw new PeerbinError('busy', '', { retryAfterMs: RETRY_AFTER_MS })
    this.#waiting++
    try {
      return await new Promise((resolve, reject) => {
        const question = this.#gathered.get(textOf(name)) ?? { name, waiters: [] }
        question.waiters.push({ resolve, reject })
        this.#gathered.set(textOf(name), question)
        // those of the same moment go along
        queueMicrotask(() => this.#send())
      })
    } finally {
      this.#waiting--
    }
  }

  #send(): void {
    while (this.#underWay < MESSAGES_MAX && this.#gathered.size > 0) {
      const batch = [...this.#gathered.values()].slice(0, BATCH_MAX)
      for (const { name } of batch) this.#gathered.delete(textOf(name))
      this.#underWay++
      void this.#settle(batch) // never rejects
    }
  }

  async #settle(batch: readonly Question[]): Promise<void> {
    try {
      const names = batch.map(({ name }) => name)
      const sessions = await this.#ask(names, this.#signal)
      const found = new Map<string, ActiveSession>()
      for (const session of sessions) {
        found.set(session.id, session)
        if (session.key !== null) found.set(session.key, session)
      }
      for (const { name, waiters } of batch)
        for (const { resolve } of waiters) resolve(found.get(textOf(name)))
    } catch (error) {
      for (const { waiters } of batch) for (const { reject } of waiters) reject(asPeerbinError(error))
    } finally {
      this.#underWay--
      this.#send()
    }
  }
}
