/** `GET /d/{token}`: the page of a link. Safe, always: chat programs and mail scanners may fetch it as often as they like. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { newClaimSecret } from '../../protocol/secrets.ts'
import type { PeerbinError } from '../../errors.ts'
import type { FileRecord, LinkRecord, LinkToken } from '../../types.ts'
import type { EdgeContext, Route } from '../context.ts'
import { formatOf } from '../http/accept.ts'
import { linkUrls } from '../http/origin.ts'
import { givenPassword } from '../http/password.ts'
import { visitorOf } from '../http/visitor.ts'
import { obstacle, refusal } from '../link-state.ts'
import { linkPage, shellCommand } from '../pages/link-page.ts'
import { errorHeaders, problemSchema } from '../problem.ts'
import { checkPassword, passwordOf, tokenHashOf } from '../redeem.ts'
import { requestOrigin } from '../upload-answer.ts'
import { sizeText, texts } from '../texts.ts'

export const tokenParams = z.object({ token: z.string().describe('the token of the link') })

/** Documentation; they are read by http/password.ts, and credentials beside them. */
export const passwordHeaders = z.object({
  'x-password': z.string().optional().describe('the password of a link that has one')
})

/** What the file is stays untold until the password is right. */
export const linkAnswerSchema = z.object({
  name: z.string().optional().describe('this and the next three are missing while passwordRequired is true'),
  size: z.int().optional().describe('bytes'),
  mediaType: z.string().optional(),
  sha256: z.string().optional().describe('hex'),
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
  const { link, file } = await liveLink(context, token)
  const isTold = await mayTell(context, request, reply, { link, token })
  const { directUrl } = linkUrls(requestOrigin(context, request), token as LinkToken) // it names a link, so it is a token
  reply.header('vary', 'accept').header('cache-control', 'no-store')
  switch (formatOf(request.headers.accept)) {
    case 'json':
      return reply.type('application/json; charset=utf-8').send(
        JSON.stringify({
          ...(isTold && {
            name: file.name,
            size: file.sizeBytes,
            mediaType: file.mediaType,
            sha256: file.sha256
          }),
          passwordRequired: !isTold,
          expiresAt: new Date(link.expiresAt).toISOString(),
          downloads: link.downloads,
          downloadsLeft: link.downloads - link.claimed,
          directUrl
        } satisfies z.output<typeof linkAnswerSchema>)
      )
    case 'html': {
      const claim = newClaimSecret(context.random)
      const page = linkPage({ assets: context.assets, file, link, token, claim, directUrl, problem })
      if (problem !== undefined) reply.code(problem.status).headers(errorHeaders(problem, 'html'))
      return reply.type('text/html; charset=utf-8').send(page)
    }
    case 'text':
      return reply
        .type('text/plain; charset=utf-8')
        .send(
          `${isTold ? `${file.name} (${sizeText(file.sizeBytes)})` : texts.link.nameless}, until ${new Date(link.expiresAt).toISOString()}: ${shellCommand(link, directUrl)}\n`
        )
  }
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
      await sendLinkPage(context, request, reply, request.params.token)
      return reply
    }
  })
}
