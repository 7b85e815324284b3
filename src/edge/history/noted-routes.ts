/**
 * Which routes are noted in the history, as a table: each names its action in `config.history`, and hooks note the request when it is over, with its outcome. What only the handler
 * knows it adds by `request.noted`.
 */

import type { FastifyRequest } from 'fastify'
import { hasCode } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import type { HistoryAction } from '../../history.ts'
import type { EntryId, UserId } from '../../types.ts'
import type { App, EdgeContext } from '../context.ts'
import { isUuid } from './query.ts'
import type { HistoryEntry } from './recorder.ts'

export interface NotedRoute {
  readonly action: HistoryAction
  /** Failures that are noted, and as what; default: all, as the same action. Of a route for anyone the others would let anybody fill the history. */
  readonly failures?: { readonly codes: readonly ErrorCode[]; readonly action: HistoryAction }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** See src/edge/history/noted-routes.ts. */
    history?: NotedRoute
  }
  interface FastifyRequest {
    /** What is noted of this request; undefined on routes that are not noted, and for HEAD. */
    noted: HistoryEntry | undefined
  }
}

/** After the permissions: whoever may not call a route at all is not noted. */
export function addHistory(app: App, { history }: Pick<EdgeContext, 'history'>): void {
  app.decorateRequest('noted', undefined)
  app.addHook('onRequest', async (request) => {
    const { history: noted, permission } = request.routeOptions.config ?? {}
    if (noted === undefined || request.method === 'HEAD') return
    request.noted = history.begin({ request, action: noted.action, ...namedBy(request, permission?.of) })
  })
  app.addHook('onResponse', async (request) => request.noted?.end())
}

/** For the error handler: notes the request, or drops it where its failure is none to note. */
export function noteFailure({ noted, routeOptions }: FastifyRequest, error: unknown): void {
  const { failures } = routeOptions.config?.history ?? {}
  if (failures === undefined) return noted?.end({ error })
  if (!hasCode(error, ...failures.codes)) return noted?.drop()
  noted?.end({ action: failures.action, error })
}

/** What the path names; whose that is, and where, the controller knows. */
function namedBy(
  { params }: FastifyRequest,
  of: 'entry' | 'user' | undefined
): { entry?: EntryId; owner?: UserId } {
  const id = typeof params === 'object' && params !== null && 'id' in params ? params.id : undefined
  const uuid = typeof id === 'string' ? id.toLowerCase() : ''
  if (!isUuid(uuid)) return {}
  if (of === 'entry') return { entry: uuid as EntryId }
  return of === 'user' ? { owner: uuid as UserId } : {}
}
