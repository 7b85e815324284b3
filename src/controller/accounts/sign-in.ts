/** Signing in, and everything else that begins with a password. The password itself stays with the edge: what comes here is the tag of argon2id (protocol/password.ts). */

import { createHmac } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { PeerbinError, hasCode } from '../../errors.ts'
import type { StoredUser } from '../../metadata-store.ts'
import { challengeOf, isPassword, tagHash } from '../../protocol/password.ts'
import type { PasswordCost } from '../../protocol/password.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import { typedNameKey } from '../../protocol/user-names.ts'
import type { PasswordChallenge, SessionRecord } from '../../types.ts'
import { byOf, isSelf, mustBeAdmin, mustReach } from './actors.ts'
import type { AccountDeps, Request, Response } from './deps.ts'

const SALT_BYTES = 16
/** Of what is made up, where there is no key of a cluster. */
const SECRET_BYTES = 32

export interface SignInDeps extends AccountDeps {
  readonly clusterSecret: Uint8Array | undefined
}

type Outcome<T> = T | { outcome: 'wrong' } | { outcome: 'wait'; retryAfterMs: number }

export class SignIn {
  readonly #deps: SignInDeps
  readonly #secret: Uint8Array

  constructor(deps: SignInDeps) {
    this.#deps = deps
    this.#secret = deps.clusterSecret ?? deps.random.bytes(SECRET_BYTES)
  }

  get cost(): PasswordCost {
    const { passwordMemoryKiB, passwordPasses, passwordLanes } = this.#deps.config
    return { memoryKiB: passwordMemoryKiB, passes: passwordPasses, parallelism: passwordLanes }
  }

  async challenge({ name }: Request<'signInChallenge'>): Promise<Response<'signInChallenge'>> {
    const key = typedNameKey(name)
    const found = await this.#deps.store.findUser(key)
    return {
      challenge: found === undefined ? this.#madeUp(key) : challengeOf(found.password),
      cost: this.cost
    }
  }

  /** As steady as a real one: the same name gets the same salt, also after a restart. */
  #madeUp(nameKey: string): PasswordChallenge {
    const salt = createHmac('sha256', this.#secret).update(`peerbin sign-in ${nameKey}`, 'utf8').digest()
    return { v: 1, ...this.cost, salt: salt.subarray(0, SALT_BYTES).toString('hex') }
  }

  async signIn(message: Request<'signIn'>): Promise<Response<'signIn'>> {
    const { store, signing } = this.#deps
    const key = typedNameKey(message.name)
    const found = await store.findUser(key)
    return await this.#attempt(found?.user.id ?? key, message.client, async () => {
      if (found === undefined || !(await this.#isShown(found, message))) return { outcome: 'wrong' } as const
      // said only now, to somebody who knows the password
      if (found.user.state !== 'active') return { outcome: 'disabled' } as const
      const session = await this.#begin(found, message)
      if (session === 'wrong' || session === 'disabled') return { outcome: session }
      return {
        outcome: 'signed-in',
        user: found.user,
        session,
        token: await signing.tokenOf(session)
      } as const
    })
  }

  /** A request that is repeated, because its answer was lost, may have replaced the record by the one it carries. */
  async #isShown(
    { user, password }: StoredUser,
    { proof, rehash, session }: Request<'signIn'>
  ): Promise<boolean> {
    if (isPassword(password, tagHash(proof))) return true
    if (rehash === undefined || !isDeepStrictEqual(password, rehash)) return false
    const { store, time } = this.#deps
    const begun = await store.findSessions({ ids: [session.id], keys: [], now: time.now() })
    return begun.some((each) => each.user === user.id)
  }

  async #begin(
    { user, password }: StoredUser,
    { session: { id, name, expiresInMs }, rehash }: Request<'signIn'>
  ): Promise<SessionRecord | 'wrong' | 'disabled'> {
    const { store, time, config } = this.#deps
    const now = time.now()
    try {
      return await store.createSession({
        id,
        user: user.id,
        name,
        createdAt: now,
        expiresAt: sessionEnd(now, expiresInMs, config.sessionMs),
        password,
        rehash,
        sessionsMax: config.sessionsMax
      })
    } catch (error) {
      // replaced or disabled between the look and the step
      if (hasCode(error, 'login-failed', 'user-unknown')) return 'wrong'
      if (hasCode(error, 'user-disabled')) return 'disabled'
      throw error
    }
  }

  /** @throws `user-unknown`, `permission-denied` */
  async changePassword(message: Request<'changePassword'>): Promise<Response<'changePassword'>> {
    const { actor, user, proof, client, password, keepSession, keys = false } = message
    const { store } = this.#deps
    mustReach(actor, user)
    const found = await store.getUser(user)
    if (found === undefined) throw new PeerbinError('user-unknown')
    const to = { user, to: password, keep: keepSession, keys, now: this.#deps.time.now(), by: byOf(actor) }
    if (!isSelf(actor, user)) {
      mustBeAdmin(actor)
      await store.replacePassword({ ...to, keep: undefined })
      return { outcome: 'changed' }
    }
    // a repeat: what it had to prove is gone
    if (isDeepStrictEqual(found.password, password)) return { outcome: 'changed' }
    if (proof === undefined) throw new PeerbinError('permission-denied', 'The present password is needed.')
    return await this.#attempt(user, client, async () => {
      const isRight = isPassword(found.password, tagHash(proof))
      const isReplaced = isRight && (await store.replacePassword({ ...to, from: found.password }))
      return { outcome: isReplaced ? 'changed' : 'wrong' } as const
    })
  }

  /** @throws `user-unknown` */
  async resetPassword({
    name,
    password,
    keys = false
  }: Request<'resetPassword'>): Promise<Response<'resetPassword'>> {
    const { store, time } = this.#deps
    const found = await store.findUser(typedNameKey(name))
    if (found === undefined) throw new PeerbinError('user-unknown')
    await store.replacePassword({ user: found.user.id, to: password, keys, now: time.now() })
    return { user: found.user }
  }

  /**
   * An attempt is taken before anything is compared, so that any number of them at once are no more than are left; one that was not wrong is given back.
   * @param subject the user's id, since a name can be changed for another one; where nobody has the name, its key
   */
  async #attempt<T extends { outcome: string }>(
    subject: string,
    client: string | undefined,
    work: () => Promise<T>
  ): Promise<Outcome<T>> {
    const attempt = this.#deps.attempts.take(hashSecret(subject), client)
    if (attempt.waitMs > 0) return { outcome: 'wait', retryAfterMs: attempt.waitMs }
    let isWrong = false
    try {
      const result = await work()
      isWrong = result.outcome === 'wrong'
      return result
    } finally {
      if (!isWrong) attempt.giveBack()
    }
  }
}

export const sessionEnd = (now: number, expiresInMs: number | undefined, longestMs: number): number =>
  now + Math.min(expiresInMs ?? longestMs, longestMs)
