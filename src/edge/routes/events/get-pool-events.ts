/** `GET /api/pools/{pool}/events`: what happens in a pool, for its members. */

import { z } from 'zod'
import { refusals } from '../../accounts/answers.ts'
import type { Route } from '../../context.ts'
import { STREAM_TYPE, answerEvents, eventsPageSchema, eventsQuery } from '../../events/answer-events.ts'
import { poolIdOf } from '../../events/pool-id.ts'

export const poolEvents: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/pools/:pool/events',
    schema: {
      summary: 'What happens in a pool, as it happens',
      description:
        'As GET /api/events, of a pool. Owners and servers are told everything; others of the pool, its groups that closed, are done or failed, and of themselves. A stream ends behind the event that says ' +
        'that its listener was removed, or the pool deleted.',
      tags: ['pools'],
      params: z.object({ pool: z.string().describe('UUID of the pool') }),
      querystring: eventsQuery,
      response: {
        200: {
          description: 'Events',
          content: {
            [STREAM_TYPE]: { schema: z.string() },
            'application/json': { schema: eventsPageSchema }
          }
        },
        ...refusals(
          '401; 403; 404 pool-unknown; 410 cursor-expired; 422 invalid-field; 429 too-many-transfers'
        )
      }
    },
    config: { permission: { who: 'user', scope: 'pools' } },
    handler: async (request, reply) => {
      const pool = poolIdOf(request.params.pool)
      return await answerEvents(context, request, reply, request.query, { pool })
    }
  })
}
