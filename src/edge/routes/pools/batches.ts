/** `/api/pools/{pool}/batches`: what producers send. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import { POOL_FILES_PER_PAGE_MAX } from '../../../protocol/limits.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import { messageSchema } from '../../accounts/answers.ts'
import { ListRoom } from '../../blocks/list-room.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { declaredBytes, hasBody } from '../../http/request-body.ts'
import { announce, batchWithMissing } from '../../pools/announce.ts'
import { batchAnswer, batchSchema } from '../../pools/answers.ts'
import { BatchForm, FORM_MANIFEST_BYTES_MAX } from '../../pools/batch-form.ts'
import { batchIdOf, poolIdOf, yesOf } from '../../pools/fields.ts'
import { manifestSchema, parseManifest } from '../../pools/manifest.ts'
import type { BatchManifest } from '../../pools/manifest.ts'
import { receiveBatch } from '../../pools/whole-batch.ts'
import { numberOf } from '../files/shared.ts'
import { batchParams, inPool, json, permission, poolParams, refusals, tags } from './shared.ts'

/** 10,000 files with metadata of half a kilobyte each. */
const BODY_BYTES_MAX = 8 * 1024 * 1024

const anything = z.record(z.string(), z.unknown())
const formSchema = z.object({
  manifest: z.string().describe('the first part: JSON, the same as is announced by itself; at most 2 MiB'),
  file: z
    .array(z.string().meta({ format: 'binary' }))
    .describe('the files, in the order of the manifest; a part may be called by its index, too')
})

const lengthOf = ({ headers, raw }: FastifyRequest): number | undefined =>
  headers['transfer-encoding'] === undefined ? declaredBytes(raw) : undefined

/** A form: everything in this request. */
async function sendWhole(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { pool, room }: { readonly pool: ReturnType<typeof poolIdOf>; readonly room: ListRoom }
): Promise<FastifyReply> {
  const actor = actorOf(request)
  if (!hasBody(request.raw)) throw new PeerbinError('bad-request', 'The form is empty.')
  const length = lengthOf(request)
  using pass = context.addresses.upload(actor.user, 'user', length)
  using held = context.transfers.hold()
  const form = new BatchForm(request, context)
  let size = 0
  const readManifest = async (): Promise<BatchManifest> => {
    using _unread = room.take(actor.user, Math.min(length ?? Infinity, FORM_MANIFEST_BYTES_MAX))
    const text = await form.manifest()
    size = text.length
    await context.sessions.confirm(actor)
    return parseManifest(context, actor, parsed(text))
  }
  const manifest = await readManifest()
  using _list = room.take(actor.user, size)
  const asked = { actor, pool, signal: held.signal }
  const { answer, isNew } = await receiveBatch(context, reply, asked, { form, manifest, pass })
  return reply.code(isNew ? 201 : 200).send(answer)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new PeerbinError('bad-request', 'The manifest is not JSON.', { cause: error })
  }
}

const postBatch: Route = (app, context) => {
  const room = new ListRoom()
  app.post(
    '/api/pools/:pool/batches',
    {
      schema: {
        summary: 'Send a batch, or announce one',
        description:
          'For producers. As JSON it is announced, and its files follow (PUT, or tus), then the commit; as a form it is announced, brought and committed in one request. Repeated with the same `batch` it goes on where it stands. All or nothing counts.',
        tags,
        params: poolParams,
        response: {
          201: json('Announced; of a form: committed', batchSchema),
          200: json('It was there already', batchSchema),
          ...refusals(
            '409 batch-conflict, batch-incomplete, batches-full, checksum-mismatch, file-conflict, pool-archived; 413 batch-too-large, too-large; 415 type-forbidden; 422 clock-skewed, duplicate-file, empty-file, invalid-field, timestamp-in-future, timestamp-too-old (`index`, `name`: of which file); 429 too-many-uploads, too-many-transfers; 503 busy; 507 quota-exceeded'
          )
        }
      },
      config: {
        permission,
        bodyContent: {
          ...jsonBodyOf(manifestSchema).bodyContent,
          'multipart/form-data': z.toJSONSchema(formSchema)
        }
      }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const pool = poolIdOf(request.params.pool)
      if (request.isMultipart()) {
        await sendWhole(context, request, reply, { pool, room })
        return reply
      }
      using _list = room.take(actor.user, lengthOf(request) ?? BODY_BYTES_MAX)
      using _counted = context.addresses.upload(actor.user, 'user', 0)
      using held = context.transfers.hold()
      const body = await readJson(context, request, anything, BODY_BYTES_MAX)
      const manifest = parseManifest(context, actor, body)
      const asked = { actor, pool, signal: held.signal }
      const { isNew } = await announce(context, asked, manifest)
      const answer = await batchWithMissing(context, asked, manifest.batch)
      return await reply
        .code(isNew ? 201 : 200)
        .header('location', `/api/pools/${pool}/batches/${manifest.batch}`)
        .send(answer)
    }
  )
}

