/** `POST /api/upload`: one block, as the raw body. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import { blockDigestOf } from '../../../protocol/block-id.ts'
import { CHUNK_BYTES_MAX } from '../../../protocol/limits.ts'
import { actorOf } from '../../accounts/actor.ts'
import { blockSchema } from '../../blocks/answers.ts'
import type { Route } from '../../context.ts'
import { headerOf } from '../../http/accept.ts'
import { mergeDigests, parseDigest, parseDigestField } from '../../http/digests.ts'
import { declaredBytes, hasBody, readBody } from '../../http/request-body.ts'
import { json, refusals, tags } from '../files/shared.ts'

const query = z.object({ digest: z.string().optional().describe('SHA-256 of the block, hex or base64') })
const headers = z.object({
  'content-digest': z.string().optional().describe('sha-256=:BASE64: (RFC 9530)'),
  'x-block-digest': z.string().optional().describe('SHA-256 of the block, hex or base64')
})

/** The digest that the block must have, wherever it is given. @throws `invalid-field` */
function digestOf(request: FastifyRequest, given: string | undefined): string | undefined {
  const header = headerOf(request.headers, 'x-block-digest')
  return mergeDigests(
    parseDigestField(headerOf(request.headers, 'content-digest'), 'Content-Digest'),
    header === undefined ? {} : { sha256: parseDigest(header, 'sha256', 'X-Block-Digest') },
    given === undefined ? {} : { sha256: parseDigest(given, 'sha256', 'digest') }
  ).sha256
}

export const uploadBlock: Route = (app, context) => {
  app.post(
    '/api/upload',
    {
      schema: {
        summary: 'Store a block: up to 4 MiB of a file that is committed later',
        description:
          'Answered when two nodes at least hold it durably. It is kept for a day unless it is asked for or committed, and takes up your space.',
        tags,
        querystring: query,
        headers,
        response: {
          201: json('Stored', blockSchema),
          ...refusals(
            '409 checksum-mismatch; 413 chunk-too-large; 422 empty-file, invalid-field; 429 too-many-uploads, daily-bytes-used, too-many-transfers; 507 quota-exceeded, blocks-full'
          )
        }
      },
      config: {
        permission: { who: 'user', scope: 'files:write' },
        bodyContent: { 'application/octet-stream': { type: 'string', format: 'binary' } }
      }
    },
    async (request, reply) => {
      const { addresses, blocks, sessions, transfers } = context
      const actor = actorOf(request)
      const sha256 = digestOf(request, request.query.digest)
      if (!hasBody(request.raw)) throw new PeerbinError('empty-file', 'A block has at least one byte.')
      const isSized = request.headers['transfer-encoding'] === undefined
      const announcedBytes = isSized ? declaredBytes(request.raw) : undefined
      if ((announcedBytes ?? 0) > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
      using pass = addresses.block(actor.user, announcedBytes)
      using transfer = transfers.begin(reply.raw)
      using guard = sessions.guard(actor)
      const source = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
        for await (const piece of readBody(request.raw)) {
          pass.received(piece.byteLength)
          yield piece
        }
      }
      const { chunk, sizeBytes } = await blocks.receive(actor.user, {
        source: source(),
        declaredBytes: announcedBytes,
        sha256,
        signal: AbortSignal.any([transfer.signal, guard.signal])
      })
      return reply
        .code(201)
        .send({ message: 'The block was stored.', block_id: blockDigestOf(chunk), size: sizeBytes })
    }
  )
}
