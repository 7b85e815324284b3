/** `POST /api/files/commit`: files, or new versions of them, made of blocks. */

import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { asPeerbinError } from '../../../errors.ts'
import type { PeerbinError } from '../../../errors.ts'
import { actorOf } from '../../accounts/actor.ts'
import { committedSchema, refusedAnswer } from '../../blocks/answers.ts'
import { COMMITS_MAX, commitBody, commitOne, commitSchema } from '../../blocks/commit.ts'
import type { Committed } from '../../blocks/commit.ts'
import { ListRoom } from '../../blocks/list-room.ts'
import type { Route } from '../../context.ts'
import { checkJson, jsonBodyOf, readJson } from '../../http/json-body.ts'
import { declaredBytes } from '../../http/request-body.ts'
import { problemOf } from '../../problem.ts'
import { requestOrigin } from '../../upload-answer.ts'
import { uploadedAnswer } from '../../user-files/answers.ts'
import { json, refusals, tags } from '../files/shared.ts'

/** 85,000 blocks as they are mostly written: a file of 42 GB in blocks of half a mebibyte. Larger files have larger blocks. */
const BODY_BYTES_MAX = 8 * 1024 * 1024
/** Files of one request that are made at once: each writes its manifest to the nodes. */
const COMMITS_AT_ONCE = 16

const anything = z.record(z.string(), z.unknown())
const several = z.strictObject({ commits: z.array(commitSchema).min(1).max(COMMITS_MAX) })

export const commitBlocks: Route = (app, context) => {
  const room = new ListRoom()
  app.post(
    '/api/files/commit',
    {
      schema: {
        summary: 'Store a file, or a new version of one, made of blocks',
        description:
          'Or up to 100 of them, as `commits`: then each has its result, and one that fails does not keep the others back. Repeated with the same commit_id it answers the same.',
        tags,
        response: {
          201: json('Stored', committedSchema),
          200: json('Of several: what became of each', committedSchema),
          ...refusals(
            '409 blocks-missing (`missing`: which), version-conflict (`version`: what counts), path-taken, path-conflict, checksum-mismatch, upload-conflict; 413 too-large; 415 type-forbidden; 422 empty-file, invalid-field, file-infected; 429 too-many-uploads, too-many-transfers; 503 busy; 507 quota-exceeded'
          )
        }
      },
      config: { permission: { who: 'user', scope: 'files:write' }, ...jsonBodyOf(commitBody) }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const isSized = request.headers['transfer-encoding'] === undefined
      using _list = room.take(actor.user, isSized ? declaredBytes(request.raw) : BODY_BYTES_MAX)
      const body = await readJson(context, request, anything, BODY_BYTES_MAX)
      const origin = requestOrigin(context, request)
      // what was asked for goes on without its client, as uploads do whose bytes have all come
      using held = context.transfers.hold()
      const commit = async (each: z.output<typeof commitSchema>): Promise<Committed> => {
        try {
          // of many the last may begin minutes after the first
          await context.sessions.confirm(actor)
        } catch (error) {
          return { error: asPeerbinError(error) }
        }
        return await commitOne(context, request, actor, each, held.signal)
      }
      if (Object.hasOwn(body, 'commits')) {
        const { commits } = checkJson(several, body)
        const results: Committed[] = []
        let next = 0
        const work = async (): Promise<void> => {
          for (let i = next++; i < commits.length; i = next++) {
            const each = commits[i]
            if (each !== undefined) results[i] = await commit(each)
          }
        }
        await Promise.all(Array.from({ length: COMMITS_AT_ONCE }, work))
        return reply.send({
          results: results.map((result) =>
            'stored' in result
              ? uploadedAnswer(origin, result.stored)
              : refusedAnswer(result.error, result.missing)
          )
        })
      }
      const outcome = await commit(checkJson(commitSchema, body))
      if ('stored' in outcome) {
        const answer = uploadedAnswer(origin, outcome.stored)
        return reply.code(201).header('location', answer.file_url).send(answer)
      }
      if (outcome.missing === undefined) throw outcome.error
      return sendMissing(reply, outcome.error, outcome.missing)
    }
  )
}

/** As the handler of errors says it, with the list. */
function sendMissing(reply: FastifyReply, error: PeerbinError, missing: readonly string[]): FastifyReply {
  const problem = problemOf(error)
  return reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify({ ...problem, error: problem.detail, missing }))
}
