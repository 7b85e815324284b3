/** `GET /d/{token}`: the page of a link. Safe, always: chat programs and mail scanners may fetch it as often as they like. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { isSingle } from '../../bundle/index.ts'
import type { BundleIndex } from '../../bundle/index.ts'
import { newClaimSecret } from '../../protocol/secrets.ts'
import { hasCode } from '../../errors.ts'
import type { PeerbinError } from '../../errors.ts'
import { payloadBytesOf } from '../../protocol/payload.ts'
import { ENCRYPTIONS } from '../../types.ts'
import type { FileRecord, LinkRecord, LinkToken } from '../../types.ts'
import type { EdgeContext, Route } from '../context.ts'
import { hasOpenIndex } from '../delivery/delivery.ts'
import type { HeldIndex } from '../delivery/index-shelf.ts'
import { formatOf } from '../http/accept.ts'
import { claimOfQuery } from '../http/claims.ts'
import { linkUrls } from '../http/origin.ts'
import { givenPassword } from '../http/password.ts'
import { visitorOf } from '../http/visitor.ts'
import { obstacle, refusal } from '../link-state.ts'
import { claimPage } from '../pages/claim-page.ts'
import { contentText, linkPage, shellCommand } from '../pages/link-page.ts'
import { errorHeaders, problemSchema } from '../problem.ts'
import { checkPassword, findClaim, passwordOf, tokenHashOf } from '../redeem.ts'
import type { Redemption } from '../redeem.ts'
import { requestOrigin } from '../upload-answer.ts'
import { texts } from '../texts.ts'

export const tokenParams = z.object({ token: z.string().describe('the token of the link') })

/** Documentation; they are read by http/password.ts, and credentials beside them. */
export const passwordHeaders = z.object({
  'x-password': z.string().optional().describe('the password of a link that has one')
})

/** Documentation; http/password.ts and http/proof.ts read them. */
export const claimantHeaders = passwordHeaders.extend({
  'x-proof': z.string().optional().describe('of the key of an encrypted file; a claimant needs it no more')
})

const query = z.object({
  claim: z.string().optional().describe('the secret of a claim: its holder is told of a link that is used')
})

/** What the file is stays untold until the password is right. */
export const linkAnswerSchema = z.object({
  name: z
    .string()
    .optional()
    .describe('this and the next ones up to entries are missing while passwordRequired is true'),
  size: z.int().optional().describe('bytes, all that was uploaded'),
  mediaType: z.string().optional(),
  sha256: z.string().optional().describe('hex, of all that was uploaded'),
  payloadBytes: z.int().optional().describe('of those, what is downloaded; the rest is the index'),
  indexBytes: z.int().optional(),
  entries: z.int().optional().describe('how many files; of a bundle that is not encrypted only'),
  encryption: z.enum(ENCRYPTIONS).nullable().describe('docs/encryption.md; null: not encrypted'),
  proofRequired: z.boolean().describe('redeeming it takes X-Proof'),
  passwordRequired: z.boolean().describe('the link has a password, and none was given'),
  expiresAt: z.string().describe('ISO 8601'),
  downloads: z.int(),
  downloadsLeft: z.int(),
  directUrl: z.string()
})

/** A link that a stranger could redeem now. @throws why not */
export async function liveLink(
  context: EdgeContext,
  token: string
): Promise<{ link: LinkRecord; file: FileRecord }> {
  const { found, now } = await context.controller.call('findLink', { tokenHash: tokenHashOf(token) })
  if (found === null) throw refusal('unknown')
  const why = obstacle(found.link, now)
  if (why !== undefined) throw why
  return found
}

/**
 * Whether what the file is may be told: the link has no password, or a program gives the right one. That counts as an attempt like any other, so HEAD and whoever only looks
 * are not asked; neither are pages, whose form sends the password together with the wish to download.
 * @throws `password-wrong`, `password-attempts`, `busy`
 */
async function mayTell(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { link, token }: { link: LinkRecord; token: string }
): Promise<boolean> {
  if (!link.isProtected) return true
  const visitor = visitorOf(request.headers)
  const given = passwordOf(request, givenPassword(request.headers))
  if (given === undefined || request.method !== 'GET' || visitor !== 'program') return false
  using transfer = context.transfers.begin(reply.raw)
  return await checkPassword(context, tokenHashOf(token), given, transfer.signal)
}

/** The index of a bundle that may be told; undefined for what is no bundle. @throws `chunk-unavailable`, `index-invalid`, `busy` */
async function bundleOf(
  context: EdgeContext,
  reply: FastifyReply,
  file: FileRecord
): Promise<HeldIndex | undefined> {
  if (!hasOpenIndex(file)) return undefined
  using transfer = context.transfers.begin(reply.raw)
  const held = await context.indexes.get(file, undefined, transfer.signal)
  if (!isSingle(held.index)) return held
  held[Symbol.dispose]()
  return undefined
}

