/** `GET /d/{token}`: the page of a link. Safe, always: chat programs and mail scanners may fetch it as often as they like. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { newClaimSecret } from '../../protocol/secrets.ts'
import type { FileRecord, LinkRecord, LinkToken } from '../../types.ts'
import type { EdgeContext, Route } from '../context.ts'
import { formatOf } from '../http/accept.ts'
import { linkUrls } from '../http/origin.ts'
import { obstacle, refusal } from '../link-state.ts'
import { linkPage } from '../pages/link-page.ts'
import { problemSchema } from '../problem.ts'
import { tokenHashOf } from '../redeem.ts'
import { requestOrigin } from '../upload-answer.ts'
import { sizeText } from '../texts.ts'

export const tokenParams = z.object({ token: z.string().describe('the token of the link') })

export const linkAnswerSchema = z.object({
  name: z.string(),
  size: z.int().describe('bytes'),
  mediaType: z.string(),
  sha256: z.string().describe('hex'),
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

/** Answers with the link's page, or what it says as JSON or text. Spends nothing. */
export async function sendLinkPage(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string
): Promise<FastifyReply> {
  const { link, file } = await liveLink(context, token)
  const { directUrl } = linkUrls(requestOrigin(context, request), token as LinkToken) // it names a link, so it is a token
  reply.header('vary', 'accept').header('cache-control', 'no-store')
  switch (formatOf(request.headers.accept)) {
    case 'json':
      return reply.type('application/json; charset=utf-8').send(
        JSON.stringify({
          name: file.name,
          size: file.sizeBytes,
          mediaType: file.mediaType,
          sha256: file.sha256,
          expiresAt: new Date(link.expiresAt).toISOString(),
          downloads: link.downloads,
          downloadsLeft: link.downloads - link.claimed,
          directUrl
        } satisfies z.output<typeof linkAnswerSchema>)
      )
    case 'html': {
      const claim = newClaimSecret(context.random)
      const page = linkPage({ assets: context.assets, file, link, token, claim, directUrl })
      return reply.type('text/html; charset=utf-8').send(page)
    }
    case 'text':
      return reply
        .type('text/plain; charset=utf-8')
        .send(
          `${file.name} (${sizeText(file.sizeBytes)}), until ${new Date(link.expiresAt).toISOString()}: curl -OJ ${directUrl}\n`
        )
  }
}

export const getLink: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/d/:token',
    schema: {
      summary: 'What is behind a link',
      description: 'Never spends it.',
      tags: ['link'],
      params: tokenParams,
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
          description: '410 link-used, link-expired, link-revoked; 404 link-unknown',
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
