/** New accounts: by those who register, by administrators, and the first administrator. */

import { isDeepStrictEqual } from 'node:util'
import { PeerbinError } from '../../errors.ts'
import type { CreateUser } from '../../metadata-store.ts'
import { hashSecret, newClaimSecret, sameHash } from '../../protocol/secrets.ts'
import { userNameKey } from '../../protocol/user-names.ts'
import type { AccountRole, SecretHash, UserId } from '../../types.ts'
import { ATTEMPT_KEYS_MAX, AttemptTable } from '../password-attempts.ts'
import { mustBeAdmin } from './actors.ts'
import type { AccountDeps, Request, Response } from './deps.ts'
import { sessionEnd } from './sign-in.ts'
import type { SignIn } from './sign-in.ts'

export interface RegistrationDeps extends AccountDeps {
  readonly signIn: SignIn
}

type NewAccount = Pick<Request<'createUser'>, 'id' | 'name' | 'password'>

export class Registration {
  readonly #deps: RegistrationDeps
  /** Accounts that an address has made; undefined: nobody counts. */
  readonly #made: AttemptTable | undefined
  /** Of the secret with which the first administrator is made; undefined: none was told. */
  #setupHash: SecretHash | undefined

  constructor(deps: RegistrationDeps) {
    const { clock, config } = deps
    this.#deps = deps
    this.#made =
      config.registrationsPerAddress === 0
        ? undefined
        : new AttemptTable({
            clock,
            windowMs: config.registrationWindowMs,
            attempts: config.registrationsPerAddress,
            keysMax: ATTEMPT_KEYS_MAX
          })
  }

  /** A new secret while there is no administrator, in place of any before; undefined when there is one. Only its hash stays here. */
  async newSetupSecret(): Promise<string | undefined> {
    if (await this.#deps.store.hasAdmin()) return undefined
    const secret = newClaimSecret(this.#deps.random)
    this.#setupHash = hashSecret(secret)
    return secret
  }

  async state(): Promise<Response<'accountState'>> {
    const { store, time, config, signIn } = this.#deps
    return {
      registration: config.registration,
      setupNeeded: !(await store.hasAdmin()),
      cost: signIn.cost,
      now: time.now()
    }
  }

  /** @throws `registration-closed`, `invite-needed`, `invite-invalid`, `setup-invalid`, `name-taken`, `rate-limited` */
  async register(message: Request<'registerUser'>): Promise<Response<'registerUser'>> {
    const { time, config, signing } = this.#deps
    const { id, name, expiresInMs } = message.session
    const giveBack = (await this.#isRepeat(message)) ? undefined : this.#count(message)
    try {
      const { by, role } = await this.#rightOf(message)
      const now = time.now()
      const session = { id, name, expiresAt: sessionEnd(now, expiresInMs, config.sessionMs) }
      const made = await this.#create(message, { role, by, session })
      // it can have ended by now, if this is a late repeat
      if (made.session === undefined) throw new PeerbinError('session-unknown')
      return { user: made.user, session: made.session, token: await signing.tokenOf(made.session) }
    } catch (error) {
      giveBack?.()
      throw error
    }
  }

  /** The same request came before, and only its answer was lost: whatever it rested on is used up. */
  async #isRepeat({ id, password }: NewAccount): Promise<boolean> {
    const known = await this.#deps.store.getUser(id)
    return known !== undefined && isDeepStrictEqual(known.password, password)
  }

  /** Takes one of those that an address may make; the answer gives it back. @throws `rate-limited` */
  #count({ client, invite, setup }: Request<'registerUser'>): (() => void) | undefined {
    const made = this.#made
    if (made === undefined || client === undefined || invite !== undefined || setup !== undefined)
      return undefined
    const retryAfterMs = made.waitMs(client)
    if (retryAfterMs > 0)
      throw new PeerbinError('rate-limited', 'Too many accounts were made from your address.', {
        retryAfterMs
      })
    made.take(client)
    return () => made.giveBack(client)
  }

  async #rightOf(message: Request<'registerUser'>): Promise<{ by: CreateUser['by']; role: AccountRole }> {
    const { store, config } = this.#deps
    const { invite, setup } = message
    if (await this.#isRepeat(message)) return { by: 'right', role: 'user' }
    if (setup !== undefined) {
      if (this.#setupHash === undefined || !sameHash(this.#setupHash, setup))
        throw new PeerbinError('setup-invalid')
      return { by: 'setup', role: 'admin' }
    }
    if (config.registration === 'closed') throw new PeerbinError('registration-closed')
    if (invite !== undefined) {
      const found = await store.findInvite(invite)
      if (found === undefined) throw new PeerbinError('invite-invalid')
      return { by: { invite }, role: found.role }
    }
    if (config.registration === 'invited') throw new PeerbinError('invite-needed')
    return { by: 'right', role: 'user' }
  }

  /** @throws `name-taken`, `permission-denied` */
  async create(message: Request<'createUser'>): Promise<Response<'createUser'>> {
    mustBeAdmin(message.actor)
    const { role, quotaBytes = null } = message
    const { user } = await this.#create(message, { role, by: 'right', quotaBytes })
    return { user }
  }

  /** @throws `name-taken` */
  async createAdmin(message: Request<'createAdmin'>): Promise<Response<'createAdmin'>> {
    const { user } = await this.#create(message, { role: 'admin', by: 'right' })
    return { user }
  }

  async #create(
    { id, name, password }: NewAccount & { id: UserId },
    {
      role,
      by,
      quotaBytes = null,
      session
    }: Omit<CreateUser, 'user'> & { role: AccountRole; quotaBytes?: number | null }
  ): ReturnType<AccountDeps['store']['createUser']> {
    const { store, time } = this.#deps
    const createdAt = time.now()
    return await store.createUser({
      user: { id, name, nameKey: userNameKey(name), role, quotaBytes, createdAt, password },
      by,
      session
    })
  }
}
