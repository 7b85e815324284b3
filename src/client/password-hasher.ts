/**
 * Where passwords are hashed: few at once, and few that wait. Each takes tens of MiB and tens of milliseconds of a processor, so that whoever sends wrong ones by the thousand
 * must not be able to take more than a set part of the machine: `edge.passwordsAtOnce` × `link.passwordMemoryKiB`. Nor all of that: right passwords are not limited as wrong ones are, so
 * one client has at most half of the queue, and all of his but one come behind those of others.
 */

import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Random } from '../interfaces.ts'
import { newChallenge, passwordTag, recordOf } from '../protocol/password.ts'
import type { PasswordCost } from '../protocol/password.ts'
import { Budget } from '../runtime/budget.ts'
import type { PasswordChallenge, PasswordRecord } from '../types.ts'

const RETRY_AFTER_MS = 1000

export interface PasswordHasherDeps {
  readonly config: Pick<Config, 'edge' | 'link'>
  readonly random: Random
}

export class PasswordHasher {
  readonly #deps: PasswordHasherDeps
  readonly #places: Budget
  readonly #perClientMax: number
  /** Passwords of each client that are being hashed or wait. */
  readonly #ofClient = new Map<string, number>()

  constructor(deps: PasswordHasherDeps) {
    this.#deps = deps
    const { passwordsAtOnce, passwordWaitersMax } = deps.config.edge
    this.#places = new Budget(passwordsAtOnce, passwordWaitersMax)
    this.#perClientMax = Math.max(passwordsAtOnce, Math.ceil(passwordWaitersMax / 2))
  }

  /** Most that were ever hashed at once. */
  get peak(): number {
    return this.#places.peak
  }

  /**
   * What is stored for a password that somebody chose. @param password clean (protocol/password.ts) @param client whose it is, for an equal share; none: not counted
   * @param cost of argon2id; that of links when it is not given
   * @throws `busy` when too many wait; the signal's reason
   */
  async record(
    password: string,
    signal?: AbortSignal,
    client?: string,
    cost: PasswordCost = this.#linkCost()
  ): Promise<PasswordRecord> {
    const challenge = newChallenge(cost, this.#deps.random)
    return recordOf(challenge, await this.prove(password, challenge, signal, client))
  }

  #linkCost(): PasswordCost {
    const {
      passwordMemoryKiB: memoryKiB,
      passwordPasses: passes,
      passwordLanes: parallelism
    } = this.#deps.config.link
    return { memoryKiB, passes, parallelism }
  }

  /** The tag that shows a password. @throws as record */
  async prove(
    password: string,
    challenge: PasswordChallenge,
    signal?: AbortSignal,
    client?: string
  ): Promise<string> {
    if (client === undefined) return await this.#derive(password, challenge, signal, false)
    const others = this.#ofClient.get(client) ?? 0
    if (others >= this.#perClientMax) throw new PeerbinError('busy', '', { retryAfterMs: RETRY_AFTER_MS })
    this.#ofClient.set(client, others + 1)
    try {
      return await this.#derive(password, challenge, signal, others > 0)
    } finally {
      const left = (this.#ofClient.get(client) ?? 1) - 1
      if (left === 0) this.#ofClient.delete(client)
      else this.#ofClient.set(client, left)
    }
  }

  async #derive(
    password: string,
    challenge: PasswordChallenge,
    signal: AbortSignal | undefined,
    late: boolean
  ): Promise<string> {
    const place = await this.#places.acquire(1, signal, late)
    try {
      return await passwordTag(password, challenge)
    } finally {
      place.release()
    }
  }
}
