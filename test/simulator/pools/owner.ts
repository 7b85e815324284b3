/** Whoever owns a pool: makes it, lets members in and out, closes groups on demand, archives, changes how it works, deletes it. */

import { asPeerbinError, ERRORS, hasCode } from '../../../src/errors.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import type { GroupId, GroupRecord, JoinKeyId, PoolRole, PoolSettings } from '../../../src/pools.ts'
import { hashSecret } from '../../../src/protocol/secrets.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../../../src/protocol/messages.ts'
import { uuidOf } from '../../../src/runtime/random.ts'
import type { SessionId, UserId } from '../../../src/types.ts'
import type { Chance } from '../chance.ts'
import { Asking } from '../files/asking.ts'
import type { SimUser } from '../files/users-ledger.ts'
import { ViolationError } from '../ledger.ts'
import type { Workload } from '../workload.ts'
import type { World } from '../world.ts'
import type { PoolsLedger, SimMember, SimPool } from './pools-ledger.ts'

const ACTS = {
  close: 5,
  remove: 1,
  admit: 2,
  role: 0.5,
  archive: 0.4,
  settings: 0.7,
  retry: 1,
  look: 1
} as const
type Act = keyof typeof ACTS

const PAGE = 100
const AGAIN_MS = 1500

/** What may come of asking for something that somebody else has changed, or that was asked for before. */
const EXPECTED: readonly ErrorCode[] = ['member-unknown', 'group-unknown', 'group-state', 'pool-conflict']

export interface OwnerDeps {
  readonly world: World
  readonly workload: Workload
  readonly ledger: PoolsLedger
  readonly chance: Chance
  readonly count: (what: string) => void
}

export class Owner {
  readonly pool: SimPool
  readonly user: SimUser
  readonly #asking: Asking
  readonly #deps: OwnerDeps

  constructor(pool: SimPool, user: SimUser, deps: OwnerDeps) {
    this.pool = pool
    this.user = user
    this.#deps = deps
    this.#asking = new Asking(user, deps.workload)
  }

  get #in() {
    return { actor: this.#asking.actor, pool: this.pool.id }
  }

  // ---------------------------------------------------------------- the beginning

  async create(): Promise<void> {
    const { id, name, settings } = this.pool
    await this.#asking.insist('createPool', { actor: this.#asking.actor, id, name, settings })
  }

  async admit(user: SimUser, role: PoolRole): Promise<void> {
    await this.#asking.insist('addMember', { ...this.#in, name: user.name, role })
  }

  /** A program, that is there from then on. */
  async admitProgram(name: string, role: PoolRole): Promise<SimUser> {
    const { chance } = this.#deps
    const secret = uuidOf(chance.bytes(16))
    const hash = hashSecret(secret)
    const id = uuidOf(chance.bytes(16)) as JoinKeyId
    const key = { ...this.#in, id, hash, role, ttlMs: 3_600_000, usesMax: 1 }
    await this.#asking.insist('createJoinKey', key)
    const user = uuidOf(chance.bytes(16)) as UserId
    const session = uuidOf(chance.bytes(16)) as SessionId
    const secretHash = hashSecret(uuidOf(chance.bytes(16)))
    await this.#asking.insist('joinPool', { hash, program: { user, name, session, secretHash } })
    return { id: user, name, quotaBytes: undefined }
  }

  // ---------------------------------------------------------------- what is done meanwhile

  async live(acts: number, pauseMs: number): Promise<void> {
    const { workload, chance, count } = this.#deps
    for (let i = 0; i < acts && !workload.isClosed; i++) {
      await workload.sleep(chance.between(0, 2 * pauseMs))
      const act: Act = chance.weighted(ACTS)
      count(act)
      await this.#does[act]()
    }
  }

  readonly #does: Readonly<Record<Act, () => Promise<void>>> = {
    close: async () => {
      const group = this.#some(await this.#groups('open'))
      if (group !== undefined) await this.close(group.id)
    },
    retry: async () => {
      const group = this.#some(await this.#groups('failed'))
      if (group !== undefined) await this.#ask('retryGroup', { ...this.#in, group: group.id })
    },
    remove: async () => {
      const member = this.#aMember(['producer', 'server', 'listener'])
      if (member === undefined) return
      member.wasTouched = true
      this.#note(`removes ${member.user.name}`)
      await this.#ask('removeMember', { ...this.#in, user: member.user.id })
    },
    admit: () => this.readmit(),
    role: async () => {
      const member = this.#aMember(['producer'])
      if (member === undefined) return
      member.wasTouched = true
      const { chance } = this.#deps
      const role = chance.pick(['listener', 'producer'] as const)
      this.#note(`makes ${member.user.name} a ${role}`)
      await this.#ask('changeMember', { ...this.#in, user: member.user.id, role })
    },
    archive: async () => {
      const { workload, chance } = this.#deps
      this.pool.wasArchived = true
      this.#note('archives the pool')
      await this.#ask('changePool', { ...this.#in, state: 'archived' })
      await workload.sleep(chance.between(500, 6000))
      await this.#ask('changePool', { ...this.#in, state: 'active' })
    },
    settings: async () => {
      const { chance } = this.#deps
      const { settings } = this.pool
      const changed: PoolSettings = {
        ...settings,
        graceMs: chance.whole(0, 10_000),
        windowMs: chance.pick([60_000, 60_000, 90_000, 120_000]),
        closeAtProducers: chance.pick([null, null, 2, 3])
      }
      this.pool.graces.add(changed.graceMs)
      if (changed.closeAtProducers !== null) this.pool.enough.add(changed.closeAtProducers)
      this.pool.settings = changed
      this.#note(`sets windows of ${changed.windowMs / 1000} s`)
      await this.#ask('changePool', { ...this.#in, settings: changed })
    },
    look: async () => {
      const told = await this.#ask('getPool', this.#in)
      if (told !== undefined && told.usedBytes < 0)
        throw new ViolationError('quota', 'less than nothing is used')
    }
  }

