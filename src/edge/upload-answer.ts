/** What a sender gets for a file. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { UploadResult } from '../client/file-writer.ts'
import { payloadBytesOf } from '../protocol/payload.ts'
import type { EdgeContext } from './context.ts'
import { formatOf } from './http/accept.ts'
import type { Format } from './http/accept.ts'
import { deleteUrl, linkUrls, originOf, senderUrl } from './http/origin.ts'
import { uploadedPage } from './pages/uploaded-page.ts'

export const uploadAnswerSchema = z.object({
  id: z.string().describe('id of the file'),
  name: z.string().describe('its name, cleaned'),
  size: z.int().describe('bytes'),
  payloadBytes: z.int().describe('of those, what is downloaded; the rest is the index'),
  sha256: z.string().describe('hex'),
  url: z.string().describe('the link to send: safe to open, spends nothing'),
  directUrl: z.string().describe('for programs: a GET redeems the link'),
  deleteUrl: z.string().describe('DELETE here withdraws the link'),
  senderUrl: z.string().describe('page of the sender: what became of the link; extending and withdrawing it'),
  expiresAt: z.string().describe('ISO 8601'),
  downloads: z.int().describe('how often the link can be redeemed'),
  passwordRequired: z.boolean().describe('whether whoever redeems it has to give a password')
})
export type UploadAnswer = z.output<typeof uploadAnswerSchema>

/** The address by which this client reached the edge. */
export const requestOrigin = (context: EdgeContext, request: FastifyRequest): string =>
  originOf(request, context.config.edge.publicUrl, context.url())

export function uploadAnswer(origin: string, result: UploadResult): UploadAnswer {
  const { file, token } = result
  return {
    id: file.id,
    name: file.name,
    size: file.sizeBytes,
    payloadBytes: payloadBytesOf(file),
    sha256: file.sha256,
    ...linkUrls(origin, token),
    deleteUrl: deleteUrl(origin, token, result.deleteSecret),
    senderUrl: senderUrl(origin, result.deleteSecret),
    expiresAt: new Date(result.expiresAt).toISOString(),
    downloads: result.downloads,
    passwordRequired: result.isProtected
  }
}

/** 201 in the form the client asked for. @param format overrides it */
export async function sendUploadAnswer(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  result: UploadResult,
  format: Format = formatOf(request.headers.accept)
): Promise<FastifyReply> {
  const answer = uploadAnswer(requestOrigin(context, request), result)
  reply
    .code(201)
    .header('location', answer.url)
    .header('x-url-delete', answer.deleteUrl)
    .header('x-url-sender', answer.senderUrl)
    .header('x-expires', answer.expiresAt)
    .header('vary', 'accept')
  switch (format) {
    case 'json':
      return reply.send(answer)
    case 'html':
      return reply.type('text/html; charset=utf-8').send(uploadedPage(context.assets, answer))
    case 'text':
      return reply.type('text/plain; charset=utf-8').send(`${answer.url}\n`)
  }
}
