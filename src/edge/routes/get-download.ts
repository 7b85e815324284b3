/** `GET /download/{token}`: programs redeem by asking; whoever holds a claim is served; everybody else is shown the page. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { GivenPassword } from '../../client/with-password.ts'
import { PeerbinError } from '../../errors.ts'
import { newClaimSecret } from '../../protocol/secrets.ts'
import type { EdgeContext, Route } from '../context.ts'
import { deliveryOf } from '../delivery/delivery.ts'
import { deliveryHeaders } from '../download-headers.ts'
import { headerOf } from '../http/accept.ts'
import { claimOfQuery, presentedClaims } from '../http/claims.ts'
import { givenPassword } from '../http/password.ts'
import { shownProof } from '../http/proof.ts'
import { chooseRange, rangeAllowed } from '../http/range.ts'
import type { RangeChoice } from '../http/range.ts'
import { visitorOf } from '../http/visitor.ts'
import { clientAddress } from '../limits/client-address.ts'
import { refusal } from '../link-state.ts'
import { problemSchema } from '../problem.ts'
import { checkPassword, claimNoted, findClaim, orRelease, passwordOf, tokenHashOf } from '../redeem.ts'
import type { ClaimOptions, Redemption } from '../redeem.ts'
import { serveClaim } from '../transfer/serve-claim.ts'
import { claimantHeaders, liveLink, sendLinkPage, tokenParams } from './get-link.ts'

const query = z.object({
  claim: z.string().optional().describe('the secret of a claim, or one for a new claim')
})

const unsatisfiable = (sizeBytes: number): PeerbinError =>
  new PeerbinError('range-not-satisfiable', '', { details: { sizeBytes } })

/** The first of the presented claims that may be served now. */
async function validClaim(
  context: EdgeContext,
  token: string,
  presented: readonly string[]
): Promise<Redemption | undefined> {
  for (const secret of presented) {
    const redemption = await findClaim(context, tokenHashOf(token), secret)
    if (redemption !== undefined) return redemption
  }
  return undefined
}

/** What part is asked for. @throws `range-not-satisfiable` */
function rangeOf(
  request: FastifyRequest,
  sizeBytes: number,
  secret: string
): Exclude<RangeChoice, { kind: 'unsatisfiable' }> {
  // of an empty file there is no part, and clients that go on from where they are ask for one
  if (sizeBytes === 0 || !rangeAllowed(headerOf(request.headers, 'if-range'), secret))
    return { kind: 'whole' }
  const choice = chooseRange(headerOf(request.headers, 'range'), sizeBytes)
  if (choice.kind === 'unsatisfiable') throw unsatisfiable(sizeBytes)
  return choice
}

/** What is asked for: all that is behind a link, or one file of a bundle. */
interface Target {
  readonly token: string
  readonly entry: number | undefined
}

interface Stranger extends Target {
  readonly secret: string
  /** The program brought the secret of the claim that it wants. */
  readonly isOwn: boolean
  readonly password: GivenPassword | undefined
}

/**
 * A range outside the file must not spend the link, nor a file that a bundle does not have, so this looks before a claim is made.
 * @throws `range-not-satisfiable`, `not-found`, `index-none`, and why a stranger gets nothing
 */
async function checkTarget(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, entry, secret, isOwn, password }: Stranger
): Promise<void> {
  using transfer = context.transfers.begin(reply.raw)
  let found: Awaited<ReturnType<typeof liveLink>>
  try {
    found = await liveLink(context, token)
  } catch (error) {
    // another request with the same secret may have made the claim just now: whether it did, the claim itself answers
    if (isOwn) return
    throw error
  }
  try {
    using delivery = await deliveryOf(context.indexes, { file: found.file, entry }, transfer.signal)
    rangeOf(request, delivery.sizeBytes, secret)
  } catch (error) {
    // of a protected one only those learn the size, and what is in it, who know the password
    if (
      found.link.isProtected &&
      !(await checkPassword(context, tokenHashOf(token), password, transfer.signal))
    )
      throw refusal('unknown')
    throw error
  }
}

/** Headers of the file for a HEAD by a program: nothing is claimed. */
async function sendHead(
  context: EdgeContext,
  reply: FastifyReply,
  { token, entry }: Target
): Promise<FastifyReply> {
  const { link, file } = await liveLink(context, token)
  // a HEAD never counts as an attempt, so it must not tell whether a password is right either
  if (link.isProtected) throw new PeerbinError('password-required')
  using transfer = context.transfers.begin(reply.raw)
  using delivery = await deliveryOf(context.indexes, { file, entry }, transfer.signal)
  // Fastify would count the length of a payload, and there is none
  const length = { 'content-length': String(delivery.sizeBytes) }
  return reply.headers({ ...deliveryHeaders(delivery), ...length }).send()
}