  /** Before its time. */
  async close(group: GroupId): Promise<void> {
    this.pool.demanded.add(group)
    this.#note(`closes group ${group.slice(0, 8)}`)
    await this.#ask('closeGroup', { ...this.#in, group })
  }

  /** Some of those who were put out come back, and have the role that they had. */
  async readmit(share = 0.6): Promise<void> {
    const { ledger, chance } = this.#deps
    for (const { user, role, pool, isProgram, wasTouched } of ledger.members) {
      if (pool !== this.pool || isProgram || !wasTouched || !chance.happens(share)) continue
      await this.#ask('addMember', { ...this.#in, name: user.name, role })
      if (role === 'producer') await this.#ask('changeMember', { ...this.#in, user: user.id, role })
    }
  }

  // ---------------------------------------------------------------- the end

  /** Everything goes on as it did. */
  async settle(): Promise<void> {
    await this.#asking.insist('changePool', { ...this.#in, state: 'active' })
    await this.readmit(1)
  }

  async closeAll(): Promise<void> {
    for (const { id } of await this.#groups('open')) await this.close(id)
  }

  async retryAll(): Promise<void> {
    for (const { id } of await this.#groups('failed'))
      await this.#ask('retryGroup', { ...this.#in, group: id })
  }

  /** Nobody reaches it any more. */
  async delete(): Promise<void> {
    this.pool.isDeleted = true
    const final = ['pool-unknown'] as const
    await this.#asking.insistUnless('deletePool', this.#in, final)
  }

  async #groups(state: GroupRecord['state']): Promise<GroupRecord[]> {
    return (await this.#ask('listGroups', { ...this.#in, state, limit: PAGE }))?.groups ?? []
  }

  #some<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : this.#deps.chance.pick(list)
  }

  #aMember(roles: readonly PoolRole[]): SimMember | undefined {
    const { ledger } = this.#deps
    return this.#some(ledger.members.filter(({ pool, role }) => pool === this.pool && roles.includes(role)))
  }

  #note(text: string): void {
    this.#deps.world.trace.note(`${this.user.name} ${text}`)
  }

  /** Some times, until somebody answers. @returns undefined: nobody did, or it was not to be */
  async #ask<K extends keyof ControlMessages>(
    op: K,
    message: RequestOf<ControlMessages, K>
  ): Promise<ResponseOf<ControlMessages, K> | undefined> {
    for (let attempt = 0; attempt < 5; attempt++) {
      const outcome = await this.#asking.ask(op, message)
      if (outcome !== 'unknown') {
        if ('value' in outcome) return outcome.value
        const { code } = asPeerbinError(outcome.error)
        if (hasCode(outcome.error, ...EXPECTED)) return undefined
        if (!ERRORS[code].retryable)
          throw new ViolationError(
            'rights',
            `${this.user.name} is told ${code} by ${op}: ${String(outcome.error)}`
          )
      }
      await this.#deps.workload.sleep(AGAIN_MS)
    }
    return undefined
  }
}
