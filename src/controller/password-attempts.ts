/**
 * How many wrong passwords are heard: so many for one subject (a link, or the name of a user) and for one address, from whatever edge they come, each coming back one by one over
 * the window. Those of one address for one subject take twice as long, so that whoever guesses all the time leaves every second one to others, and cannot keep the recipient or the
 * user out for ever. What goes on is remembered in memory only, so that a controller that starts again begins anew (docs/share-links.md says what that means).
 */

import type { Config } from '../config.ts'
import type { Clock } from '../interfaces.ts'

/**
 * Subjects, and addresses, that are remembered at most, about 150 bytes each. When there are more, the one goes that would be forgotten first anyway: to make the controller forget
 * one, somebody has to give as many wrong passwords to each of so many others, and each of those costs an edge the time of a hash.
 */
export const ATTEMPT_KEYS_MAX = 20_000

/** See above: attempts of one address for one subject come back so many times slower than those for the subject. */
const PAIR_FACTOR = 2

/** So many attempts for one subject and from one address come back within `windowMs`. */
export interface AttemptLimits {
  readonly windowMs: number
  readonly perSubject: number
  readonly perAddress: number
}

export const linkAttempts = (config: Config['link']): AttemptLimits => ({
  windowMs: config.passwordWindowMs,
  perSubject: config.passwordAttempts,
  perAddress: config.passwordAttemptsPerAddress
})

export const signInAttempts = (config: Config['account']): AttemptLimits => ({
  windowMs: config.signInWindowMs,
  perSubject: config.signInAttempts,
  perAddress: config.signInAttemptsPerAddress
})

/** One attempt: taken before the password is compared, so that any number of them at once cannot be more than are left. */
export interface Attempt {
  /** 0: it may be compared; otherwise it must not be, and the next one may be after so long. */
  readonly waitMs: number
  /** The password was right, or was not compared: the attempt does not count. */
  giveBack(): void
}

export class PasswordAttempts {
  readonly #subjects: AttemptTable
  readonly #clients: AttemptTable
  /** Of one address for one subject. */
  readonly #pairs: AttemptTable

  constructor(clock: Clock, limits: AttemptLimits, keysMax = ATTEMPT_KEYS_MAX) {
    const { windowMs, perSubject, perAddress } = limits
    this.#subjects = new AttemptTable({ clock, windowMs, attempts: perSubject, keysMax })
    this.#clients = new AttemptTable({ clock, windowMs, attempts: perAddress, keysMax })
    this.#pairs = new AttemptTable({
      clock,
      windowMs: windowMs * PAIR_FACTOR,
      attempts: perSubject,
      keysMax
    })
  }

  /** How long the next attempt has to wait; 0: it may come now. */
  waitMs(subject: string, client: string | undefined): number {
    return Math.max(...this.#counted(subject, client).map(([table, key]) => table.waitMs(key)))
  }

  take(subject: string, client: string | undefined): Attempt {
    const waitMs = this.waitMs(subject, client)
    if (waitMs > 0) return { waitMs, giveBack: () => {} }
    const counted = this.#counted(subject, client)
    for (const [table, key] of counted) table.take(key)
    return {
      waitMs: 0,
      giveBack: () => {
        for (const [table, key] of counted) table.giveBack(key)
      }
    }
  }

  /** Everywhere an attempt counts. `subject` has no blank in it. */
  #counted(subject: string, client: string | undefined): Array<[AttemptTable, string]> {
    if (client === undefined) return [[this.#subjects, subject]]
    return [
      [this.#subjects, subject],
      [this.#clients, client],
      [this.#pairs, `${subject} ${client}`]
    ]
  }

  /** Subjects and addresses that are remembered. */
  get size(): { subjects: number; clients: number } {
    return { subjects: this.#subjects.size, clients: this.#clients.size }
  }
}

export interface AttemptTableDeps {
  readonly clock: Clock
  readonly windowMs: number
  readonly attempts: number
  readonly keysMax: number
}

/** One number for a key: when everything it has taken will have come back (the generic cell rate algorithm, ITU-T I.371). */
export class AttemptTable {
  readonly #deps: AttemptTableDeps
  /** An attempt comes back after so long; whole milliseconds, so that sums are exact. */
  readonly #stepMs: number
  readonly #freeAt = new Map<string, number>()

  constructor(deps: AttemptTableDeps) {
    this.#deps = deps
    this.#stepMs = Math.ceil(deps.windowMs / deps.attempts)
  }

  get size(): number {
    return this.#freeAt.size
  }

  waitMs(key: string): number {
    const takenMs = (this.#freeAt.get(key) ?? 0) - this.#now()
    return Math.max(0, takenMs - this.#stepMs * (this.#deps.attempts - 1))
  }

  take(key: string): void {
    const now = this.#now()
    if (!this.#freeAt.has(key)) this.#makeRoom(now)
    this.#freeAt.set(key, Math.max(this.#freeAt.get(key) ?? 0, now) + this.#stepMs)
  }

  giveBack(key: string): void {
    const freeAt = this.#freeAt.get(key)
    if (freeAt === undefined) return // it was forgotten meanwhile, or has come back by itself
    if (freeAt - this.#stepMs <= this.#now()) this.#freeAt.delete(key)
    else this.#freeAt.set(key, freeAt - this.#stepMs)
  }

  /** Looks at all of them, but only when there is no room: each new key is a password that was hashed, which takes far longer. */
  #makeRoom(now: number): void {
    if (this.#freeAt.size < this.#deps.keysMax) return
    let soonest: string | undefined
    let soonestAt = Infinity
    for (const [key, freeAt] of this.#freeAt) {
      if (freeAt <= now) this.#freeAt.delete(key)
      else if (freeAt < soonestAt) {
        soonest = key
        soonestAt = freeAt
      }
    }
    if (this.#freeAt.size >= this.#deps.keysMax && soonest !== undefined) this.#freeAt.delete(soonest)
  }

  #now(): number {
    return Math.floor(this.#deps.clock.monotonic())
  }
}
