/** What is in a group, file by file, and its result. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PreparedBytes } from '../../../client/file-reader.ts'
import { PeerbinError } from '../../../errors.ts'
import { actorOf } from '../../accounts/actor.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { groupFileSchema } from '../../pools/answers.ts'
import { groupIdOf, poolFileIdOf, poolIdOf } from '../../pools/fields.ts'
import { listedFiles, manifestLines } from '../../pools/group-listing.ts'
import { openGroupFile } from '../../pools/open-file.ts'
import { streamAnswer } from '../../transfer/stream-answer.ts'
import { sendContent } from '../../user-files/send-content.ts'
import type { EntryId } from '../../../types.ts'
import { groupParams, permission, refusals, tags } from './shared.ts'

const MANIFEST_TYPE = 'application/x-ndjson'

export const rangeHeaders = z.object({
  range: z.string().optional().describe('one range of bytes'),
  'if-range': z.string().optional().describe('the ETag of what the client has the beginning of'),
  'if-none-match': z.string().optional().describe('ETags of what the client has')
})
export const bytesAnswers = (text: string) => {
  const content = { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } }
  return {
    200: { description: text, content },
    206: { description: 'A part of it', content },
    304: z.undefined().describe('The client has it')
  }
}

async function sendManifest(
  context: EdgeContext,
  request: FastifyRequest<{ Params: z.output<typeof groupParams> }>,
  reply: FastifyReply
): Promise<FastifyReply> {
  const { params, method } = request
  const actor = actorOf(request)
  using transfer = context.transfers.begin(reply.raw)
  using guard = context.sessions.guard(actor)
  const signal = AbortSignal.any([transfer.signal, guard.signal])
  const asked = { actor, pool: poolIdOf(params.pool), group: groupIdOf(params.group), signal }
  const lines = manifestLines(listedFiles(context, asked))
  const first = await lines.next() // whoever may not have it is told so in place of an answer
  const headers = { 'content-type': MANIFEST_TYPE, 'cache-control': 'no-store' }
  if (method === 'HEAD') {
    await lines.return(undefined)
    return reply.headers(headers).send('')
  }
  const body = new PreparedBytes(first, lines)
  return await streamAnswer(context, reply, { headers, body, signal, cutOff: 'a manifest was cut off' })
}

const getManifest: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/pools/:pool/groups/:group/manifest',
    schema: {
      summary: 'The files of a group',
      description: 'For owners and servers. One JSON object in each line, by member, timestamp and name.',
      tags,
      params: groupParams,
      response: {
        200: { description: 'The files', content: { [MANIFEST_TYPE]: { schema: groupFileSchema } } },
        ...refusals('404 group-unknown; 410 group-emptied')
      }
    },
    config: { permission },
    handler: async (request, reply) => {
      await sendManifest(context, request, reply)
      return reply
    }
  })
}

async function sendFile(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { params, entry }: { readonly params: z.output<typeof groupParams>; readonly entry: EntryId | undefined }
): Promise<FastifyReply> {
  const actor = actorOf(request)
  using pass = request.method === 'HEAD' ? undefined : context.addresses.download(actor.user, 'user')
  using transfer = context.transfers.begin(reply.raw)
  const { signal } = transfer
  const asked = { actor, pool: poolIdOf(params.pool), group: groupIdOf(params.group), signal }
  const { content, group } = await openGroupFile(context, asked, entry)
  if (entry === undefined && group.result === null) throw new PeerbinError('result-unknown')
  // it is one version, and no other
  const pinned = { content, isPinned: true, actor, pass }
  const name = entry === undefined ? group.result?.name : undefined
  return await sendContent(context, request, reply, { ...pinned, ...(name !== undefined && { name }) })
}

const getFile: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/pools/:pool/groups/:group/files/:file',
    schema: {
      summary: 'A file of a group',
      description: 'For owners and servers, and whoever sent it. Ranges and conditions as RFC 9110 has them.',
      tags,
      params: groupParams.extend({ file: z.string().describe('`file` of the manifest') }),
      headers: rangeHeaders,
      response: {
        ...bytesAnswers('The file'),
        ...refusals('404 group-unknown, file-unknown; 410 group-emptied; 416 range-not-satisfiable')
      }
    },
    config: { permission },
    handler: async (request, reply) => {
      const { params } = request
      await sendFile(context, request, reply, { params, entry: poolFileIdOf(params.file) })
      return reply
    }
  })
}

const getResult: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/pools/:pool/groups/:group/result',
    schema: {
      summary: 'The result of a group',
      description:
        'For every member, any number of times, until it expires. Ranges and conditions as RFC 9110 has them.',
      tags,
      params: groupParams,
      headers: rangeHeaders,
      response: {
        ...bytesAnswers('The result'),
        ...refusals('404 group-unknown, result-unknown; 410 result-expired; 416 range-not-satisfiable')
      }
    },
    config: { permission },
    handler: async (request, reply) => {
      await sendFile(context, request, reply, { params: request.params, entry: undefined })
      return reply
    }
  })
}

export const groupFileRoutes: readonly Route[] = [getManifest, getFile, getResult]
