/** Work on groups: a lease, its renewal, and how it ends. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError, hasCode } from '../../../errors.ts'
import { POOL_FAILURE_BYTES_MAX, POOL_FILE_METADATA_BYTES_MAX } from '../../../protocol/limits.ts'
import * as s from '../../../protocol/schema.ts'
import { resultPath } from '../../../pools.ts'
import type { GroupRecord } from '../../../pools.ts'
import { randomUuid } from '../../../runtime/random.ts'
import { actorOf } from '../../accounts/actor.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { headerOf } from '../../http/accept.ts'
import { mergeDigests, parseDigest, parseDigestField } from '../../http/digests.ts'
import { checkJson, jsonBodyOf, readJson } from '../../http/json-body.ts'
import { cleanMediaType, cleanName } from '../../http/names.ts'
import { declaredBytes, hasBody, readBody } from '../../http/request-body.ts'
import { groupAnswer, groupSchema } from '../../pools/answers.ts'
import { awaitWork } from '../../pools/await-work.ts'
import { groupIdOf, poolIdOf, requestIdOf } from '../../pools/fields.ts'
import { storePoolBytes } from '../../pools/store-bytes.ts'
import { numberOf } from '../files/shared.ts'
import { invalid } from '../../user-files/fields.ts'
import { uploadBytesMax } from '../../user-files/limits.ts'
import { assertAllowed } from '../../user-files/receive-file.ts'
import { groupParams, inGroup, json, permission, poolParams, refusals, tags } from './shared.ts'

const SECOND_MS = 1000
const RESULT_NAME = 'result'

const fence = z.int().min(1).describe('of the lease: `fence` of the answer that gave the group')
const renewBody = z.strictObject({ fence })
const failureBody = z.strictObject({
  fence,
  reason: z
    .string()
    .min(1)
    .pipe(s.textWithin(POOL_FAILURE_BYTES_MAX))
    .describe(`1 to ${POOL_FAILURE_BYTES_MAX} bytes`),
  final: z.boolean().default(false).describe('true: it is not tried again')
})

const work: Route = (app, context) => {
  app.post(
    '/api/pools/:pool/work',
    {
      schema: {
        summary: 'Take a group to work on',
        description:
          'For servers. Exactly one has it, until `lease_until`: renew before that. What is sent for it has to name its `fence`.',
        tags,
        params: poolParams,
        querystring: z.object({
          wait: z
            .string()
            .optional()
            .describe('seconds to wait for one, default 0, at most `pools.workWaitMs` (30)'),
          group: z.string().optional().describe('this one, or none'),
          request: z
            .string()
            .optional()
            .describe(
              'UUID of your choice, another for each group that you want: where an answer was lost, asking again with it answers the same lease while it lasts'
            )
        }),
        response: {
          200: json('It is yours', groupSchema),
          204: z.undefined().describe('There is none'),
          ...refusals('422 invalid-field; 429 too-many-transfers')
        }
      },
      config: { permission }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const { wait, group, request: chosen } = request.query
      const most = context.config.pools.workWaitMs / SECOND_MS
      const seconds = numberOf(wait, 'wait', { min: 0, max: 1e9, otherwise: 0 })
      const wanted = group === undefined || group === '' ? undefined : groupIdOf(group)
      const id = chosen === undefined || chosen === '' ? randomUuid(context.random) : requestIdOf(chosen)
      const pool = poolIdOf(request.params.pool)
      using transfer = context.transfers.begin(reply.raw)
      using guard = context.sessions.guard(actor)
      const signal = AbortSignal.any([transfer.signal, guard.signal])
      const waitMs = Math.min(seconds, most) * SECOND_MS
      const found = await awaitWork(context, { actor, pool, signal }, { group: wanted, request: id, waitMs })
      if (found === undefined) return await reply.code(204).send()
      return await reply.code(200).send(groupAnswer(found))
    }
  )
}

const renew: Route = (app, context) => {
  app.post(
    '/api/pools/:pool/groups/:group/renew',
    {
      schema: {
        summary: 'Keep a group for longer',
        tags,
        params: groupParams,
        response: { 200: groupSchema, ...refusals('404 group-unknown; 409 lease-lost') }
      },
      config: { permission, ...jsonBodyOf(renewBody) }
    },
    async (request) => {
      const asked = inGroup(request, request.params)
      const body = await readJson(context, request, renewBody)
      return groupAnswer((await context.controller.call('renewLease', { ...asked, ...body })).group)
    }
  )
}

const fail: Route = (app, context) => {
  app.post(
    '/api/pools/:pool/groups/:group/failure',
    {
      schema: {
        summary: 'Say that the work on a group failed',
        description: 'It is tried again later, up to `attempts_max` times in all, unless `final` is true.',
        tags,
        params: groupParams,
        response: {
          200: groupSchema,
          ...refusals('404 group-unknown; 409 lease-lost, group-done; 422 invalid-field')
        }
      },
      config: { permission, ...jsonBodyOf(failureBody) }
    },
    async (request) => {
      const asked = inGroup(request, request.params)
      const { final: isFinal, ...body } = await readJson(context, request, failureBody)
      return groupAnswer((await context.controller.call('failGroup', { ...asked, ...body, isFinal })).group)
    }
  )
}

interface GivenResult {
  readonly fence: number
  readonly name: string
  readonly mediaType: string
  readonly metadata: Record<string, string>
}

const smallMetadata = s.metadataWithin(POOL_FILE_METADATA_BYTES_MAX)

/** @throws `invalid-field` */
function metadataOf(text: string | undefined): Record<string, string> {
  if (text === undefined || text.trim() === '') return {}
  try {
    return checkJson(smallMetadata, JSON.parse(text))
  } catch (error) {
    throw new PeerbinError(
      'invalid-field',
      `X-Metadata: a JSON object of texts is needed, at most ${POOL_FILE_METADATA_BYTES_MAX} bytes of them`,
      { cause: error, details: { field: 'X-Metadata' } }
    )
  }
}

