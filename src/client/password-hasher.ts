/**
 * Where passwords are hashed: few at once, and few that wait. Each takes tens of MiB and tens of milliseconds of a processor, so that whoever sends wrong ones by the thousand
 * must not be able to take more than a set part of the machine: `edge.passwordsAtOnce` × `link.passwordMemoryKiB`.
 */

import type { Config } from '../config.ts'
import type { Random } from '../interfaces.ts'
import { newChallenge, passwordTag, recordOf } from '../protocol/password.ts'
import { Budget } from '../runtime/budget.ts'
import type { PasswordChallenge, PasswordRecord } from '../types.ts'

export interface PasswordHasherDeps {
  readonly config: Pick<Config, 'edge' | 'link'>
  readonly random: Random
}

export class PasswordHasher {
  readonly #deps: PasswordHasherDeps
  readonly #places: Budget

  constructor(deps: PasswordHasherDeps) {
    this.#deps = deps
    const { passwordsAtOnce, passwordWaitersMax } = deps.config.edge
    this.#places = new Budget(passwordsAtOnce, passwordWaitersMax)
  }

  /** Most that were ever hashed at once. */
  get peak(): number {
    return this.#places.peak
  }

  /**
   * What is stored for a password that a sender chose. @param password clean (protocol/password.ts)
   * @throws `busy` when too many wait; the signal's reason
   */
  async record(password: string, signal?: AbortSignal): Promise<PasswordRecord> {
    const { config, random } = this.#deps
    const { passwordMemoryKiB: memoryKiB, passwordPasses: passes, passwordLanes: parallelism } = config.link
    const challenge = newChallenge({ memoryKiB, passes, parallelism }, random)
    return recordOf(challenge, await this.prove(password, challenge, signal))
  }

  /** The tag that shows a password. @throws as record */
  async prove(password: string, challenge: PasswordChallenge, signal?: AbortSignal): Promise<string> {
    const place = await this.#places.acquire(1, signal)
    try {
      return await passwordTag(password, challenge)
    } finally {
      place.release()
    }
  }
}
