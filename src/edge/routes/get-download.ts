/** `GET /download/{token}`: programs redeem by asking; whoever holds a claim is served; everybody else is shown the page. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import { isClaimSecret, newClaimSecret } from '../../protocol/secrets.ts'
import type { EdgeContext, Route } from '../context.ts'
import { fileHeaders } from '../download-headers.ts'
import { headerOf } from '../http/accept.ts'
import { presentedClaims } from '../http/claims.ts'
import { chooseRange, rangeAllowed } from '../http/range.ts'
import type { RangeChoice } from '../http/range.ts'
import { visitorOf } from '../http/visitor.ts'
import { clientAddress } from '../limits/client-address.ts'
import { problemSchema } from '../problem.ts'
import { claimLink, findClaim, tokenHashOf } from '../redeem.ts'
import type { Redemption } from '../redeem.ts'
import { serveClaim } from '../transfer/serve-claim.ts'
import { liveLink, sendLinkPage, tokenParams } from './get-link.ts'

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

/** Headers of the file for a HEAD by a program: nothing is claimed. */
async function sendHead(context: EdgeContext, reply: FastifyReply, token: string): Promise<FastifyReply> {
  const { file } = await liveLink(context, token)
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
  // a program that brings its own secret is answered by the claim itself: that finds what is there and makes what is not
  const known =
    spends && presented[0] === own && own !== undefined
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
  if (request.headers.range !== undefined && own === undefined) {
    // a range outside the file must not spend the link
    rangeOf(request, (await liveLink(context, token)).file.sizeBytes, secret)
  }
  const redemption = await claimLink(
    context,
    tokenHashOf(token),
    secret,
    own === undefined ? 'edge' : 'client'
  )
  return await serveClaim(context, request, reply, {
    token,
    redemption,
    range: rangeOf(request, redemption.answer.file.sizeBytes, secret)
  })
}

export const getDownload: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/download/:token',
    schema: {
      summary: 'Redeem a link and get the file',
      description:
        'For programs. Browser navigations, prefetches, link previews and HEAD spend nothing and get the page or headers, unless they present a valid claim ' +
        '(query, ETag in If-Range, or cookie). Ranges and resume are for the claimant.',
      tags: ['link'],
      params: tokenParams,
      querystring: query,
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
            '410 link-used, link-expired, link-revoked; 404 link-unknown; 416 range-not-satisfiable',
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
