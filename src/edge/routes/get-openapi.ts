/** `GET /openapi.json`: the description of all this, made from the routes' schemas. */

import type { Route } from '../context.ts'

export const getOpenapi: Route = (app) => {
  // made once: routes do not change after the start
  let text: string | undefined
  app.route({
    method: ['GET', 'HEAD'],
    url: '/openapi.json',
    schema: { hide: true },
    handler: async (_request, reply) => {
      text ??= JSON.stringify(app.swagger())
      return reply.type('application/json; charset=utf-8').send(text)
    }
  })
}
