/** What the routes of pools have in common. Who may do what in a pool, the controller knows: by the role of whoever asks. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { PoolId } from '../../../pools.ts'
import type { GroupId } from '../../../pools.ts'
import type { RequestOf, ControlMessages } from '../../../protocol/messages.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import { refusals as anyRefusals } from '../../accounts/answers.ts'
import { groupIdOf, poolIdOf } from '../../pools/fields.ts'

export { json } from '../files/shared.ts'

export const tags = ['pools']
export const permission = { who: 'user', scope: 'pools' } as const

export const refusals = (more = '') =>
  anyRefusals(
    `401; 403 permission-denied: your role does not allow it; 404 pool-unknown${more === '' ? '' : `; ${more}`}`
  )

export const poolParams = z.object({ pool: z.string().describe('UUID of the pool') })
export const memberParams = poolParams.extend({ user: z.string().describe('UUID of the user, or `me`') })
export const batchParams = poolParams.extend({ batch: z.string().describe('UUID of the batch') })
export const groupParams = poolParams.extend({ group: z.string().describe('UUID of the group') })

type AskingActor = RequestOf<ControlMessages, 'getPool'>['actor']

/** @throws `pool-unknown` for what can be none */
export const inPool = (
  request: FastifyRequest,
  { pool }: { readonly pool: string }
): { actor: AskingActor; pool: PoolId } => ({
  actor: asking(actorOf(request)),
  pool: poolIdOf(pool)
})

/** @throws `pool-unknown`, `group-unknown` */
export const inGroup = (
  request: FastifyRequest,
  { pool, group }: { readonly pool: string; readonly group: string }
): { actor: AskingActor; pool: PoolId; group: GroupId } => ({
  ...inPool(request, { pool }),
  group: groupIdOf(group)
})

export const pageQuery = {
  after: z.string().optional().describe('the `next` of the page before'),
  limit: z.string().optional().describe('1 to 100, default 100')
}
export const nextSchema = z.string().nullable().describe('where the next page begins; null: this is the last')
