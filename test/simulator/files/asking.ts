/** A user's requests to the controller, through whichever edge is there. */

import { asPeerbinError, ERRORS } from '../../../src/errors.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../../../src/protocol/messages.ts'
import { uuidOf } from '../../../src/runtime/random.ts'
import type { EntryRecord, SecretHash, UserId } from '../../../src/types.ts'
import type { Chance } from '../chance.ts'
import { ViolationError } from '../ledger.ts'
import type { PlayDeps } from '../play.ts'
import type { Workload } from '../workload.ts'
import type { SimUser } from './users-ledger.ts'

const AGAIN_MS = 2000
const PAGE = 100
const MADE_WITHIN_MS = 120_000
/** Nobody signs in here: their sessions are the business of edges. */
const NO_PASSWORD = {
  v: 1 as const,
  memoryKiB: 128,
  passes: 1,
  parallelism: 1,
  salt: '00'.repeat(16),
  hash: '00'.repeat(32) as SecretHash
}

export type Outcome<T> = { value: T } | { error: unknown } | 'unknown'

export class Asking {
  readonly user: SimUser
  readonly #workload: Workload

  constructor(user: SimUser, workload: Workload) {
    this.user = user
    this.#workload = workload
  }

  get actor() {
    return { user: this.user.id, role: 'user' as const }
  }

  /** Once. */
  async ask<K extends keyof ControlMessages>(
    op: K,
    message: RequestOf<ControlMessages, K>
  ): Promise<Outcome<ResponseOf<ControlMessages, K>>> {
    const edge = await this.#workload.anEdge()
    return await this.#workload.ask(edge, async () => await edge.peer.controller.call(op, message))
  }

  /** Until somebody answers. @throws ViolationError for what no repeat heals */
  async insist<K extends keyof ControlMessages>(
    op: K,
    message: RequestOf<ControlMessages, K>
  ): Promise<ResponseOf<ControlMessages, K>> {
    const answer = await this.insistUnless(op, message, [])
    if (answer === undefined) throw new Error('unreachable')
    return answer
  }

  /** @returns undefined: it was answered with one of `final` */
  async insistUnless<K extends keyof ControlMessages>(
    op: K,
    message: RequestOf<ControlMessages, K>,
    final: readonly ErrorCode[]
  ): Promise<ResponseOf<ControlMessages, K> | undefined> {
    for (;;) {
      const outcome = await this.ask(op, message)
      if (outcome !== 'unknown') {
        if ('value' in outcome) return outcome.value
        const { code } = asPeerbinError(outcome.error)
        if (final.includes(code)) return undefined
        if (!ERRORS[code].retryable)
          throw new ViolationError('versions', `${this.user.name} is told ${code} by ${op}`)
      }
      await this.#workload.sleep(AGAIN_MS)
    }
  }

  /** All of the user's files. */
  async listed(): Promise<EntryRecord[]> {
    const { actor, user } = this
    const listed: EntryRecord[] = []
    const request = { actor, owner: user.id, recursive: true, limit: PAGE } as const
    const sorted = { sort: 'name', order: 'ascending' } as const
    let after: RequestOf<ControlMessages, 'listEntries'>['after']
    for (;;) {
      const page = await this.insist('listEntries', { ...request, ...sorted, ...(after && { after }) })
      listed.push(...page.entries)
      if (page.next === null) return listed
      after = page.next
    }
  }

  async usedBytes(): Promise<number> {
    const { usedBytes } = await this.insist('spaceOf', { actor: this.actor, user: this.user.id })
    return usedBytes
  }
}

/** Makes one as an operator does. */
export async function makeUser(
  workload: Workload,
  chance: Chance,
  name: string,
  quotaBytes?: number
): Promise<SimUser> {
  const user = { id: uuidOf(chance.bytes(16)) as UserId, name, quotaBytes }
  await create(workload, user)
  return user
}

async function create(workload: Workload, user: SimUser): Promise<void> {
  const { id, name, quotaBytes = null } = user
  const actor = { user: null, role: 'admin' as const }
  const asked = { actor, id, name, role: 'user' as const, password: NO_PASSWORD, quotaBytes }
  await new Asking(user, workload).insist('createUser', asked)
}

/** All of a schedule. */
export async function makeUsers({ plan, chance, course, workload }: PlayDeps): Promise<SimUser[]> {
  const users = Array.from({ length: plan.users }, (_, i) => ({
    id: uuidOf(chance.bytes(16)) as UserId,
    name: `user-${i + 1}`,
    quotaBytes: plan.quotaBytes
  }))
  await course.along('the users are there', MADE_WITHIN_MS, async () => {
    for (const user of users) await create(workload, user)
  })
  return users
}
