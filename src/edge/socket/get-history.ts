/** `get-history`: as GET /api/history, over the socket. */

import type { z } from 'zod'
import { asking } from '../accounts/actor.ts'
import type { Actor } from '../accounts/actor.ts'
import { assertPermitted } from '../accounts/permissions.ts'
import type { EdgeContext } from '../context.ts'
import { recordAnswer } from '../history/answers.ts'
import { historyRequest } from '../history/query.ts'
import type { getHistory, history } from './messages.ts'

const LIMIT = 100

/** @throws `permission-denied`, `invalid-field`, `no-controller` */
export async function answerHistory(
  { controller }: Pick<EdgeContext, 'controller'>,
  actor: Actor,
  { id, limit = LIMIT, after, file }: z.output<typeof getHistory>,
  signal: AbortSignal
): Promise<z.output<typeof history>> {
  assertPermitted({ who: 'user', scope: 'history:read' }, actor)
  const asked = historyRequest({ order: 'newest', limit, after, file })
  const { records, next } = await controller.call(
    'listHistory',
    { ...asked, actor: asking(actor), of: actor.user },
    { signal }
  )
  return {
    type: 'history',
    re: id,
    records: records.map((record) => recordAnswer(record, actor)),
    next: next === null ? null : String(next)
  }
}
