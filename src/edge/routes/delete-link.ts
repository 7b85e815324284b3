/** `DELETE /d/{token}`: the sender withdraws a link. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import type { Route } from '../context.ts'
import { headerOf } from '../http/accept.ts'
import { problemSchema } from '../problem.ts'
import { tokenHashOf } from '../redeem.ts'
import { tokenParams } from './get-link.ts'

const query = z.object({
  secret: z.string().optional().describe('the delete secret; deleteUrl of the upload has it')
})

const secretOf = (request: FastifyRequest, fromQuery: string | undefined): string | undefined =>
  fromQuery ??
  headerOf(request.headers, 'x-delete-secret') ??
  /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]

export const deleteLink: Route = (app, context) => {
  app.delete(
    '/d/:token',
    {
      schema: {
        summary: 'Withdraw a link',
        description:
          'The secret stands in the query, in X-Delete-Secret, or in Authorization: Bearer. Running downloads end.',
        tags: ['link'],
        params: tokenParams,
        querystring: query,
        response: {
          204: z.null().describe('Withdrawn; also when it was before'),
          '4xx': {
            description: 'Refused',
            content: { 'application/problem+json': { schema: problemSchema } }
          }
        }
      }
    },
    async (request, reply) => {
      // without a secret the look-up is made all the same, so that it cannot be told from a wrong one by its time
      const secret = secretOf(request, request.query.secret) ?? ''
      const hashes = { tokenHash: tokenHashOf(request.params.token), deleteHash: hashSecret(secret) }
      const { link } = await context.controller.call('revokeLink', hashes)
      if (link.state === 'live') throw new PeerbinError('internal', 'a revoked link is live')
      context.logger.info('a link was withdrawn', { file: link.fileId })
      return reply.code(204).send(null)
    }
  )
}
