/** Sends what a claim is for, or a part of it, to its holder. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import type { ByteRange } from '../../types.ts'
import type { EdgeContext } from '../context.ts'
import type { Delivery } from '../delivery/delivery.ts'
import { openDelivery } from '../delivery/woven-bytes.ts'
import { claimHeaders, deliveryHeaders, rangeHeaders } from '../download-headers.ts'
import { CLAIM_COOKIE } from '../http/claims.ts'
import type { RangeChoice } from '../http/range.ts'
import { orRelease } from '../redeem.ts'
import type { Redemption } from '../redeem.ts'
import type { HistoryEntry } from '../history/recorder.ts'
import { SECURITY_HEADERS } from '../security-headers.ts'
import type { ClaimShare } from './claim-table.ts'
import { ClaimReporter } from './claim-reporter.ts'
import type { ReportAnswer } from './claim-reporter.ts'
import { sendBody } from './send-body.ts'
import type { Transfer } from './transfers.ts'

export interface ClaimedDownload {
  readonly token: string
  readonly redemption: Redemption
  readonly delivery: Delivery
  readonly range: Exclude<RangeChoice, { kind: 'unsatisfiable' }>
}

/** Answers of the controller that mean: nothing more may be sent (withdrawn, taken back, or its time is over). */
const isOver = ({ claim, now }: ReportAnswer): boolean =>
  claim === null || claim.state === 'released' || claim.leaseUntil <= now

function cookieFor(
  context: EdgeContext,
  request: FastifyRequest,
  { token, redemption }: ClaimedDownload
): string {
  return request.server.serializeCookie(CLAIM_COOKIE, redemption.secret, {
    path: `/download/${token}`,
    httpOnly: true,
    sameSite: 'lax',
    secure: request.protocol === 'https',
    maxAge: Math.ceil(context.config.link.leaseMaxMs / 1000)
  })
}

/** Everything that must be right before the first header leaves; a claim that this request made is given back when it is not. */
async function prepare(
  context: EdgeContext,
  { redemption, delivery }: ClaimedDownload,
  range: ByteRange,
  parts: { reporter: ClaimReporter; share: ClaimShare; transfer: Transfer }
): Promise<AsyncGenerator<Uint8Array>> {
  const { file, claim, chunks } = redemption.answer
  const { signal } = parts.transfer
  return await orRelease(context, redemption, async () => {
    const body = await openDelivery(context.reader, delivery, range, {
      file: file.id,
      sizeBytes: file.sizeBytes,
      chunkCount: file.chunkCount,
      firstPage: chunks,
      isLate: () => parts.share.isFurther(),
      signal
    })
    try {
      // whoever made this claim may be about to give it back: a report of a first byte settles who is first
      if (!redemption.made && claim.bytesSent === 0 && !(await parts.reporter.ahead()))
        throw new PeerbinError('claim-unknown')
      if (failpoints.armed) await failpoints.hit('edge.firstByte.before')
      if (signal.aborted) throw new PeerbinError('aborted')
      return body
    } catch (error) {
      await body.return(undefined)
      throw error
    }
  })
}

function writeHead(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  download: ClaimedDownload,
  range: ByteRange
): void {
  const { delivery } = download
  const partial = download.range.kind === 'part'
  // from here on the answer is ours: Fastify would neither say when bytes leave nor keep their memory as it is until then
  reply.hijack()
  reply.raw.writeHead(partial ? 206 : 200, {
    ...SECURITY_HEADERS,
    ...deliveryHeaders(delivery),
    ...claimHeadersOf(context, request, download),
    ...rangeHeaders(range, delivery.sizeBytes, partial)
  })
}

/** The headers for a HEAD of the claimant. */
async function sendClaimedHead(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  download: ClaimedDownload
): Promise<FastifyReply> {
  const { delivery } = download
  const headers = claimHeadersOf(context, request, download)
  const length = { 'content-length': String(delivery.sizeBytes) }
  return reply.headers({ ...deliveryHeaders(delivery), ...headers, ...length }).send()
}

const claimHeadersOf = (
  context: EdgeContext,
  request: FastifyRequest,
  download: ClaimedDownload
): Record<string, string> =>
  claimHeaders(download.token, download.redemption.secret, {
    cookie: cookieFor(context, request, download),
    entry: download.delivery.entry
  })

