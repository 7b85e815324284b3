/** `GET /ws`: a socket, for programs that upload and listen over one connection. docs/socket.md has its messages. */

import type { Route } from '../context.ts'
import { asyncapiDocument } from '../socket/asyncapi.ts'
import type { SocketGateway } from '../socket/gateway.ts'
import { SOCKET_PATH } from '../socket/upgrade.ts'
import { requestOrigin } from '../upload-answer.ts'

/** @param gateway what takes the connection over */
export const getSocket =
  (gateway: SocketGateway): Route =>
  (app) => {
    app.get(SOCKET_PATH, { schema: { hide: true } }, async (request, reply) => {
      gateway.accept(request, reply)
      return reply
    })
  }

/** `GET /asyncapi.json`: the description of the messages, made from their schemas. */
export const getAsyncapi: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/asyncapi.json',
    schema: { hide: true },
    handler: async (request, reply) => {
      const document = asyncapiDocument(context.version, requestOrigin(context, request))
      return reply.type('application/json; charset=utf-8').send(JSON.stringify(document))
    }
  })
}
