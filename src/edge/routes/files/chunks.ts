/** `GET /file/{id}`: a file with its chunks in order, and the nodes that hold them (requirement C4). */

import { z } from 'zod'
import { listChunks } from '../../../client/list-chunks.ts'
import { blockDigestOf } from '../../../protocol/block-id.ts'
import { CHUNKS_PER_PAGE_MAX, FILE_CHUNKS_MAX } from '../../../protocol/limits.ts'
import type { PlacedChunk } from '../../../protocol/messages.ts'
import type { FileId } from '../../../types.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { fileAnswer, placedSchema } from '../../user-files/answers.ts'
import { entryIdOf, entryParams, json, numberOf, refusals, tags, versionOf } from './shared.ts'

/** Chunks in one answer: those of 16 GiB, about 1 MB of JSON. */
const CHUNKS_MAX = 16 * CHUNKS_PER_PAGE_MAX

const query = z.object({
  version: z.string().optional().describe('number of a version; default: the one that counts'),
  from: z.string().optional().describe('`next` of the page before: index of the first chunk')
})

/** As many as one answer has; `total` ends it. */
async function chunksFrom(
  { controller }: EdgeContext,
  file: FileId,
  from: number,
  total: number,
  signal: AbortSignal
): Promise<PlacedChunk[]> {
  const chunks: PlacedChunk[] = []
  const end = Math.min(total, from + CHUNKS_MAX)
  while (from + chunks.length < end) {
    const limit = Math.min(CHUNKS_PER_PAGE_MAX, end - from - chunks.length)
    const page = await listChunks(controller, file, from + chunks.length, limit, { signal })
    if (page.length === 0) break // deleted meanwhile
    chunks.push(...page)
  }
  return chunks
}

export const getFileChunks: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/file/:id',
    schema: {
      summary: 'A file with its chunks, and the nodes that hold them',
      tags,
      params: entryParams,
      querystring: query,
      response: { 200: json('The file', placedSchema), ...refusals('404 version-unknown; 422 invalid-field') }
    },
    config: { permission: { who: 'user', scope: 'files:read', of: 'entry' } },
    handler: async (request, reply) => {
      const actor = asking(actorOf(request))
      const id = entryIdOf(request.params)
      const wanted = request.query.version
      const from = numberOf(request.query.from, 'from', { min: 0, max: FILE_CHUNKS_MAX, otherwise: 0 })
      const { entry, version } = await context.controller.call('getEntry', {
        actor,
        id,
        ...(wanted !== undefined && { version: versionOf(wanted) })
      })
      using transfer = context.transfers.begin(reply.raw)
      const { file, chunkCount } = version
      const chunks = file === null ? [] : await chunksFrom(context, file, from, chunkCount, transfer.signal)
      const next = from + chunks.length
      return reply.send({
        ...fileAnswer(entry, version),
        chunks: chunks.map(({ index, id: chunk, sizeBytes, copies }) => ({
          index,
          chunk_id: chunk,
          block_id: blockDigestOf(chunk),
          size: sizeBytes,
          nodes: copies.map(({ peer }) => peer)
        })),
        next: chunks.length > 0 && next < chunkCount ? next : null
      })
    }
  })
}
