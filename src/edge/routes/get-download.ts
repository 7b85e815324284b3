/** `GET /download/{token}`: programs redeem by asking; whoever holds a claim is served; everybody else is shown the page. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { GivenPassword } from '../../client/with-password.ts'
import { PeerbinError } from '../../errors.ts'
import { isClaimSecret, newClaimSecret } from '../../protocol/secrets.ts'
import type { EdgeContext, Route } from '../context.ts'
import { fileHeaders } from '../download-headers.ts'
import { headerOf } from '../http/accept.ts'
import { presentedClaims } from '../http/claims.ts'
import { givenPassword } from '../http/password.ts'
import { shownProof } from '../http/proof.ts'
import { chooseRange, rangeAllowed } from '../http/range.ts'
import type { RangeChoice } from '../http/range.ts'
import { visitorOf } from '../http/visitor.ts'
import { clientAddress } from '../limits/client-address.ts'
import { refusal } from '../link-state.ts'
import { problemSchema } from '../problem.ts'
import { checkPassword, claimLink, findClaim, orRelease, passwordOf, tokenHashOf } from '../redeem.ts'
import type { ClaimOptions, Redemption } from '../redeem.ts'
import { serveClaim } from '../transfer/serve-claim.ts'
import { liveLink, passwordHeaders, sendLinkPage, tokenParams } from './get-link.ts'

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
  if (!rangeAllowed(headerOf(request.headers, 'if-range'), secret)) return { kind: 'whole' }
  const choice = chooseRange(headerOf(request.headers, 'range'), sizeBytes)
  if (choice.kind === 'unsatisfiable') throw unsatisfiable(sizeBytes)
  return choice
}

interface Stranger {
  readonly token: string
  readonly secret: string
  /** The program brought the secret of the claim that it wants. */
  readonly isOwn: boolean
  readonly password: GivenPassword | undefined
}

/** A range outside the file must not spend the link, so this looks before a claim is made. @throws `range-not-satisfiable`, and why a stranger gets nothing */
async function checkRange(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, secret, isOwn, password }: Stranger
): Promise<void> {
  let found: Awaited<ReturnType<typeof liveLink>>
  try {
    found = await liveLink(context, token)
  } catch (error) {
    // another request with the same secret may have made the claim just now: whether it did, the claim itself answers
    if (isOwn) return
    throw error
  }
  try {
    rangeOf(request, found.file.sizeBytes, secret)
  } catch (error) {
    // of a protected one only those learn the size who know the password
    if (found.link.isProtected) {
      using transfer = context.transfers.begin(reply.raw)
      if (!(await checkPassword(context, tokenHashOf(token), password, transfer.signal)))
        throw refusal('unknown')
    }
    throw error
  }
}

/** Headers of the file for a HEAD by a program: nothing is claimed. */
async function sendHead(context: EdgeContext, reply: FastifyReply, token: string): Promise<FastifyReply> {
  const { link, file } = await liveLink(context, token)
  // a HEAD never counts as an attempt, so it must not tell whether a password is right either
  if (link.isProtected) throw new PeerbinError('password-required')
  // Fastify would count the length of a payload, and there is none
  return reply.headers({ ...fileHeaders(file), 'content-length': String(file.sizeBytes) }).send()
}

async function download(
  context: EdgeContext,
  request: FastifyRequest<{ Params: { token: string }; Querystring: { claim?: string | undefined } }>,
  reply: FastifyReply
): Promise<FastifyReply> {
  const { token } = request.params
  const isHead = request.method === 'HEAD'
  // before a claim is made: a download that is refused must not spend the link; it counts until the last byte, so everything below is awaited
  using _pass = isHead ? undefined : context.addresses.download(clientAddress(request), 'anonymous')
  const own = request.query.claim
  if (own !== undefined && !isClaimSecret(own))
    throw new PeerbinError('invalid-field', 'claim: 43 characters of base64url are needed', {
      details: { field: 'claim' }
    })
  const visitor = visitorOf(request.headers)
  const spends = visitor === 'program' && !isHead
  const presented = presentedClaims(own, request.headers, request.cookies)
  const hasRange = request.headers.range !== undefined
  // a program that brings its own secret is answered by the claim itself: that finds what is there and makes what is not
  const known =
    spends && presented[0] === own && own !== undefined && !hasRange
      ? undefined
      : await validClaim(context, token, presented)
  if (known !== undefined) {
    return await serveClaim(context, request, reply, {
      token,
      redemption: known,
      range: rangeOf(request, known.answer.file.sizeBytes, known.secret)
    })
  }
  if (!spends)
    return visitor === 'program'
      ? await sendHead(context, reply, token)
      : await sendLinkPage(context, request, reply, token)
  const secret = own ?? newClaimSecret(context.random)
  const password = passwordOf(request, givenPassword(request.headers))
  if (hasRange)
    await checkRange(context, request, reply, { token, secret, isOwn: own !== undefined, password })
  const redemption = await claim(context, reply, token, secret, {
    origin: own === undefined ? 'edge' : 'client',
    password,
    proofHash: shownProof(request.headers)
  })
  const range = await orRelease(context, redemption, async () =>
    rangeOf(request, redemption.answer.file.sizeBytes, secret)
  )
  return await serveClaim(context, request, reply, { token, redemption, range })
}

async function claim(
  context: EdgeContext,
  reply: FastifyReply,
  token: string,
  secret: string,
  options: Omit<ClaimOptions, 'signal'>
): Promise<Redemption> {
  using transfer = context.transfers.begin(reply.raw)
  return await claimLink(context, tokenHashOf(token), secret, { ...options, signal: transfer.signal })
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
      headers: passwordHeaders,
      response: {
        200: {
          description: 'The file',
          content: { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } }
        },
        206: {
          description: 'A part of it',
          content: { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } }
        },
        '4xx': {
          description:
            '401 password-required; 403 password-wrong; 404 link-unknown; 410 link-used, link-expired, link-revoked; 416 range-not-satisfiable; 429 password-attempts',
          content: { 'application/problem+json': { schema: problemSchema } }
        }
      }
    },
    handler: async (request, reply) => {
      await download(context, request, reply)
      return reply
    }
  })
}
