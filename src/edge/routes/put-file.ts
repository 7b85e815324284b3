/** `PUT /{name}`: the raw body is the file. Made for `curl -T report.pdf https://host/`. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { Route } from '../context.ts'
import { formatOf, headerOf } from '../http/accept.ts'
import { mergeDigests, parseDigest, parseDigestField } from '../http/digests.ts'
import { linkTerms } from '../http/link-terms.ts'
import { cleanMediaType, cleanName } from '../http/names.ts'
import { passwordHeader } from '../http/password.ts'
import { declaredBytes, hasBody, readBody } from '../http/request-body.ts'
import { problemSchema } from '../problem.ts'
import { sendUploadAnswer, uploadAnswerSchema } from '../upload-answer.ts'
import { passFor, protectedBy, receive } from './receive.ts'

const params = z.object({ name: z.string().describe('name of the file, percent-encoded') })

/** Documentation of the headers; they are read one by one, so that a wrong one is named. */
const headers = z.object({
  'max-downloads': z.string().optional().describe('how often the link can be redeemed'),
  'x-password': z.string().optional().describe('whoever redeems the link has to give it; 1 to 1024 bytes'),
  'max-days': z.string().optional().describe('days until the link expires, fractions allowed'),
  'content-md5': z.string().optional().describe('MD5 of the file, base64 (RFC 1864)'),
  'repr-digest': z.string().optional().describe('sha-256=:BASE64: (RFC 9530)'),
  'content-digest': z.string().optional().describe('the same: a file is sent as it is')
})

const digestsOf = (request: FastifyRequest) => {
  const md5 = headerOf(request.headers, 'content-md5')
  return mergeDigests(
    md5 === undefined ? {} : { md5: parseDigest(md5, 'md5', 'Content-MD5') },
    parseDigestField(headerOf(request.headers, 'repr-digest'), 'Repr-Digest'),
    parseDigestField(headerOf(request.headers, 'content-digest'), 'Content-Digest')
  )
}

export const putFile: Route = (app, context) => {
  const { config } = context
  const handler = async (
    request: FastifyRequest,
    name: string,
    reply: FastifyReply
  ): Promise<FastifyReply> => {
    // everything that can be wrong without a byte of the file is found before one is read
    const given = {
      downloads: headerOf(request.headers, 'max-downloads'),
      days: headerOf(request.headers, 'max-days')
    }
    const terms = linkTerms(given, { downloads: 'Max-Downloads', expires: '', days: 'Max-Days' }, config.link)
    const digests = digestsOf(request)
    const password = passwordHeader(request.headers)
    if (request.headers['content-range'] !== undefined)
      throw new PeerbinError('bad-request', 'A part of a file cannot be put: please send all of it.')
    if (!hasBody(request.raw)) throw new PeerbinError('empty-file')
    const size = declaredBytes(request.raw)
    if (size > config.edge.uploadBytesMax) throw new PeerbinError('too-large')
    const length = request.headers['transfer-encoding'] === undefined ? size : undefined
    using pass = passFor(context, request, length)
    const result = await receive(context, reply, pass, {
      name: cleanName(name),
      mediaType: cleanMediaType(request.headers['content-type']),
      source: readBody(request.raw),
      ...(length !== undefined && { declaredBytes: length }),
      expect: () => digests,
      link: async () => ({ ...terms, ...(await protectedBy(context, reply, password)) })
    })
    const format = formatOf(request.headers.accept)
    return sendUploadAnswer(context, request, reply, result, format === 'json' ? 'json' : 'text')
  }
  const schema = {
    summary: 'Upload a file as a raw body',
    description: 'Answers the link as one line of text, or JSON when asked for.',
    tags: ['upload'],
    headers,
    response: {
      201: {
        description: 'Stored. Headers: Location, X-Url-Delete, X-Url-Sender, X-Expires.',
        content: { 'text/plain': { schema: z.string() }, 'application/json': { schema: uploadAnswerSchema } }
      },
      '4xx': { description: 'Refused', content: { 'application/problem+json': { schema: problemSchema } } }
    }
  }
  const routeConfig = { bodyContent: { 'application/octet-stream': { type: 'string', format: 'binary' } } }
  app.put('/:name', { schema: { ...schema, params }, config: routeConfig }, async (request, reply) => {
    await handler(request, request.params.name, reply)
    return reply
  })
  // `curl -T - https://host/` sends no name
  app.put('/', { schema, config: routeConfig }, async (request, reply) => {
    await handler(request, '', reply)
    return reply
  })
}
