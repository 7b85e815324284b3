/** `GET /api/files/download/{id}`: the bytes of a file, any number of times. */

import { z } from 'zod'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { Route } from '../../context.ts'
import { sendContent } from '../../user-files/send-content.ts'
import { entryIdOf, entryParams, refusals, tags, versionOf } from './shared.ts'

const query = z.object({
  version: z.string().optional().describe('number of a version; default: the one that counts')
})

const headers = z.object({
  range: z.string().optional().describe('one range of bytes'),
  'if-range': z.string().optional().describe('the ETag of what the client has the beginning of'),
  'if-none-match': z.string().optional().describe('ETags of what the client has'),
  'if-modified-since': z.string().optional(),
  'if-match': z.string().optional(),
  'if-unmodified-since': z.string().optional()
})

const bytesContent = { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } }

export const downloadFile: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/files/download/:id',
    schema: {
      summary: 'Download a file',
      description:
        'Any number of times. Ranges and conditions as RFC 9110 has them: ETag is the SHA-256 of the bytes. Cut off within a second when the session ends.',
      tags,
      params: entryParams,
      querystring: query,
      headers,
      response: {
        200: { description: 'The file', content: bytesContent },
        206: { description: 'A part of it', content: bytesContent },
        304: z.undefined().describe('The client has it'),
        ...refusals(
          '404 version-unknown; 409 upload-failed; 412 precondition-failed; 416 range-not-satisfiable; 429 too-many-transfers'
        )
      }
    },
    config: {
      permission: { who: 'user', scope: 'files:read', of: 'entry' },
      history: { action: 'download' }
    },
    handler: async (request, reply) => {
      const actor = actorOf(request)
      const wanted = request.query.version
      const id = entryIdOf(request.params)
      const version = wanted === undefined ? {} : { version: versionOf(wanted) }
      const isHead = request.method === 'HEAD'
      using pass = isHead ? undefined : context.addresses.download(actor.user, 'user')
      const content = await context.controller.call('openContent', { actor: asking(actor), id, ...version })
      // the pass counts until the last byte
      await sendContent(context, request, reply, { content, isPinned: wanted !== undefined, actor, pass })
      return reply
    }
  })
}
