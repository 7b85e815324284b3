/** Who may do what to whom. Edges say who asks; ownership is judged here. */

import { PeerbinError } from '../../errors.ts'
import type { AccountRole, Scope, UserId } from '../../types.ts'

export interface Actor {
  /** Null: an operator. */
  readonly user: UserId | null
  readonly role: AccountRole
  /** Of an API key; absent: everything. */
  readonly scopes?: readonly Scope[] | undefined
}

/** @throws `permission-denied` */
export function mustBeAdmin({ role }: Actor): void {
  if (role !== 'admin') throw new PeerbinError('permission-denied')
}

export const isSelf = (actor: Actor, user: UserId): boolean => actor.user === user

/** @throws `permission-denied` */
export function mustReach(actor: Actor, user: UserId): void {
  if (!isSelf(actor, user)) mustBeAdmin(actor)
}

/** Whom an event names as who did it. */
export const byOf = ({ user }: Actor): UserId | undefined => user ?? undefined

/** A key gives no right that it does not have itself. @throws `permission-denied` */
export function mustHave(actor: Actor, scopes: readonly Scope[]): void {
  const { scopes: own } = actor
  if (own !== undefined && scopes.some((scope) => !own.includes(scope)))
    throw new PeerbinError('permission-denied')
  if (scopes.includes('admin')) mustBeAdmin(actor)
}