async function download(
  context: EdgeContext,
  request: FastifyRequest<{ Querystring: { claim?: string | undefined } }>,
  reply: FastifyReply,
  target: Target
): Promise<FastifyReply> {
  const { token, entry } = target
  const isHead = request.method === 'HEAD'
  // before a claim is made: a download that is refused must not spend the link; it counts until the last byte, so everything below is awaited
  using _pass = isHead ? undefined : context.addresses.download(clientAddress(request), 'anonymous')
  const own = claimOfQuery(request.query.claim)
  const visitor = visitorOf(request.headers)
  const spends = visitor === 'program' && !isHead
  const presented = presentedClaims(own, request.headers, request.cookies)
  const hasRange = request.headers.range !== undefined
  // a program that brings its own secret is answered by the claim itself: that finds what is there and makes what is not
  const known =
    spends && presented[0] === own && own !== undefined && !hasRange
      ? undefined
      : await validClaim(context, token, presented)
  if (known !== undefined) return await serve(context, request, reply, target, known)
  if (!spends)
    return visitor === 'program'
      ? await sendHead(context, reply, target)
      : await sendLinkPage(context, request, reply, token)
  const secret = own ?? newClaimSecret(context.random)
  const password = passwordOf(request, givenPassword(request.headers))
  if (hasRange || entry !== undefined)
    await checkTarget(context, request, reply, { token, entry, secret, isOwn: own !== undefined, password })
  const redemption = await claim(context, reply, token, secret, {
    origin: own === undefined ? 'edge' : 'client',
    password,
    proofHash: shownProof(request.headers)
  })
  return await serve(context, request, reply, target, redemption)
}

async function serve(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, entry }: Target,
  redemption: Redemption
): Promise<FastifyReply> {
  using delivery = await orRelease(context, redemption, async () => {
    const { file, chunks } = redemption.answer
    using transfer = context.transfers.begin(reply.raw)
    return await deliveryOf(context.indexes, { file, chunks, entry }, transfer.signal)
  })
  const range = await orRelease(context, redemption, async () =>
    rangeOf(request, delivery.sizeBytes, redemption.secret)
  )
  return await serveClaim(context, request, reply, { token, redemption, delivery, range })
}

async function claim(
  context: EdgeContext,
  reply: FastifyReply,
  token: string,
  secret: string,
  options: Omit<ClaimOptions, 'signal'>
): Promise<Redemption> {
  using transfer = context.transfers.begin(reply.raw)
  const { signal } = transfer
  return await claimNoted(context, reply.request, tokenHashOf(token), secret, { ...options, signal })
}

const bytesContent = { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } }
const downloadResponses = {
  200: { description: 'The file; of a bundle, a zip', content: bytesContent },
  206: { description: 'A part of it', content: bytesContent },
  '4xx': {
    description:
      '401 password-required, proof-required; 403 password-wrong, proof-wrong; 404 link-unknown, index-none, not-found; 410 link-used, link-expired, link-revoked; 416 range-not-satisfiable; 429 password-attempts',
    content: { 'application/problem+json': { schema: problemSchema } }
  }
}

export const getDownload: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/download/:token',
    schema: {
      summary: 'Redeem a link and get the file',
      description:
        'For programs. Browser navigations, prefetches, link previews and HEAD spend nothing and get the page or headers, unless they present a valid claim ' +
        '(query, ETag in If-Range, or cookie). Ranges and resume are for the claimant. A link with a password wants it in X-Password or as Basic credentials, ' +
        'with any user name; a claimant needs it no more.',
      tags: ['link'],
      params: tokenParams,
      querystring: query,
      headers: claimantHeaders,
      response: downloadResponses
    },
    handler: async (request, reply) => {
      await download(context, request, reply, { token: request.params.token, entry: undefined })
      return reply
    }
  })
}

const entryParams = tokenParams.extend({
  entry: z.string().describe('which file of the bundle, counted from 0 in the order of its index')
})

/** A number that an index can have; what is none is no file of any bundle. */
function entryNumber(text: string): number {
  if (/^(?:0|[1-9]\d{0,4})$/.test(text)) return Number(text)
  throw new PeerbinError('not-found')
}

export const getEntry: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/download/:token/:entry',
    schema: {
      summary: 'Get one file of a bundle',
      description:
        'Redeems the link as the download of all of it does; one redemption covers every file and the archive. GET /d/{token}/index lists them.',
      tags: ['link'],
      params: entryParams,
      querystring: query,
      headers: claimantHeaders,
      response: downloadResponses
    },
    handler: async (request, reply) => {
      const { token, entry } = request.params
      await download(context, request, reply, { token, entry: entryNumber(entry) })
      return reply
    }
  })
}
