/** Which events of a pool one of its members is told. What they become in the stream counts at once. */

import { POOL_ROLES } from '../../pools.ts'
import type { PoolRole } from '../../pools.ts'
import type { EventType, StoredEvent } from '../../events.ts'
import type { UserId } from '../../types.ts'

/** What everybody in the pool is told; beside these what is about themselves. Owners and servers are told everything. */
const FOR_EVERYBODY: ReadonlySet<EventType> = new Set<EventType>([
  'pool.changed',
  'pool.deleted',
  'group.closed',
  'group.done',
  'group.failed'
])
const FOR_MEMBER: ReadonlySet<EventType> = new Set<EventType>([
  'member.joined',
  'member.changed',
  'member.removed'
])

/** `end`: it is told, and is the last one. */
export type Seen = 'told' | 'kept' | 'end'

const isRole = (value: unknown): value is PoolRole => POOL_ROLES.some((role) => role === value)

export class PoolSight {
  readonly #user: UserId
  readonly #isAdmin: boolean
  /** Up to this `number` the role is what everything before has made of it. */
  readonly #since: number
  #role: PoolRole | null

  /** @param known the member's role when the stream had its event `last`; null: an administrator */
  constructor(
    { user, isAdmin }: { readonly user: UserId; readonly isAdmin: boolean },
    known: { readonly role: PoolRole | null; readonly last: number }
  ) {
    this.#user = user
    this.#isAdmin = isAdmin
    this.#role = known.role
    this.#since = known.last
  }

  /** Of each event of the stream in order. */
  see({ type, subject, number, data }: StoredEvent): Seen {
    const isOwn = FOR_MEMBER.has(type) && subject === this.#user
    if (number > this.#since) {
      if (type === 'pool.deleted') return 'end'
      if (isOwn && type === 'member.removed') {
        this.#role = null
        if (!this.#isAdmin) return 'end'
      } else if (isOwn) {
        const { role } = data
        if (isRole(role)) this.#role = role
      }
    }
    const seesAll = this.#isAdmin || this.#role === 'owner' || this.#role === 'server'
    return seesAll || isOwn || FOR_EVERYBODY.has(type) ? 'told' : 'kept'
  }
}
