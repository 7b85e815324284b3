/** `POST /d/{token}`: the Download button. Claims the link and sends the browser to the claim URL, or to the page of a bundle's files. */

import { z } from 'zod'
import { hasCode } from '../../errors.ts'
import { newClaimSecret } from '../../protocol/secrets.ts'
import type { EdgeContext, Route } from '../context.ts'
import { formatOf } from '../http/accept.ts'
import { deliveryOf } from '../delivery/delivery.ts'
import { claimOfQuery } from '../http/claims.ts'
import { claimPagePath, claimPath } from '../http/origin.ts'
import { formPassword, givenPassword } from '../http/password.ts'
import { shownProof } from '../http/proof.ts'
import { hasBody, readText } from '../http/request-body.ts'
import { problemSchema } from '../problem.ts'
import { claimNoted, orRelease, passwordOf, tokenHashOf } from '../redeem.ts'
import type { Redemption, SecretOrigin } from '../redeem.ts'
import { claimantHeaders, sendLinkPage, tokenParams } from './get-link.ts'

/** A form with one claim and one password in it, all of whose bytes may be percent codes. */
const FORM_BYTES_MAX = 4096

/** Errors of a claim that was not made for want of the right password. */
const PASSWORD_CODES = ['password-required', 'password-wrong', 'password-attempts'] as const

const query = z.object({
  claim: z.string().optional().describe('a claim secret of the client: 256 random bits, base64url')
})

/** Makes sure that the first byte can be had: a link is not spent on a file that nobody can reach now. */
async function probe(context: EdgeContext, { answer }: Redemption, signal: AbortSignal): Promise<void> {
  const { file, chunks } = answer
  const body = await context.reader.prepare({
    file: file.id,
    sizeBytes: file.sizeBytes,
    chunkCount: file.chunkCount,
    firstPage: chunks,
    range: { start: 0, end: 1 },
    signal
  })
  await body.return(undefined)
}

/**
 * A program asks again with its secret, through any edge, and may have been told yes there already: then giving the claim back here would let
 * somebody else have the link too.
 */
function originOf(fromProgram: string | undefined, given: string | undefined): SecretOrigin {
  if (fromProgram !== undefined) return 'client'
  return given === undefined ? 'edge' : 'page'
}

export const postLink: Route = (app, context) => {
  app.post(
    '/d/:token',
    {
      schema: {
        summary: 'Redeem a link from its page',
        description: 'Redirects to the claim URL. The same claim again answers the same, from any edge.',
        tags: ['link'],
        params: tokenParams,
        querystring: query,
        headers: claimantHeaders,
        response: {
          303: {
            description:
              'Location: the claim URL; of a bundle, for browsers, a page that offers the archive and each file',
            content: { 'text/plain': { schema: z.string() } }
          },
          '4xx': {
            description: 'Refused',
            content: { 'application/problem+json': { schema: problemSchema } }
          }
        }
      },
      config: {
        bodyContent: {
          'application/x-www-form-urlencoded': {
            type: 'object',
            properties: { claim: { type: 'string' }, password: { type: 'string' } }
          }
        }
      }
    },
    async (request, reply) => {
      const { token } = request.params
      const text = hasBody(request.raw)
        ? await readText(request.raw, FORM_BYTES_MAX, context.clock, context.config.edge.stallMs)
        : ''
      const fromProgram = request.query.claim
      const form = new URLSearchParams(text)
      const given = claimOfQuery(fromProgram ?? form.get('claim') ?? undefined)
      const password = formPassword(form.get('password') ?? undefined) ?? givenPassword(request.headers)
      using transfer = context.transfers.begin(reply.raw)
      const secret = given ?? newClaimSecret(context.random)
      const claiming = claimNoted(context, request, tokenHashOf(token), secret, {
        origin: originOf(fromProgram, given),
        password: passwordOf(request, password),
        proofHash: shownProof(request.headers),
        signal: transfer.signal
      })
      const isPerson = formatOf(request.headers.accept) === 'html'
      let redemption: Redemption
      try {
        redemption = await claiming
      } catch (error) {
        if (!isPerson) throw error
        // a person is asked again where they were asked
        if (hasCode(error, ...PASSWORD_CODES))
          return await sendLinkPage(context, request, reply, token, error)
        // the page that was pressed is an old one: its claim was given back, and the link may be as good as new
        if (hasCode(error, 'claim-unknown')) return await sendLinkPage(context, request, reply, token)
        throw error
      }
      const path = await orRelease(context, redemption, async () => {
        await probe(context, redemption, transfer.signal)
        // of several files a person chooses what to take, and how
        using delivery = await deliveryOf(context.indexes, redemption.answer, transfer.signal)
        return isPerson && delivery.isArchive ? claimPagePath(token, secret) : claimPath(token, secret)
      })
      return reply.code(303).header('location', path).type('text/plain; charset=utf-8').send(`${path}\n`)
    }
  )
}
