/** `POST /api/blocks/query`: which of these blocks the caller has to send. */

import { z } from 'zod'
import { blockDigestOf, blockIdOf } from '../../../protocol/block-id.ts'
import { BLOCKS_PER_PAGE_MAX } from '../../../protocol/limits.ts'
import { actorOf } from '../../accounts/actor.ts'
import { blockId, missingSchema } from '../../blocks/answers.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { json, refusals, tags } from '../files/shared.ts'

/** 67 bytes each as they are mostly written. */
const BODY_BYTES_MAX = 128 * 1024

const asked = z.strictObject({ digests: z.array(blockId).min(1).max(BLOCKS_PER_PAGE_MAX) })

export const queryBlocks: Route = (app, context) => {
  app.post(
    '/api/blocks/query',
    {
      schema: {
        summary: 'Which of these blocks you have not stored',
        description:
          'A block is yours when you have sent it within a day, or when it is in a file of yours. Others’ blocks are never told of. Those that you have are kept for another day.',
        tags,
        response: {
          200: json('The blocks that have to be sent', missingSchema),
          ...refusals('422 invalid-field')
        }
      },
      config: { permission: { who: 'user', scope: 'files:write' }, ...jsonBodyOf(asked) }
    },
    async (request, reply) => {
      const { user } = actorOf(request)
      const { digests } = await readJson(context, request, asked, BODY_BYTES_MAX)
      using transfer = context.transfers.begin(reply.raw)
      const missing = await context.blocks.missing(
        user,
        [...new Set(digests)].map(blockIdOf),
        transfer.signal
      )
      return reply.send({ missing: missing.map(blockDigestOf) })
    }
  )
}
