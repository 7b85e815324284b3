/** `GET /api/events`: what happens to one's things, as it happens and since a cursor. */

import { z } from 'zod'
import type { UserId } from '../../../types.ts'
import { refusals } from '../../accounts/answers.ts'
import type { Route } from '../../context.ts'
import {
  STREAM_TYPE,
  answerEvents,
  eventsPageSchema,
  eventsQuery,
  invalid
} from '../../events/answer-events.ts'
import { isUuid } from '../../history/query.ts'

const query = eventsQuery.extend({
  owner: z
    .string()
    .max(64)
    .optional()
    .describe('for administrators: the user_id of whose events, or `*`: everybody’s; default: one’s own')
})

/** @throws `invalid-field` */
function ownerOf(text: string): UserId | '*' {
  if (text !== '*' && !isUuid(text.toLowerCase())) throw invalid('owner', 'not a user_id')
  return text === '*' ? text : (text.toLowerCase() as UserId)
}

export const events: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/events',
    schema: {
      summary: 'What happens to one’s things, as it happens',
      description:
        'Files, versions, links, sessions and the account, as CloudEvents, in order and each at least once. As server-sent events, whose ids are cursors: whoever comes back with Last-Event-ID, or `after`, ' +
        'misses none, through any edge, for as long as events are kept; or a page at a time (`format=json`), waiting for the first where there is none. A stream ends within a second of the session.',
      tags: ['account'],
      querystring: query,
      response: {
        200: {
          description: 'Events',
          content: {
            [STREAM_TYPE]: { schema: z.string() },
            'application/json': { schema: eventsPageSchema }
          }
        },
        ...refusals('401; 403; 410 cursor-expired; 422 invalid-field; 429 too-many-transfers')
      }
    },
    config: { permission: { who: 'user', scope: 'history:read' } },
    handler: async (request, reply) => {
      const { owner, ...asked } = request.query
      const whose = owner === undefined ? {} : { owner: ownerOf(owner) }
      return await answerEvents(context, request, reply, asked, whose)
    }
  })
}
