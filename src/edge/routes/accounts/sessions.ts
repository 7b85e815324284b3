/** `/api/me/sessions`: where one is signed in. */

import { z } from 'zod'
import { actorOf, asking } from '../../accounts/actor.ts'
import { idOf, messageSchema, refusals, sessionAnswer, sessionSchema } from '../../accounts/answers.ts'
import type { Route } from '../../context.ts'
import type { SessionId } from '../../../types.ts'

const params = z.object({ id: z.string().describe('session_id') })

export const sessions: Route = (app, context) => {
  const tags = ['account']
  const permission = { who: 'user', scope: 'account', of: 'user' } as const
  app.get(
    '/api/me/sessions',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Where I am signed in',
        tags,
        response: { 200: z.object({ sessions: z.array(sessionSchema) }), ...refusals('401; 403') }
      },
      config: { permission }
    },
    async (request) => {
      const actor = actorOf(request)
      const asked = { actor: asking(actor), user: actor.user }
      const { sessions: all } = await context.controller.call('listSessions', asked)
      return {
        sessions: all
          .filter(({ kind }) => kind === 'session')
          .map((session) => sessionAnswer(session, actor.session))
      }
    }
  )
  app.delete(
    '/api/me/sessions',
    {
      schema: {
        summary: 'Sign out everywhere else',
        tags,
        response: { 200: messageSchema.extend({ ended: z.int() }), ...refusals('401; 403') }
      },
      config: { permission, history: { action: 'logout' } }
    },
    async (request) => {
      const actor = actorOf(request)
      const { ended } = await context.controller.call('endSessions', {
        actor: asking(actor),
        user: actor.user,
        except: actor.session
      })
      context.sessions.changed()
      request.noted?.set({ detail: `${ended} others` })
      return { message: 'Every other session has ended.', ended }
    }
  )
  app.delete(
    '/api/me/sessions/:id',
    {
      schema: {
        summary: 'End a session',
        description: 'Also when it has ended before.',
        tags,
        params,
        response: { 200: messageSchema, ...refusals('401; 403; 404 session-unknown') }
      },
      config: { permission, history: { action: 'logout' } }
    },
    async (request) => {
      const id = idOf<SessionId>(request.params.id, 'session-unknown')
      request.noted?.set({ owner: null, detail: id })
      await context.controller.call('endSession', { actor: asking(actorOf(request)), id })
      context.sessions.changed()
      return { message: 'The session has ended.' }
    }
  )
}
