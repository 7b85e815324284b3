/** `/files/`: uploads that go on later, by tus 1.0 (https://tus.io/protocols/resumable-upload). What the protocol asks for is the library's; what holds here for every route is ours. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import { isUploadSecret } from '../../protocol/upload-secret.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext, Route } from '../context.ts'
import { headerOf } from '../http/accept.ts'
import { isForbidden } from '../../client/forbidden-types.ts'
import { declaredBytes, hasBody } from '../http/request-body.ts'
import { problemSchema } from '../problem.ts'
import { UPLOADS_PATH as PATH, answer, softBody } from '../tus/answer.ts'
import { RequestStore } from '../tus/request-store.ts'
import type { RequestStoreDeps } from '../tus/request-store.ts'
import { CHECKSUM_ALGORITHMS, partChecksum } from '../tus/part-checksum.ts'
import { TusCaller } from '../tus/caller.ts'
import { describeEntry } from '../tus/entry-metadata.ts'
import { describeBatchFile, wantsBatch } from '../tus/pool-metadata.ts'
import { describeUpload, parsePairs } from '../tus/upload-metadata.ts'
import type { GivenMetadata } from '../tus/upload-plan.ts'
import { requestOrigin, uploadAnswer, uploadAnswerSchema } from '../upload-answer.ts'
import { uploadedAnswer, uploadedSchema } from '../user-files/answers.ts'
import { uploadBytesMax } from '../user-files/limits.ts'
import { protectedBy } from './receive.ts'

const VERSION = '1.0.0'
const PART_TYPE = 'application/offset+octet-stream'

const params = z.object({ secret: z.string().describe('from the Location of the creation') })

const progressSchema = z.object({
  offset: z.int().describe('bytes that are kept'),
  length: z.int().describe('bytes of the file'),
  expiresAt: z.string().describe('ISO 8601: given up then, unless it goes on')
})

function checkVersion(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('tus-resumable', VERSION)
  if (headerOf(request.headers, 'tus-resumable') === VERSION) return
  reply.header('tus-version', VERSION)
  throw new PeerbinError('tus-version')
}

/** @throws `upload-unknown` for what cannot be the address of an upload */
function secretOf(request: FastifyRequest): string {
  const { secret } = params.parse(request.params)
  if (!isUploadSecret(secret)) throw new PeerbinError('upload-unknown')
  return secret
}

/** Upload-Length. @throws `length-required`, `invalid-field`, `empty-file`, `too-large` */
function lengthOf(request: FastifyRequest, limitBytes: number): number {
  const length = headerOf(request.headers, 'upload-length')
  if (length === undefined) throw new PeerbinError('length-required', 'The header Upload-Length is needed.')
  if (!/^(?:0|[1-9]\d{0,15})$/.test(length))
    throw new PeerbinError('invalid-field', 'Upload-Length: a whole number is needed', {
      details: { field: 'Upload-Length' }
    })
  const lengthBytes = Number(length)
  if (lengthBytes === 0) throw new PeerbinError('empty-file')
  if (lengthBytes > limitBytes) throw new PeerbinError('too-large')
  return lengthBytes
}

const limitOf = (context: EdgeContext, actor: Actor | undefined): number =>
  actor === undefined ? context.config.edge.uploadBytesMax : uploadBytesMax(context, actor)

/** The file that a creation announces; everything that can be wrong without a byte of it is found here. */
async function described(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  given: GivenMetadata,
  actor: Actor | undefined
): Promise<NonNullable<RequestStoreDeps['creation']>> {
  const { config } = context
  const lengthBytes = lengthOf(request, limitOf(context, actor))
  const { password, plan, ...file } =
    actor === undefined
      ? describeUpload(given, lengthBytes, config.link)
      : wantsBatch(given)
        ? await describeBatchFile(context, actor, given, { lengthBytes, link: config.link })
        : describeEntry(given, lengthBytes, actor.user, config.link)
  if (isForbidden(config.edge.forbiddenTypes, file)) throw new PeerbinError('type-forbidden')
  return { ...file, plan: { ...plan, ...(await protectedBy(context, reply, password)) } }
}

