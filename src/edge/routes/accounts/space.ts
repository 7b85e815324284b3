/** `GET /api/space`: what everything takes up, for administrators. */

import { z } from 'zod'
import { actorOf, asking } from '../../accounts/actor.ts'
import { refusals } from '../../accounts/answers.ts'
import type { Route } from '../../context.ts'

const spaceSchema = z.object({
  users_bytes: z.int().describe('files of all users, all versions'),
  links_bytes: z.int().describe('files that share links lead to, and that belong to no user'),
  used_bytes: z.int().describe('both together')
})

export const space: Route = (app, context) => {
  app.get(
    '/api/space',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'What all files take up',
        description:
          'As users see it: each file once, uploads under way included. Nodes hold several copies.',
        tags: ['admin'],
        response: { 200: spaceSchema, ...refusals('401; 403') }
      },
      config: { permission: { who: 'admin', scope: 'admin' } }
    },
    async (request) => {
      const { usersBytes, linksBytes } = await context.controller.call('spaceOfAll', {
        actor: asking(actorOf(request))
      })
      return { users_bytes: usersBytes, links_bytes: linksBytes, used_bytes: usersBytes + linksBytes }
    }
  )
}