export async function serveClaim(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  download: ClaimedDownload
): Promise<FastifyReply> {
  if (request.method === 'HEAD') return sendClaimedHead(context, request, reply, download)
  const entry = context.history.begin({
    request,
    action: 'link.download',
    link: download.redemption.tokenHash,
    bytes: 0
  })
  try {
    return await serve(context, request, reply, download, entry)
  } catch (error) {
    entry.end({ error }) // nothing was sent
    throw error
  } finally {
    entry.end()
  }
}

async function serve(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  download: ClaimedDownload,
  entry: HistoryEntry
): Promise<FastifyReply> {
  const { redemption, delivery } = download
  const { file, claim } = redemption.answer
  const range = download.range.kind === 'part' ? download.range.range : { start: 0, end: delivery.sizeBytes }
  using transfer = context.transfers.begin(reply.raw)
  const share = await orRelease(context, redemption, async () => context.claims.enter(claim, file))
  entry.set({ attempts: share.attempt })
  const over = new AbortController()
  const reporter = makeReporter(context, download, range, share, over)
  try {
    const body = await prepare(context, download, range, { reporter, share, transfer })
    // an empty file is a download too: the claim is not to look as if nothing had come of it
    if (delivery.sizeBytes === 0) reporter.handed(share.spend(1))
    writeHead(context, request, reply, download, range)
    entry.set(rangeDetail(download, range))
    await send(context, reply, {
      body,
      entry,
      share,
      reporter,
      signal: AbortSignal.any([transfer.signal, over.signal])
    })
  } finally {
    // the last report goes on behind the answer, and the claim's bytes are counted here until it is through
    context.transfers.follow(reporter.finish().finally(() => share.leave()))
  }
  return reply
}

function makeReporter(
  context: EdgeContext,
  { redemption: { tokenHash, answer }, delivery }: ClaimedDownload,
  range: ByteRange,
  share: ClaimShare,
  over: AbortController
): ClaimReporter {
  const { controller, clock, random, logger, config } = context
  return new ClaimReporter({
    controller,
    clock,
    random,
    logger,
    tokenHash,
    claimHash: answer.claim.claimHash,
    intervalMs: config.link.reportIntervalMs,
    start: range.start,
    coveredBefore: (position) => delivery.coveredBefore(position),
    onAnswer: (bytes, answer) => {
      share.reported(bytes, answer.claim)
      if (isOver(answer)) over.abort(new PeerbinError('claim-unknown'))
    }
  })
}

/** Which part, where it is not all of it. */
const rangeDetail = ({ delivery, range }: ClaimedDownload, { start, end }: ByteRange): { detail?: string } =>
  range.kind === 'part' ? { detail: `bytes ${start}-${end - 1}/${delivery.sizeBytes}` } : {}

interface Sending {
  readonly entry: HistoryEntry
  readonly body: AsyncGenerator<Uint8Array>
  readonly share: ClaimShare
  readonly reporter: ClaimReporter
  readonly signal: AbortSignal
}

/** The body; a failure in the middle cuts the connection, and the client sees by the length that something is missing. */
async function send(
  context: EdgeContext,
  reply: FastifyReply,
  { body, entry, share, reporter, signal }: Sending
): Promise<void> {
  let sentBytes = 0
  try {
    await sendBody({
      response: reply.raw,
      body,
      allow: (bytes) => {
        const granted = share.spend(bytes)
        reporter.handed(granted)
        return granted
      },
      onSent: (bytes) => {
        sentBytes += bytes
        reporter.sent(bytes)
      },
      clock: context.clock,
      stallMs: context.config.edge.stallMs,
      signal
    })
    entry.end({ bytes: sentBytes })
  } catch (error) {
    entry.end({ bytes: sentBytes, error })
    reply.raw.destroy()
    const { code } = asPeerbinError(error)
    const fields = { code, ...(code === 'internal' && { err: error }) }
    if (code === 'aborted' || code === 'shutting-down') context.logger.debug('a download ended early', fields)
    else context.logger.warn('a download was cut off', fields)
  }
}
