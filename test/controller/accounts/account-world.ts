/** The controller's accounts over a store in memory, with what an edge does for a person: it hashes passwords and makes ids. */

import { parseConfig } from '../../../src/config.ts'
import type { ConfigInput } from '../../../src/config.ts'
import { createAccounts } from '../../../src/controller/accounts/accounts.ts'
import type { Accounts, AccountOp } from '../../../src/controller/accounts/accounts.ts'
import { StoreTime } from '../../../src/controller/store-time.ts'
import type { StepResult } from '../../../src/interfaces.ts'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import type { MetadataStore } from '../../../src/metadata-store.ts'
import type { AccountMessages, RequestOf, ResponseOf } from '../../../src/protocol/messages.ts'
import { newChallenge, passwordTag, recordOf } from '../../../src/protocol/password.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { randomUuid } from '../../../src/runtime/random.ts'
import type { PasswordRecord, SessionId, UserId, UserRecord } from '../../../src/types.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { seededRandom } from '../../kit/seeded-random.ts'

export const CHEAP = { passwordMemoryKiB: 128, passwordPasses: 1 }
export const SECRET = new Uint8Array(32).fill(7)

type Signed = ResponseOf<AccountMessages, 'signIn'>

export class AccountWorld {
  readonly clock = new ManualClock(1_800_000_000_000)
  readonly random = seededRandom(3)
  readonly store: MetadataStore
  readonly time: StoreTime
  accounts: Accounts
  #config: ConfigInput['account']

  private constructor(store: MetadataStore, config: ConfigInput['account']) {
    this.store = store
    this.time = new StoreTime(this.clock)
    this.time.resume(0, 1000)
    this.#config = config
    this.accounts = this.#make()
  }

  static async make(config: ConfigInput['account'] = {}): Promise<AccountWorld> {
    const store = new MemoryMetadataStore()
    await store.open()
    return new AccountWorld(store, config)
  }

  #make(clusterSecret: Uint8Array | undefined = SECRET): Accounts {
    const { store, clock, random, time } = this
    const config = parseConfig({ account: { ...CHEAP, ...this.#config } })
    return createAccounts({ store, clock, random, time, config, clusterSecret, logger: silentLogger })
  }

  /** The controller starts again, with other settings if they are given. */
  restart(config: ConfigInput['account'] = {}, clusterSecret: Uint8Array = SECRET): void {
    this.#config = { ...this.#config, ...config }
    this.accounts = this.#make(clusterSecret)
  }

  call<K extends AccountOp>(
    op: K,
    message: RequestOf<AccountMessages, K>
  ): Promise<ResponseOf<AccountMessages, K>> {
    return this.accounts.handlers[op](message, new AbortController().signal)
  }

  async step(): Promise<StepResult | undefined> {
    return await this.accounts.workers[0]?.step(new AbortController().signal)
  }

  userId = (): UserId => randomUuid(this.random) as UserId
  session = (): { id: SessionId; name: string } => ({
    id: randomUuid(this.random) as SessionId,
    name: 'curl/8'
  })

  async record(password: string): Promise<PasswordRecord> {
    const { cost } = await this.call('accountState', {})
    const challenge = newChallenge(cost, this.random)
    return recordOf(challenge, await passwordTag(password, challenge))
  }

  /** What an edge shows for a password. */
  async proof(name: string, password: string): Promise<string> {
    const { challenge } = await this.call('signInChallenge', { name })
    return await passwordTag(password, challenge)
  }

  async registration(
    name: string,
    fields: Partial<RequestOf<AccountMessages, 'registerUser'>> = {}
  ): Promise<RequestOf<AccountMessages, 'registerUser'>> {
    return {
      id: this.userId(),
      name,
      password: await this.record(`password of ${name}`),
      session: this.session(),
      ...fields
    }
  }

  async register(name: string): Promise<ResponseOf<AccountMessages, 'registerUser'>> {
    return await this.call('registerUser', await this.registration(name))
  }

  async admin(name: string): Promise<UserRecord> {
    const password = await this.record(`password of ${name}`)
    return (await this.call('createAdmin', { id: this.userId(), name, password })).user
  }

  async signIn(
    name: string,
    password = `password of ${name}`,
    fields: Partial<RequestOf<AccountMessages, 'signIn'>> = {}
  ): Promise<Signed> {
    const proof = await this.proof(name, password)
    return await this.call('signIn', { name, proof, session: this.session(), ...fields })
  }

  /** Whether those sessions hold, in order. */
  async hold(...ids: SessionId[]): Promise<boolean[]> {
    const { sessions } = await this.call('findSessions', { ids, keys: [] })
    return ids.map((id) => sessions.some((session) => session.id === id))
  }
}

export const ofUser = (user: UserRecord) => ({ user: user.id, role: user.role })
export const OPERATOR = { user: null, role: 'admin' } as const
