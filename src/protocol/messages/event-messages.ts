/** Events, as part of the control protocol: what happened to users' things, for the edges that tell who listens. docs/events.md explains them. */

import { z } from 'zod'
import { EVENT_TYPES } from '../../events.ts'
import { POOL_ROLES } from '../../pools.ts'
import { EVENTS_MAX, EVENTS_WAIT_MS_MAX } from '../limits.ts'
import * as s from '../schema.ts'
import { actor } from './account-messages.ts'

const noBodies = { requestBody: false, responseBody: false } as const

/** `data`: flat, in the names of HTTP. */
export const event = z.object({
  seq: s.count,
  stream: s.eventStream,
  number: s.count,
  id: s.eventId,
  type: z.enum(EVENT_TYPES),
  at: s.timeMs,
  subject: z.string().max(128),
  data: z.record(z.string().max(64), z.union([z.string(), z.number(), z.boolean(), z.null()]))
})
const limit = z.int().min(1).max(EVENTS_MAX)
const waitMs = z.int().min(0).max(EVENTS_WAIT_MS_MAX)
/** `from`: everything after this place is kept. `last`: the newest ever. `more`: the page was full; otherwise nothing is missing up to `last`. */
const page = z.object({
  events: z.array(event).max(EVENTS_MAX),
  epoch: s.eventsEpoch,
  from: s.count,
  last: s.count,
  more: z.boolean()
})

export const eventMessages = {
  /**
   * Everybody's events after a `seq`, in order; where there is none, waits up to `waitMs` for one. Without `after` none, at once: where whoever comes now goes on from is `last`. A page
   * may be shorter than asked for.
   */
  followEvents: {
    request: z.object({ after: s.count.optional(), limit, waitMs }),
    response: page,
    ...noBodies
  },
  /**
   * Events of one stream after a `number`, or without a stream everybody's after a `seq`; without `after` none. Others' and everybody's are for administrators, a pool's for its
   * members too. `poolRole`: what the actor is in the pool, once all of the page was written; null: nothing, but an administrator. `seq`: of all events up to here, those of the stream are among the ones up to `last`. Waits as followEvents. @throws `permission-denied`, `pool-unknown`
   */
  listEvents: {
    request: z.object({
      actor,
      stream: s.eventStream.optional(),
      after: s.count.optional(),
      limit,
      waitMs: waitMs.optional()
    }),
    response: page.extend({ seq: s.count, poolRole: z.enum(POOL_ROLES).nullable().optional() }),
    ...noBodies
  }
} as const
