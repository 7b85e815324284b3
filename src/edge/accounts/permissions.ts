/**
 * Who may call which route, as a table: each route names its row in `config.permission`, and one hook enforces it before anything else of the request is looked at. What
 * belongs to whom (`of`) is not known here: the controller answers that. A route under /api/ or /file/ without a row does not start.
 */

import type { FastifyRequest } from 'fastify'
import { PeerbinError } from '../../errors.ts'
import type { App, EdgeContext } from '../context.ts'
import type { Scope } from '../../types.ts'
import type { Actor } from './actor.ts'

export interface Permission {
  /** `anyone`: also without credentials. `user`: whoever is signed in. `admin`: an admin. */
  readonly who: 'anyone' | 'user' | 'admin'
  /**
   * What a key must have been given. Of a route for anyone: credentials that come with the request are looked at all the same, must be good, and have it; without a scope
   * such a route does not look at them.
   */
  readonly scope?: Scope
  /** Whose the thing in the path is: the controller lets its owner and admins at it, and nobody else. */
  readonly of?: 'entry' | 'user'
  /** A key is turned away, whatever it may do: the route is about the session itself. */
  readonly sessionsOnly?: true
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** See src/edge/accounts/permissions.ts; every route under /api/ and /file/ has one. */
    permission?: Permission
  }
}

/** Where every route needs a row, errors are JSON, and bodies are. */
export const isApiPath = (path: string): boolean => /^\/(?:api|file)(?:\/|$)/.test(path)

/** @throws `permission-denied` */
export function assertPermitted(permission: Permission, actor: Actor): void {
  const { who, scope, sessionsOnly } = permission
  if (who === 'admin' && actor.role !== 'admin') throw new PeerbinError('permission-denied')
  if (sessionsOnly === true && actor.kind !== 'session') throw new PeerbinError('permission-denied')
  if (scope !== undefined && !actor.scopes.includes(scope)) throw new PeerbinError('permission-denied')
}

/** One row, as a route has named it. */
export interface PermissionRow {
  readonly method: string
  /** The route's pattern: `/api/users/:id`. */
  readonly url: string
  readonly permission: Permission
}

/**
 * Before any route is added.
 * @returns the table, which grows with every route @throws internal, when one is added under /api/ or /file/ without a row
 */
export function addPermissions(
  app: App,
  { accounts }: { readonly accounts: Pick<EdgeContext['accounts'], 'identify'> }
): readonly PermissionRow[] {
  const rows: PermissionRow[] = []
  app.decorateRequest('actor', undefined)
  app.addHook('onRoute', ({ url, method: methods, config }) => {
    const permission = config?.permission
    for (const method of [methods].flat()) {
      if (permission !== undefined) rows.push({ method, url, permission })
      else if (isApiPath(url))
        throw new PeerbinError('internal', `${method} ${url} has no row in the table of permissions`)
    }
  })
  app.addHook('onRequest', async (request: FastifyRequest) => {
    const { permission } = request.routeOptions.config ?? {}
    if (permission === undefined) return
    if (permission.who === 'anyone' && permission.scope === undefined) return
    const actor = await accounts.identify(request)
    if (actor === undefined) {
      if (permission.who === 'anyone') return
      throw new PeerbinError('credentials-missing')
    }
    assertPermitted(permission, actor)
    request.actor = actor
  })
  return rows
}
