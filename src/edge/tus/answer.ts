/** What the library makes of a request, as an answer of ours. */

import { Server } from '@tus/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { UploadResult } from '../../client/file-writer.ts'
import { SoftSource } from '../../client/resume/soft-source.ts'
import { newUploadSecret } from '../../protocol/upload-secret.ts'
import type { EdgeContext } from '../context.ts'
import { bodyUnread } from '../http/linger.ts'
import { requestOrigin, uploadAnswer } from '../upload-answer.ts'
import type { RequestStore } from './request-store.ts'
import { asTusError, ofStatus } from './tus-errors.ts'

export const UPLOADS_PATH = '/files'
/** The library judges what proxies say, too, which is no matter of its own here. */
const PASSED_HEADERS = /^(?:tus-|upload-|content-type$|content-length$)/
/** Pages of other sites have no business here; and the length is set by what is sent. */
const DROPPED_HEADERS = /^(?:access-control-|content-length$|content-type$)/

/** What an upload's answer tells in its headers, as that of `curl -T` does. */
function resultHeaders(context: EdgeContext, request: FastifyRequest, result: UploadResult) {
  const answer = uploadAnswer(requestOrigin(context, request), result)
  return {
    'x-link': answer.url,
    'x-url-delete': answer.deleteUrl,
    'x-url-sender': answer.senderUrl,
    'x-expires': answer.expiresAt
  }
}

/** A body as the library may have it: it ends, cleanly, where it breaks off, so that what has come is stored; `source` says afterwards why it did. */
export interface SoftBody {
  readonly source: SoftSource
  readonly bytes: AsyncIterable<Uint8Array>
}

export function softBody(bytes: AsyncIterable<Uint8Array>): SoftBody {
  const source = new SoftSource()
  return { source, bytes: source.soften(bytes) }
}

export interface Asked {
  readonly method: string
  /** Of the upload; undefined: the collection. */
  readonly secret?: string
  readonly body?: SoftBody | undefined
  readonly store: RequestStore
  /** Most bytes of a file, where one is about to begin; of one that has begun the length is known. */
  readonly limitBytes?: number
}

/** Has the library answer, and sends that. */
export async function answer(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { method, secret, body, store, limitBytes }: Asked
): Promise<FastifyReply> {
  let failure: unknown
  const made = secret ?? newUploadSecret(context.random)
  const server = new Server({
    path: UPLOADS_PATH,
    datastore: store,
    locker: context.uploadLocks,
    lockDrainTimeout: 1, // at once: what has come is stored
    ...(limitBytes !== undefined && { maxSize: limitBytes }),
    namingFunction: () => made,
    getFileIdFromRequest: () => secret,
    generateUrl: () => `${requestOrigin(context, request)}${UPLOADS_PATH}/${made}`,
    onResponseError: (_request, error) => {
      failure = error
      return undefined
    }
  })
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers))
    if (typeof value === 'string' && PASSED_HEADERS.test(name)) headers.set(name, value)
  // the address that the library sees is never the real one: it holds a secret
  const response = await server.handleWeb(
    new Request(`http://peerbin${UPLOADS_PATH}/`, {
      method,
      headers,
      ...(body !== undefined && { body: body.bytes, duplex: 'half' as const })
    })
  )
  const broken = body?.source.failure
  if (failure !== undefined) throw asTusError(broken ?? failure)
  if (response.status >= 400) throw ofStatus(response.status, await response.text())
  if (broken !== undefined && store.result === undefined && store.stored === undefined)
    throw asTusError(broken)
  for (const [name, value] of response.headers) if (!DROPPED_HEADERS.test(name)) reply.header(name, value)
  if (store.result !== undefined) reply.headers(resultHeaders(context, request, store.result))
  if (store.stored !== undefined) {
    const { entry, version } = store.stored
    reply.headers({ 'x-file-id': entry, 'x-file-version': version })
  }
  if (store.expiresAt !== undefined) reply.header('upload-expires', new Date(store.expiresAt).toUTCString())
  else reply.removeHeader('upload-expires')
  if (bodyUnread(request.raw)) reply.header('connection', 'close')
  return await reply.code(response.status).send()
}
