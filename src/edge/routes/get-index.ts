/** `GET /d/{token}/index`: what a bundle is made of, as its sender wrote it; of an encrypted file, as it is. Spends nothing: it is told to whoever may know the name. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { PlacedChunk } from '../../protocol/messages.ts'
import { payloadBytesOf } from '../../protocol/payload.ts'
import type { FileRecord } from '../../types.ts'
import type { EdgeContext, Route } from '../context.ts'
import { firstPage } from '../delivery/index-shelf.ts'
import { claimOfQuery } from '../http/claims.ts'
import { givenPassword } from '../http/password.ts'
import { clientAddress } from '../limits/client-address.ts'
import { refusal } from '../link-state.ts'
import { problemSchema } from '../problem.ts'
import { checkPassword, findClaim, passwordOf, tokenHashOf } from '../redeem.ts'
import { NO_POLICY } from '../security-headers.ts'
import { streamAnswer } from '../transfer/stream-answer.ts'
import { liveLink, passwordHeaders, tokenParams } from './get-link.ts'

const query = z.object({ claim: z.string().optional().describe('the secret of a claim') })

interface Known {
  readonly file: FileRecord
  readonly chunks: readonly PlacedChunk[] | undefined
}

/** The file, for a claimant, and for whoever may be told of it. @throws why not */
async function knownFile(
  context: EdgeContext,
  request: FastifyRequest<{ Querystring: z.output<typeof query> }>,
  token: string,
  signal: AbortSignal
): Promise<Known> {
  const tokenHash = tokenHashOf(token)
  const secret = claimOfQuery(request.query.claim)
  const claimed = secret === undefined ? undefined : await findClaim(context, tokenHash, secret)
  if (claimed !== undefined) return { file: claimed.answer.file, chunks: claimed.answer.chunks }
  const { link, file } = await liveLink(context, token)
  if (link.isProtected) {
    const given = passwordOf(request, givenPassword(request.headers))
    // as with downloads, a HEAD is no attempt
    if (given === undefined || request.method === 'HEAD') throw new PeerbinError('password-required')
    if (!(await checkPassword(context, tokenHash, given, signal))) throw refusal('unknown')
  }
  return { file, chunks: undefined }
}

async function sendIndex(
  context: EdgeContext,
  request: FastifyRequest<{ Params: { token: string }; Querystring: z.output<typeof query> }>,
  reply: FastifyReply
): Promise<FastifyReply> {
  const isHead = request.method === 'HEAD'
  using _pass = isHead ? undefined : context.addresses.download(clientAddress(request), 'anonymous')
  using transfer = context.transfers.begin(reply.raw)
  const { signal } = transfer
  const { file, chunks } = await knownFile(context, request, request.params.token, signal)
  if (file.indexBytes === 0) throw new PeerbinError('index-none')
  const headers = {
    'content-type': file.encryption === null ? 'application/json' : 'application/octet-stream',
    'content-length': String(file.indexBytes),
    'cache-control': 'no-store, no-transform'
  }
  if (isHead) return reply.headers(headers).send()
  const body = await context.reader.prepare({
    file: file.id,
    sizeBytes: file.sizeBytes,
    chunkCount: file.chunkCount,
    firstPage: chunks ?? (await firstPage(context.controller, file)),
    range: { start: payloadBytesOf(file), end: file.sizeBytes },
    signal
  })
  return await streamAnswer(context, reply, {
    headers: { 'content-security-policy': NO_POLICY, ...headers },
    body,
    signal,
    cutOff: 'an index was cut off'
  })
}

export const getIndex: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/d/:token/index',
    schema: {
      summary: 'The list of files of a bundle',
      description:
        'As its sender stored it: JSON (docs/bundles.md), or, of an encrypted file, ciphertext (docs/encryption.md). Never spends the link. For a live one, with its password if it has one, ' +
        'and for whoever holds a claim.',
      tags: ['link'],
      params: tokenParams,
      querystring: query,
      headers: passwordHeaders,
      response: {
        200: {
          description: 'The index',
          content: {
            'application/json': { schema: z.string() },
            'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) }
          }
        },
        '4xx': {
          description:
            '401 password-required; 403 password-wrong; 404 link-unknown, index-none; 410 link-used, link-expired, link-revoked; 429 password-attempts',
          content: { 'application/problem+json': { schema: problemSchema } }
        }
      }
    },
    handler: async (request, reply) => {
      await sendIndex(context, request, reply)
      return reply
    }
  })
}