async function create(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply> {
  checkVersion(request, reply)
  const withBody = hasBody(request.raw) && headerOf(request.headers, 'content-type') === PART_TYPE
  const checksum = partChecksum(headerOf(request.headers, 'upload-checksum'))
  const length = bodyLength(request)
  using caller = new TusCaller({
    context,
    request,
    kind: 'creation',
    announcedBytes: withBody ? length : 0
  })
  const given = parsePairs(headerOf(request.headers, 'upload-metadata'))
  const actor = await caller.ownerOf(given)
  await caller.admit(actor?.user, wantsBatch(given) ? 'pools' : 'files:write')
  const creation = await described(context, request, reply, given, actor)
  const store = new RequestStore({ context, caller, declaredBytes: length, checksum, creation })
  const body = withBody ? softBody(caller.body()) : undefined
  try {
    return await answer(context, request, reply, {
      method: 'POST',
      body,
      store,
      limitBytes: limitOf(context, actor)
    })
  } catch (error) {
    context.transfers.follow(store.forsake())
    throw error
  }
}

/** Content-Length; undefined where the body is sent in chunks. */
const bodyLength = (request: FastifyRequest): number | undefined =>
  request.headers['transfer-encoding'] === undefined ? declaredBytes(request.raw) : undefined

async function append(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply> {
  checkVersion(request, reply)
  const secret = secretOf(request)
  if (headerOf(request.headers, 'content-type') !== PART_TYPE)
    throw new PeerbinError('media-type-unsupported', `Content-Type: ${PART_TYPE} is needed here.`)
  if (headerOf(request.headers, 'upload-offset') === undefined)
    throw new PeerbinError('bad-request', 'The header Upload-Offset is needed.')
  const checksum = partChecksum(headerOf(request.headers, 'upload-checksum'))
  const length = bodyLength(request)
  using caller = new TusCaller({ context, request, kind: 'part', announcedBytes: length })
  const store = new RequestStore({ context, caller, declaredBytes: length, checksum })
  const body = softBody(caller.body())
  return await answer(context, request, reply, { method: 'PATCH', secret, body, store })
}

/** HEAD, DELETE and OPTIONS: nothing comes with them. */
async function ask(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  method: 'HEAD' | 'DELETE' | 'OPTIONS'
): Promise<FastifyReply> {
  if (method === 'OPTIONS') reply.header('tus-resumable', VERSION)
  else checkVersion(request, reply)
  using caller = new TusCaller({ context, request, kind: 'question', announcedBytes: 0 })
  const store = new RequestStore({ context, caller, declaredBytes: undefined, checksum: undefined })
  if (method === 'OPTIONS') {
    reply.header('tus-checksum-algorithm', CHECKSUM_ALGORITHMS.join(','))
    // whoever shows a token is told what holds for them
    const limitBytes = limitOf(context, await caller.ownerOf({}))
    return await answer(context, request, reply, { method, store, limitBytes })
  }
  return await answer(context, request, reply, { method, secret: secretOf(request), store })
}

/** What a browser is told of an upload whose address it has: as the answer to a form, once there is a link. */
async function tell(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply> {
  const secret = secretOf(request)
  using caller = new TusCaller({ context, request, kind: 'question', announcedBytes: 0 })
  const store = new RequestStore({
    context,
    caller,
    declaredBytes: undefined,
    checksum: undefined,
    looksOnly: true
  })
  const { offset, size = 0 } = await store.getUpload(secret)
  if (store.result !== undefined)
    return await reply.send(uploadAnswer(requestOrigin(context, request), store.result))
  if (store.stored !== undefined) {
    const stored = { ...store.stored, path: store.path ?? '' }
    return await reply.send(uploadedAnswer(requestOrigin(context, request), stored))
  }
  const expiresAt = new Date(store.expiresAt ?? 0).toISOString()
  return await reply.send({ offset, length: size, expiresAt })
}

const problem = {
  '4xx': { description: 'Refused', content: { 'application/problem+json': { schema: problemSchema } } }
}
const tags = ['upload']
const emptyAnswer = (text: string) => z.undefined().describe(text)
const described204 = (text: string) => ({ 204: emptyAnswer(text), ...problem })

export const tusUpload: Route = (app, context) => {
  const body = { bodyContent: { [PART_TYPE]: { type: 'string', format: 'binary' } } }
  for (const url of [PATH, `${PATH}/`]) {
    const hide = url === PATH
    const creation = {
      summary: 'Begin an upload that can go on later (tus 1.0)',
      description:
        'Headers: Tus-Resumable, Upload-Length, Upload-Metadata (filename, filetype, downloads, expires, password, md5, sha256, indexbytes, encryption, proofhash). Location says where it goes on. ' +
        'With a token, or with `path` and a session, it becomes a file of the user (path, filetype, metadata, md5, sha256, expires, only_new, base_version, base_file_id), whom it is then reached by alone. ' +
        'With `pool`, `batch` and `index` it brings a file of a batch that was announced: docs/http.md.',
      tags,
      response: { 201: emptyAnswer('Begun. Headers: Location, Upload-Expires.'), ...problem },
      hide
    }
    app.post(url, { schema: creation, config: body }, async (request, reply) =>
      create(context, request, reply)
    )
    const options = {
      summary: 'What of tus 1.0 is spoken',
      tags,
      response: described204('Headers: Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm.'),
      hide
    }
    app.options(url, { schema: options }, async (request, reply) => ask(context, request, reply, 'OPTIONS'))
  }
  const url = `${PATH}/:secret`
  const of = (summary: string, text: string) => ({ summary, tags, params, response: described204(text) })
  const partSchema = of(
    'Send a part of an upload',
    'Kept. Headers: Upload-Offset; with the last part X-Link, X-Url-Delete, X-Url-Sender, X-Expires, or of a file of a user X-File-Id, X-File-Version.'
  )
  app.patch(url, { schema: partSchema, config: { ...body, locksWhenBusy: true } }, async (request, reply) =>
    append(context, request, reply)
  )
  // for clients whose line lets nothing but GET and POST through
  app.post(url, { schema: { hide: true }, config: { locksWhenBusy: true } }, async (request, reply) => {
    const method = headerOf(request.headers, 'x-http-method-override')
    if (method === 'PATCH') return await append(context, request, reply)
    if (method === 'DELETE') return await ask(context, request, reply, 'DELETE')
    throw new PeerbinError('method-not-allowed')
  })
  const deleteSchema = of('Give an upload up', 'Given up, or its link withdrawn.')
  app.delete(url, { schema: deleteSchema }, async (request, reply) => ask(context, request, reply, 'DELETE'))
  app.options(url, { schema: { hide: true } }, async (request, reply) =>
    ask(context, request, reply, 'OPTIONS')
  )
  const getSchema = {
    summary: 'Where an upload stands (HEAD), and what became of it',
    description:
      'HEAD is of tus: Upload-Offset, Upload-Length, and of one that has ended the headers of the last part.',
    tags,
    params,
    response: {
      200: {
        description: 'The answer to an upload that has ended, or how far one has come',
        content: {
          'application/json': { schema: z.union([uploadAnswerSchema, uploadedSchema, progressSchema]) }
        }
      },
      ...problem
    }
  }
  app.route({
    method: ['GET', 'HEAD'],
    url,
    schema: getSchema,
    config: { locksWhenBusy: true },
    handler: async (request, reply) =>
      request.method === 'HEAD' ? ask(context, request, reply, 'HEAD') : tell(context, request, reply)
  })
}
