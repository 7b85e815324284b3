/** Whoever asks in the table of authorization.test.ts, and what there is to ask for. */

import type { Permission } from '../../../src/edge/accounts/permissions.ts'
import { SCOPES } from '../../../src/types.ts'
import type { AccountRole, Scope } from '../../../src/types.ts'
import type { EdgeCluster } from '../edge-cluster.ts'
import { PASSWORD, api, newAdmin, newKey, register, signIn } from './accounts-kit.ts'
import type { User } from './accounts-kit.ts'

/**
 * `owner`: of what the path names; of a route without such a thing, any user. `revoked`: a session of the owner that has ended. `key`: of the owner (of an administrator, where one is asked for),
 * with every scope but the one of the route; where it has none, with one scope that has nothing to do with it.
 */
export const COLUMNS = ['anonymous', 'other', 'owner', 'admin', 'revoked', 'key'] as const
export type Column = (typeof COLUMNS)[number]

export interface Row {
  /** Status for each column. */
  readonly answers: readonly [number, number, number, number, number, number]
  /** The path to ask for, with something in it that belongs to the owner; made anew for each column. */
  readonly path?: (world: World) => Promise<string>
  readonly body?: (world: World, column: Column) => unknown
  /** It ends sessions: whoever asks is a user of their own. */
  readonly spends?: true
  /** An answer that has no end: its status is all that is looked at. */
  readonly streams?: true
}
/** By `GET /api/…`, with the pattern of the route. */
export type Table = Readonly<Record<string, Row>>

export class World {
  readonly edges: EdgeCluster
  readonly owner: User
  readonly other: User
  readonly admin: User
  readonly #revoked: string
  readonly #keys = new Map<string, string>()
  #count = 0

  private constructor(edges: EdgeCluster, users: readonly [User, User, User], revoked: string) {
    this.edges = edges
    ;[this.owner, this.other, this.admin] = users
    this.#revoked = revoked
  }

  static async make(edges: EdgeCluster): Promise<World> {
    const url = edges.url()
    const owner = await register(url, 'owner')
    const revoked = await signIn(url, 'owner')
    await api(url, 'POST /api/logout', { token: revoked })
    return new World(edges, [owner, await register(url, 'other'), await newAdmin(edges, 'admin')], revoked)
  }

  get url(): string {
    return this.edges.url()
  }

  /** A name that nobody has. */
  freshName(): string {
    this.#count++
    return `name ${this.#count}`
  }

  /** A user of its own, signed in. */
  async #newUser(role: AccountRole): Promise<string> {
    const username = this.freshName()
    const body = { username, password: PASSWORD, role }
    await api(this.url, 'POST /api/users', { token: this.admin.token, body })
    return await signIn(this.url, username)
  }

  /** What the column comes with. @param fresh somebody of its own */
  async credentials(column: Column, permission: Permission, fresh: boolean): Promise<string | undefined> {
    switch (column) {
      case 'anonymous':
        return undefined
      case 'revoked':
        return this.#revoked
      case 'key':
        return await this.#keyWithout(permission)
      case 'other':
      case 'owner':
      case 'admin':
        return fresh ? await this.#newUser(column === 'admin' ? 'admin' : 'user') : this[column].token
    }
  }

  /** One key for each scope that is left out. */
  async #keyWithout({ who, scope }: Permission): Promise<string> {
    const { token } = who === 'admin' ? this.admin : this.owner
    const name = `${who === 'admin'} ${scope}`
    const scopes: readonly Scope[] =
      scope === undefined
        ? ['history:read']
        : SCOPES.filter((each) => each !== scope && (each !== 'admin' || who === 'admin'))
    const key = this.#keys.get(name) ?? (await newKey(this.url, token, scopes))
    this.#keys.set(name, key)
    return key
  }
}