const digestsOf = ({ headers }: FastifyRequest) => {
  const md5 = headerOf(headers, 'content-md5')
  return mergeDigests(
    md5 === undefined ? {} : { md5: parseDigest(md5, 'md5', 'Content-MD5') },
    parseDigestField(headerOf(headers, 'repr-digest'), 'Repr-Digest'),
    parseDigestField(headerOf(headers, 'content-digest'), 'Content-Digest')
  )
}

/**
 * Stores it where only this lease writes, and finishes the group with it.
 * @throws `lease-lost`, `group-done`; `empty-file`, `too-large`, `checksum-mismatch`; what storePoolBytes does
 */
async function receiveResult(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { asked, given }: { readonly asked: ReturnType<typeof inGroup>; readonly given: GivenResult }
): Promise<GroupRecord> {
  const { controller, config, addresses } = context
  const actor = actorOf(request)
  const { pool, group } = asked
  const { fence: number, name, mediaType, metadata } = given
  const isSized = request.headers['transfer-encoding'] === undefined
  const length = isSized ? declaredBytes(request.raw) : undefined
  const limitBytes = uploadBytesMax(context, actor)
  const digests = digestsOf(request)
  // whoever has lost the group is told before a byte comes
  const held = { ...asked, fence: number }
  await controller.call('renewLease', held)
  if (request.headers['content-range'] !== undefined)
    throw new PeerbinError('bad-request', 'A part of a file cannot be put: please send all of it.')
  if (!hasBody(request.raw)) throw new PeerbinError('empty-file')
  if (length !== undefined && length > limitBytes) throw new PeerbinError('too-large')
  assertAllowed(context, { path: name, mediaType })
  using pass = addresses.upload(actor.user, 'user', length)
  await storePoolBytes(context, reply, {
    actor,
    pool,
    path: resultPath(group, number),
    mediaType,
    source: readBody(request.raw),
    sizeBytes: undefined,
    limitBytes: Math.min(limitBytes, length ?? Infinity),
    digests,
    expires: { ttlMs: config.pools.batchTtlMs },
    pass,
    stillWanted: async () => await controller.call('renewLease', held)
  })
  return (await controller.call('finishGroup', { ...held, name, metadata })).group
}

const putResult: Route = (app, context) => {
  app.put(
    '/api/pools/:pool/groups/:group/result',
    {
      schema: {
        summary: 'Return the result of a group',
        description:
          'The body is the file. Every member is told, and can fetch it. Answered when it survives the loss of any machine. Sent again with the same fence, once the group has its result, it answers the same, and the body is not looked at.',
        tags,
        params: groupParams,
        querystring: z.object({
          fence: z.string().describe('of the lease'),
          name: z.string().optional().describe(`what the file is called; default: ${RESULT_NAME}`)
        }),
        headers: z.object({
          'x-metadata': z
            .string()
            .optional()
            .describe('your own pairs: a JSON object of texts, at most 4 KiB'),
          'content-md5': z.string().optional().describe('MD5 of the file, base64 (RFC 1864)'),
          'repr-digest': z.string().optional().describe('sha-256=:BASE64: (RFC 9530)')
        }),
        response: {
          201: json('The group is done', groupSchema),
          200: json('It was, by this lease', groupSchema),
          ...refusals(
            '404 group-unknown; 409 checksum-mismatch, group-done, lease-lost; 413 too-large; 415 type-forbidden; 422 empty-file, invalid-field; 429 too-many-uploads, too-many-transfers; 503 copies-missing; 507 quota-exceeded'
          )
        }
      },
      config: {
        permission,
        bodyContent: { 'application/octet-stream': { type: 'string', format: 'binary' } }
      }
    },
    async (request, reply) => {
      const asked = inGroup(request, request.params)
      const { query, headers } = request
      const number = numberOf(query.fence, 'fence', { min: 1, max: 1e15, otherwise: 0 })
      if (number === 0) throw invalid('fence', 'the number of the lease is needed')
      const given = {
        fence: number,
        name: query.name === undefined || query.name === '' ? RESULT_NAME : cleanName(query.name),
        mediaType: cleanMediaType(headerOf(headers, 'content-type')),
        metadata: metadataOf(headerOf(headers, 'x-metadata'))
      }
      try {
        const group = await receiveResult(context, request, reply, { asked, given })
        return await reply.code(201).send(groupAnswer(group))
      } catch (error) {
        if (!hasCode(error, 'lease-lost', 'group-done', 'path-taken', 'version-conflict')) throw error
        // of an answer that was lost: it is done, by this very lease
        const { group } = await context.controller.call('getGroup', asked)
        const isOurs =
          group.state === 'done' && group.fence === number && group.server === actorOf(request).user
        if (isOurs) return await reply.code(200).send(groupAnswer(group))
        throw group.state === 'done' ? new PeerbinError('group-done', '', { cause: error }) : error
      }
    }
  )
}

export const workRoutes: readonly Route[] = [work, renew, fail, putResult]