const getBatch: Route = (app, context) => {
  app.get(
    '/api/pools/:pool/batches/:batch',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'How far a batch is',
        description: 'For its sender, and owners and servers of the pool.',
        tags,
        params: batchParams,
        querystring: z.object({
          after: z.string().optional().describe('the `next` of the page before'),
          limit: z.string().optional().describe(`0 to ${POOL_FILES_PER_PAGE_MAX}`),
          missing: z.string().optional().describe('1: only files whose bytes are awaited')
        }),
        response: {
          200: batchSchema.extend({
            listed: z
              .array(
                z.object({
                  index: z.int(),
                  name: z.string(),
                  state: z.enum(['declared', 'stored', 'duplicate'])
                })
              )
              .describe('files of this page'),
            next: z.string().nullable()
          }),
          ...refusals('404 batch-unknown')
        }
      },
      config: { permission }
    },
    async (request) => {
      const { after, limit, missing } = request.query
      const most = POOL_FILES_PER_PAGE_MAX
      const onlyMissing = yesOf(missing, 'missing')
      const page = await context.controller.call('getBatch', {
        ...inPool(request, request.params),
        batch: batchIdOf(request.params.batch),
        limit: numberOf(limit, 'limit', { min: 0, max: most, otherwise: most }),
        ...(onlyMissing && { missing: true }),
        ...(after !== undefined &&
          after !== '' && { after: numberOf(after, 'after', { min: 0, max: 1e9, otherwise: 0 }) })
      })
      const awaited = page.files.filter(({ state }) => state === 'declared')
      return {
        ...batchAnswer(page.batch, page.batch.state === 'open' ? awaited : []),
        listed: page.files.map(({ index, name, state }) => ({ index, name, state })),
        next: page.next === null ? null : String(page.next)
      }
    }
  )
}

const commitBatch: Route = (app, context) => {
  app.post(
    '/api/pools/:pool/batches/:batch/commit',
    {
      schema: {
        summary: 'Commit a batch',
        description:
          'All of its files count from then on, or none. Answered when it survives the loss of any machine. Repeated it answers the same.',
        tags,
        params: batchParams,
        response: {
          200: batchSchema,
          ...refusals(
            '404 batch-unknown; 409 batch-incomplete (`index`: the first that is missing), batch-closed, file-conflict, pool-archived; 503 copies-missing'
          )
        }
      },
      config: { permission }
    },
    async (request) => {
      const { batch } = await context.controller.call('commitBatch', {
        actor: asking(actorOf(request)),
        pool: poolIdOf(request.params.pool),
        batch: batchIdOf(request.params.batch)
      })
      return batchAnswer(batch, [])
    }
  )
}

const abandonBatch: Route = (app, context) => {
  app.delete(
    '/api/pools/:pool/batches/:batch',
    {
      schema: {
        summary: 'Give a batch up',
        tags,
        params: batchParams,
        response: { 200: messageSchema, ...refusals('404 batch-unknown; 409 batch-closed') }
      },
      config: { permission }
    },
    async (request) => {
      const batch = batchIdOf(request.params.batch)
      await context.controller.call('abandonBatch', { ...inPool(request, request.params), batch })
      return { message: 'The batch is given up.' }
    }
  )
}

export const batchRoutes: readonly Route[] = [postBatch, getBatch, commitBatch, abandonBatch]
