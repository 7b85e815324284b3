/** `PUT /api/pools/{pool}/batches/{batch}/files/{index}`: the bytes of one file of a batch. */

import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import { actorOf } from '../../accounts/actor.ts'
import type { Route } from '../../context.ts'
import { headerOf } from '../../http/accept.ts'
import { mergeDigests, parseDigestField } from '../../http/digests.ts'
import { declaredBytes, hasBody, readBody } from '../../http/request-body.ts'
import { awaitedFile, storeBatchFile } from '../../pools/batch-files.ts'
import { batchIdOf, indexOf, poolIdOf } from '../../pools/fields.ts'
import { batchParams, json, permission, refusals, tags } from './shared.ts'

const answerSchema = z.object({
  index: z.int(),
  state: z.enum(['stored', 'duplicate']).describe('duplicate: an earlier batch has brought it')
})

export const putBatchFile: Route = (app, context) => {
  const { addresses } = context
  app.put(
    '/api/pools/:pool/batches/:batch/files/:index',
    {
      schema: {
        summary: 'Send the bytes of a file of a batch',
        description:
          'The body is the file, exactly as announced. Of one that is there already the body is not looked at.',
        tags,
        params: batchParams.extend({ index: z.string().describe('its position in the batch, from 0') }),
        response: {
          201: json('Stored', answerSchema),
          200: json('It was there already', answerSchema),
          ...refusals(
            '404 batch-unknown, file-unknown; 409 batch-closed, checksum-mismatch; 429 too-many-transfers, daily-bytes-used; 503 busy; 507 quota-exceeded'
          )
        }
      },
      config: {
        permission,
        bodyContent: { 'application/octet-stream': { type: 'string', format: 'binary' } }
      }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const index = indexOf(request.params.index)
      const batch = batchIdOf(request.params.batch)
      const place = { actor, pool: poolIdOf(request.params.pool), batch, index }
      const awaited = await awaitedFile(context, place)
      const { file, state } = awaited
      if (state !== 'declared') return await reply.code(200).send({ index, state })
      if (request.headers['content-range'] !== undefined)
        throw new PeerbinError('bad-request', 'A part of a file cannot be put: please send all of it.')
      const length =
        request.headers['transfer-encoding'] === undefined ? declaredBytes(request.raw) : undefined
      if (!hasBody(request.raw)) throw new PeerbinError('empty-file')
      if (length !== undefined && length !== file.sizeBytes)
        throw new PeerbinError(
          'checksum-mismatch',
          `The file was announced with ${file.sizeBytes} bytes, and this one has ${length}.`,
          { details: { index } }
        )
      // two that contradict each other cannot both be right
      mergeDigests(
        { sha256: file.sha256 },
        parseDigestField(headerOf(request.headers, 'repr-digest'), 'Repr-Digest')
      )
      using pass = addresses.part(actor.user, 'user', length)
      await storeBatchFile(context, reply, place, awaited, { source: readBody(request.raw), pass })
      return await reply.code(201).send({ index, state: 'stored' as const })
    }
  )
}
