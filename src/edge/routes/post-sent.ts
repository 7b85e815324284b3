/** `POST /s/{secret}`: the sender withdraws a link, or lets it live longer. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { hasCode, PeerbinError } from '../../errors.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import type { EdgeContext, Route } from '../context.ts'
import { formatOf, headerOf } from '../http/accept.ts'
import { senderPath } from '../http/origin.ts'
import { hasBody, readText } from '../http/request-body.ts'
import { isSameOrigin } from '../http/same-origin.ts'
import { problemSchema } from '../problem.ts'
import { secretParams, sendSentLink, sentContent } from './get-sent.ts'

/** A form with an action and a time in it. */
const FORM_BYTES_MAX = 4096

const invalid = (field: string, message: string): PeerbinError =>
  new PeerbinError('invalid-field', `${field}: ${message}`, { details: { field } })

const form = z.object({
  action: z.enum(['revoke', 'extend']).describe('revoke: withdraw the link, and delete its file'),
  expiresAt: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('to extend: when the link shall expire, ISO 8601'),
  expires: z
    .stringFormat('seconds', /^\d{1,9}$/)
    .optional()
    .describe('or in how many seconds from now')
})
type Form = z.output<typeof form>

const NEEDED: Record<keyof Form, string> = {
  action: 'revoke or extend is needed',
  expiresAt: 'a time such as 2026-11-23T14:02:00Z is needed',
  expires: 'a whole number of seconds is needed'
}

/** A form or a JSON object. */
function parseForm(request: FastifyRequest, text: string): Form {
  const parsed = form.safeParse(isJson(request) ? parseJson(text) : fieldsOf(text))
  if (parsed.success) return parsed.data
  const field = parsed.error.issues[0]?.path[0]
  throw field === 'expiresAt' || field === 'expires'
    ? invalid(field, NEEDED[field])
    : invalid('action', NEEDED.action)
}

const isJson = ({ headers }: FastifyRequest): boolean =>
  headerOf(headers, 'content-type')?.split(';')[0]?.trim().toLowerCase() === 'application/json'

/** Browsers send empty fields. */
const fieldsOf = (text: string): Record<string, string> =>
  Object.fromEntries([...new URLSearchParams(text)].filter(([, value]) => value.trim() !== ''))

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    // the number that a program would write is as good as the text of a form
    return typeof value === 'object' &&
      value !== null &&
      'expires' in value &&
      typeof value.expires === 'number'
      ? { ...value, expires: String(value.expires) }
      : value
  } catch (error) {
    throw new PeerbinError('bad-request', 'The body is not JSON.', { cause: error })
  }
}

/** When the link shall expire. @param now the store's time */
function endOf({ expiresAt, expires }: Form, now: number): number {
  if ((expiresAt === undefined) === (expires === undefined))
    throw invalid('expiresAt', 'either a time here, or seconds in expires, is needed')
  return expiresAt === undefined ? now + Number(expires) * 1000 : Date.parse(expiresAt)
}

/** @throws why not */
async function act(context: EdgeContext, secret: string, wanted: Form): Promise<void> {
  const { controller, logger } = context
  const deleteHash = hashSecret(secret)
  const { found, now } = await controller.call('findSentLink', { deleteHash })
  // where nothing was found the second question is asked all the same, and refused: that takes the same time
  if (wanted.action === 'revoke') {
    const tokenHash = found?.link.tokenHash ?? hashSecret(deleteHash) // of no token: a recipient may try the one he has
    const { link } = await controller.call('revokeLink', { tokenHash, deleteHash })
    logger.info('a link was withdrawn', { file: link.fileId })
    return
  }
  const expiresAt = endOf(wanted, now)
  if (!Number.isSafeInteger(expiresAt) || expiresAt < 0) throw invalid('expiresAt', NEEDED.expiresAt)
  const { link } = await controller.call('extendLink', { deleteHash, expiresAt })
  if (link.expiresAt > expiresAt)
    throw invalid('expiresAt', `the link lives until ${new Date(link.expiresAt).toISOString()} already`)
  logger.info('a link was extended', { file: link.fileId })
}

/** Told on the page itself, where the sender sees what the link is now. */
const toldOnPage = (error: unknown): error is PeerbinError =>
  hasCode(error, 'invalid-field', 'link-used', 'link-expired', 'link-revoked', 'link-suspended')

function assertOurs(context: EdgeContext, request: FastifyRequest): void {
  const { publicUrl } = context.config.edge
  const hosts = [request.host, ...(publicUrl === '' ? [] : [new URL(publicUrl).host])]
  if (!isSameOrigin(request.headers, hosts)) throw new PeerbinError('origin-forbidden')
}

async function answer(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  secret: string
): Promise<FastifyReply> {
  assertOurs(context, request)
  const text = hasBody(request.raw)
    ? await readText(request.raw, FORM_BYTES_MAX, context.clock, context.config.edge.stallMs)
    : ''
  const isPerson = formatOf(request.headers.accept) === 'html'
  try {
    await act(context, secret, parseForm(request, text))
  } catch (error) {
    if (!isPerson || !toldOnPage(error)) throw error
    return sendSentLink(context, request, reply, secret, { failure: error })
  }
  if (!isPerson) return sendSentLink(context, request, reply, secret)
  const path = senderPath(secret)
  return reply.code(303).header('location', path).type('text/plain; charset=utf-8').send(`${path}\n`)
}

export const postSent: Route = (app, context) => {
  app.post(
    '/s/:secret',
    {
      schema: {
        summary: 'Withdraw a link, or let it live longer',
        description: 'A form or a JSON object. Pages of other sites are refused.',
        tags: ['link'],
        params: secretParams,
        response: {
          200: { description: 'Done: what the link is now, for programs', content: sentContent },
          303: {
            description: 'Done: back to the page, for browsers',
            content: { 'text/plain': { schema: z.string() } }
          },
          '4xx': {
            description:
              '404 link-unknown; 410 link-used, link-expired, link-revoked; 422 invalid-field; 403 origin-forbidden',
            content: { 'application/problem+json': { schema: problemSchema } }
          }
        }
      },
      config: {
        bodyContent: {
          'application/x-www-form-urlencoded': z.toJSONSchema(form),
          'application/json': z.toJSONSchema(form)
        }
      }
    },
    async (request, reply) => {
      await answer(context, request, reply, request.params.secret)
      return reply
    }
  )
}