/**
 * Answers with the link's page, or what it says as JSON or text. Spends nothing.
 * @param problem what was wrong with the password that led back to the page
 */
export async function sendLinkPage(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
  problem?: PeerbinError
): Promise<FastifyReply> {
  const found = await liveLink(context, token)
  const isTold = await mayTell(context, request, reply, { link: found.link, token })
  const isPerson = formatOf(request.headers.accept) === 'html'
  // a page without the list is better than none; programs ask again
  using bundle = isTold
    ? await bundleOf(context, reply, found.file).catch((error: unknown) => {
        if (isPerson && hasCode(error, 'chunk-unavailable', 'busy')) return undefined
        throw error
      })
    : undefined
  return sendFound(context, request, reply, { ...found, token, isTold, index: bundle?.index, problem })
}

interface FoundPage {
  readonly link: LinkRecord
  readonly file: FileRecord
  readonly token: string
  readonly isTold: boolean
  readonly index: BundleIndex | undefined
  readonly problem?: PeerbinError | undefined
}

function sendFound(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { link, file, token, isTold, index, problem }: FoundPage
): FastifyReply {
  const { url, directUrl } = linkUrls(requestOrigin(context, request), token as LinkToken) // it names a link, so it is a token
  reply.header('vary', 'accept').header('cache-control', 'no-store')
  switch (formatOf(request.headers.accept)) {
    case 'json':
      return reply.type('application/json; charset=utf-8').send(
        JSON.stringify({
          ...(isTold && toldOf(file, index)),
          encryption: file.encryption,
          proofRequired: link.needsProof,
          passwordRequired: !isTold,
          expiresAt: new Date(link.expiresAt).toISOString(),
          downloads: link.downloads,
          downloadsLeft: link.downloads - link.claimed,
          directUrl
        } satisfies z.output<typeof linkAnswerSchema>)
      )
    case 'html': {
      const claim = newClaimSecret(context.random)
      const { assets } = context
      const page = linkPage({ assets, file, link, index, token, claim, url, directUrl, problem })
      if (problem !== undefined) reply.code(problem.status).headers(errorHeaders(problem, 'html'))
      return reply.type('text/html; charset=utf-8').send(page)
    }
    case 'text': {
      const until = new Date(link.expiresAt).toISOString()
      const command = shellCommand({ link, file }, { url, directUrl })
      const what = isTold ? contentText(file, index) : texts.link.nameless
      return reply.type('text/plain; charset=utf-8').send(`${what}, until ${until}: ${command}\n`)
    }
  }
}

const toldOf = (file: FileRecord, index: BundleIndex | undefined) => ({
  name: file.name,
  size: file.sizeBytes,
  mediaType: file.mediaType,
  sha256: file.sha256,
  payloadBytes: payloadBytesOf(file),
  indexBytes: file.indexBytes,
  ...(index !== undefined && { entries: index.entries.length })
})

/** For whoever holds a claim, whatever the link would tell others: what can be fetched with it. */
async function sendClaimed(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, redemption }: { token: string; redemption: Redemption }
): Promise<FastifyReply> {
  const { file, claim } = redemption.answer
  using bundle = await bundleOf(context, reply, file)
  const index = bundle?.index
  if (formatOf(request.headers.accept) !== 'html') {
    const { found } = await context.controller.call('findLink', { tokenHash: redemption.tokenHash })
    if (found === null) throw refusal('unknown')
    return sendFound(context, request, reply, { link: found.link, file, token, isTold: true, index })
  }
  const { secret } = redemption
  const page = claimPage({ assets: context.assets, file, index, claim, token, secret })
  return reply
    .header('vary', 'accept')
    .header('cache-control', 'no-store')
    .type('text/html; charset=utf-8')
    .send(page)
}

export const getLink: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/d/:token',
    schema: {
      summary: 'What is behind a link',
      description:
        'Never spends it. A link with a password tells what the file is to programs that give the password (X-Password, or Basic credentials); a wrong one counts as an attempt.',
      tags: ['link'],
      params: tokenParams,
      querystring: query,
      headers: passwordHeaders,
      response: {
        200: {
          description: 'A page, JSON or a line of text, by Accept',
          content: {
            'text/html': { schema: z.string() },
            'application/json': { schema: linkAnswerSchema },
            'text/plain': { schema: z.string() }
          }
        },
        '4xx': {
          description:
            '403 password-wrong; 404 link-unknown; 410 link-used, link-expired, link-revoked; 429 password-attempts',
          content: { 'application/problem+json': { schema: problemSchema } }
        }
      }
    },
    handler: async (request, reply) => {
      const { token } = request.params
      const secret = claimOfQuery(request.query.claim)
      const redemption =
        secret === undefined ? undefined : await findClaim(context, tokenHashOf(token), secret)
      if (redemption === undefined) await sendLinkPage(context, request, reply, token)
      else await sendClaimed(context, request, reply, { token, redemption })
      return reply
    }
  })
}
