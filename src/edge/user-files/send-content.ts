/** A download of a user's file: nothing is spent, so it can be had in any part, any number of times, for as long as the session lasts. */

import { create as contentDisposition } from 'content-disposition'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { nameOf } from '../../client/entry-upload.ts'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import type { ByteRange } from '../../types.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { DOWNLOAD_POLICY, rangeHeaders } from '../download-headers.ts'
import { headerOf } from '../http/accept.ts'
import { conditionOf, validatorHeaders } from '../http/conditional.ts'
import type { Validators } from '../http/conditional.ts'
import { reprDigest } from '../http/digests.ts'
import { chooseRange } from '../http/range.ts'
import type { DownloadPass } from '../limits/address-limits.ts'
import { SECURITY_HEADERS } from '../security-headers.ts'
import { sendBody } from '../transfer/send-body.ts'

export type Content = ResponseOf<ControlMessages, 'openContent'>

/** Kept by whom it is for, and asked for again each time: whether they may still have it is known here only. */
const CACHE_CONTROL = 'private, no-cache, no-transform'

/**
 * An earlier version can count again, with the date of when it came: the date of the file is that of its last change, whatever that was. Within one second there may be several;
 * only the bytes of a version that was asked for by its number, and of a first one, never change.
 */
export const validatorsOf = (
  { file, entry, version }: Pick<Content, 'file' | 'entry' | 'version'>,
  isPinned: boolean
): Validators => ({
  tag: file.sha256,
  modifiedAt: isPinned ? version.uploadedAt : Math.max(version.uploadedAt, entry.changedAt),
  isDateStrong: isPinned || version.number === 1
})

export interface ContentRequest {
  readonly content: Content
  /** What it is called where it is saved; default: as the file is. */
  readonly name?: string
  /** A version was asked for by its number. */
  readonly isPinned: boolean
  readonly actor: Actor
  /** Undefined for a HEAD. */
  readonly pass: DownloadPass | undefined
}

/** Answers 200, 206, 304 or the headers alone. @throws `precondition-failed`, `range-not-satisfiable`; before the first byte what reading fails with, and why the session ended */
export async function sendContent(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { content, name = nameOf(content.entry.path), isPinned, actor, pass }: ContentRequest
): Promise<FastifyReply> {
  const { file, entry, version } = content
  request.noted?.set({ owner: entry.owner, path: entry.path, version: version.number, bytes: 0 })
  const validators = validatorsOf(content, isPinned)
  const condition = conditionOf(request.headers, validators)
  if (condition.kind === 'failed') throw new PeerbinError('precondition-failed')
  const cached = {
    ...validatorHeaders(validators),
    'cache-control': CACHE_CONTROL,
    vary: 'authorization, cookie'
  }
  if (condition.kind === 'not-modified') {
    request.noted?.drop() // nothing was fetched
    return reply.code(304).headers(cached).send()
  }
  const headers = {
    ...DOWNLOAD_POLICY,
    ...cached,
    'content-disposition': contentDisposition(name),
    'repr-digest': reprDigest(file.sha256)
  }
  // Fastify would count the length of a payload, and there is none
  if (pass === undefined)
    return reply.headers({ ...headers, 'content-length': String(file.sizeBytes) }).send()
  const range = condition.range ? headerOf(request.headers, 'range') : undefined
  const choice = chooseRange(range, file.sizeBytes)
  if (choice.kind === 'unsatisfiable')
    throw new PeerbinError('range-not-satisfiable', '', { details: { sizeBytes: file.sizeBytes } })
  const isPart = choice.kind === 'part'
  if (isPart) {
    const { start, end } = choice.range
    request.noted?.set({ detail: `bytes ${start}-${end - 1}/${file.sizeBytes}` })
  }
  await send(context, reply, {
    content,
    actor,
    pass,
    range: isPart ? choice.range : { start: 0, end: file.sizeBytes },
    begin: (sent) =>
      reply.raw.writeHead(isPart ? 206 : 200, {
        ...SECURITY_HEADERS,
        ...headers,
        ...rangeHeaders(sent, file.sizeBytes, isPart)
      })
  })
  return reply
}

interface Sending {
  readonly content: Content
  readonly actor: Actor
  readonly pass: DownloadPass
  readonly range: ByteRange
  /** Writes the first line and the headers. */
  readonly begin: (range: ByteRange) => void
}

async function send(
  context: EdgeContext,
  reply: FastifyReply,
  { content, actor, pass, range, begin }: Sending
): Promise<void> {
  const { clock, config, logger, reader, sessions, transfers } = context
  const { file, chunks } = content
  using transfer = transfers.begin(reply.raw)
  using guard = sessions.guard(actor)
  const signal = AbortSignal.any([transfer.signal, guard.signal])
  const body = await reader.prepare({
    file: file.id,
    sizeBytes: file.sizeBytes,
    chunkCount: file.chunkCount,
    firstPage: chunks,
    range,
    isKept: true,
    isLate: () => pass.isFurther(),
    signal
  })
  try {
    if (failpoints.armed) await failpoints.hit('edge.firstByte.before')
    throwIfAborted(signal)
  } catch (error) {
    await body.return(undefined)
    throw error
  }
  // from here on the answer is ours: Fastify would neither say when bytes leave nor keep their memory as it is until then
  reply.hijack()
  let sentBytes = 0
  try {
    begin(range)
    await sendBody({
      response: reply.raw,
      body,
      allow: (bytes) => bytes,
      onSent: (bytes) => {
        sentBytes += bytes
      },
      clock,
      stallMs: config.edge.stallMs,
      signal
    })
    reply.request.noted?.end({ bytes: sentBytes })
  } catch (error) {
    reply.request.noted?.end({ bytes: sentBytes, error })
    // the client sees by the length that something is missing
    reply.raw.destroy()
    const { code } = asPeerbinError(error)
    const fields = { code, ...(code === 'internal' && { err: error }) }
    if (code === 'aborted' || code === 'shutting-down' || code === 'credentials-invalid')
      logger.debug('a download ended early', fields)
    else logger.warn('a download was cut off', fields)
  }
}
