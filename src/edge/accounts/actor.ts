/** Who makes a request: a user, signed in on some machine or by a program's key, and what that gives the right to. */

import type { FastifyRequest } from 'fastify'
import { PeerbinError } from '../../errors.ts'
import type { ControlMessages, RequestOf } from '../../protocol/messages.ts'
import { SCOPES } from '../../types.ts'
import type { AccountRole, ActiveSession, Scope, SessionId, SessionKind, UserId } from '../../types.ts'

export interface Actor {
  readonly user: UserId
  readonly name: string
  /** What the request may do as: `admin` only for admins who are signed in, and for their keys with the scope `admin`. */
  readonly role: AccountRole
  /** Of the sign-in, or of the key. */
  readonly session: SessionId
  readonly kind: SessionKind
  readonly scopes: readonly Scope[]
  /** ms since the epoch; null: never, as keys may have it. */
  readonly expiresAt: number | null
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the hook of permissions.ts before the handler of a route that only users reach, and of one for anyone that names a scope. */
    actor: Actor | undefined
  }
}

/** The user behind a request whose route asks for one. @throws `credentials-missing` where the route does not, and nobody came */
export function actorOf(request: FastifyRequest): Actor {
  if (request.actor === undefined) throw new PeerbinError('credentials-missing')
  return request.actor
}

/**
 * The actor of an active session. A session has every scope that its user can have; a key has its own, and without `admin` it acts as a user, whoever it
 * belongs to.
 */
export function toActor({ id, user, name, role, kind, scopes: given, expiresAt }: ActiveSession): Actor {
  const scopes = (kind === 'session' ? SCOPES : given).filter(
    (scope) => scope !== 'admin' || role === 'admin'
  )
  return {
    user,
    name,
    role: scopes.includes('admin') ? 'admin' : 'user',
    session: id,
    kind,
    scopes,
    expiresAt
  }
}

/** How messages to the controller name who asks: `controller.call('getUser', { actor: asking(actor), … })`. */
export const asking = ({
  user,
  role,
  kind,
  scopes
}: Pick<Actor, 'user' | 'role' | 'kind' | 'scopes'>): RequestOf<ControlMessages, 'getUser'>['actor'] => ({
  user,
  role,
  ...(kind === 'key' && { scopes: [...scopes] })
})
