/** Errors as answers: problem+json (RFC 9457) for programs that ask for JSON, a page for browsers, one line of text for the rest. */

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { asPeerbinError, ERRORS, hasCode, PeerbinError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { isApiPath } from './accounts/permissions.ts'
import { pathOf } from './http-server.ts'
import { formatOf } from './http/accept.ts'
import type { Format } from './http/accept.ts'
import { challengeFor } from './http/password.ts'
import { PROOF_CHALLENGE } from './http/proof.ts'

/** Asks for an access token or a key (RFC 6750). */
const BEARER_CHALLENGE = 'Bearer realm="peerbin"'

export const problemSchema = z.object({
  type: z.string().describe('`urn:peerbin:error:` and the code'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().describe('stable; docs/errors.md lists them'),
  field: z.string().optional().describe('the field or header that is wrong'),
  path: z.string().optional().describe('which path is in the way'),
  version: z
    .int()
    .optional()
    .describe('of version-conflict: the version of the file that counts; 0: there is none'),
  index: z.int().optional().describe('of one file of a batch: its position'),
  name: z.string().optional().describe('and its name'),
  server_time: z.string().optional().describe('of `clock-skewed`: what time it is, ISO 8601'),
  retryAfterMs: z.int().optional(),
  oldest: z.string().optional().describe('of `cursor-expired`: the cursor from which everything is kept'),
  newest: z.string().optional().describe('and the one from which whoever begins anew goes on'),
  error: z
    .string()
    .optional()
    .describe('under /api/ and /file/: the detail once more, as many programs look for it here')
})
export type Problem = z.output<typeof problemSchema>

/** What libraries throw, by their codes. Everything else of theirs goes by its status. */
const FOREIGN: Record<string, ErrorCode> = {
  FST_ERR_VALIDATION: 'invalid-field',
  FST_FIELDS_LIMIT: 'invalid-field',
  FST_FILES_LIMIT: 'invalid-field',
  FST_PARTS_LIMIT: 'invalid-field',
  FST_PROTO_VIOLATION: 'invalid-field',
  FST_INVALID_JSON_FIELD_ERROR: 'invalid-field',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'bad-request',
  FST_MP_PREMATURE_CLOSE: 'upload-incomplete',
  FST_REQ_FILE_TOO_LARGE: 'too-large'
}

const isFastifyError = (error: unknown): error is FastifyError =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'

/** Every error that reaches an answer as one of ours. */
export function asEdgeError(error: unknown): PeerbinError {
  if (error instanceof PeerbinError || !isFastifyError(error)) return asPeerbinError(error)
  const known = FOREIGN[error.code]
  if (known !== undefined) {
    // their messages are fit for people only where they name the field that is wrong
    return new PeerbinError(known, error.code === 'FST_ERR_VALIDATION' ? error.message : '', { cause: error })
  }
  if (error.statusCode === 413) return new PeerbinError('too-large', '', { cause: error })
  if (error.statusCode === 503)
    return new PeerbinError('shutting-down', '', { cause: error, retryAfterMs: 1000 })
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return new PeerbinError('bad-request', '', { cause: error })
  return asPeerbinError(error)
}

/** What a person may read: messages of the server's own troubles name peers and folders, so those are told by their sentence only. */
export const detailOf = (error: PeerbinError): string =>
  error.status >= 500 ? ERRORS[error.code].text : error.message

export const problemOf = (error: PeerbinError): Problem => ({
  type: `urn:peerbin:error:${error.code}`,
  title: ERRORS[error.code].text,
  status: error.status,
  detail: detailOf(error),
  code: error.code,
  ...(typeof error.details['field'] === 'string' && { field: error.details['field'] }),
  ...(typeof error.details['version'] === 'number' && { version: error.details['version'] }),
  ...(typeof error.details['oldest'] === 'string' && { oldest: error.details['oldest'] }),
  ...(typeof error.details['newest'] === 'string' && { newest: error.details['newest'] }),
  ...(typeof error.details['path'] === 'string' && { path: error.details['path'] }),
  ...(typeof error.details['index'] === 'number' && { index: error.details['index'] }),
  ...(typeof error.details['name'] === 'string' && { name: error.details['name'] }),
  ...(typeof error.details['serverTime'] === 'number' && {
    server_time: new Date(error.details['serverTime']).toISOString()
  }),
  ...(error.retryAfterMs !== undefined && { retryAfterMs: Math.ceil(error.retryAfterMs) })
})

/** What goes with an error: Retry-After, Content-Range, Allow, WWW-Authenticate. */
export function errorHeaders(error: PeerbinError, format: Format): Record<string, string> {
  const headers: Record<string, string> = {}
  if (error.status === 401) headers['www-authenticate'] = challengeOf(error, format)
  if (error.retryAfterMs !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)))
  if (error.code === 'range-not-satisfiable' && error.details['sizeBytes'] !== undefined)
    headers['content-range'] = `bytes */${error.details['sizeBytes']}`
  if (typeof error.details['allow'] === 'string') headers['allow'] = error.details['allow']
  return headers
}

const challengeOf = (error: PeerbinError, format: Format): string => {
  if (hasCode(error, 'credentials-missing', 'credentials-invalid', 'login-failed')) return BEARER_CHALLENGE
  return hasCode(error, 'proof-required') ? PROOF_CHALLENGE : challengeFor(format === 'html')
}

/** Renders an error as a page. */
export type ErrorPage = (error: PeerbinError, request: FastifyRequest) => string

/** Of routes under /api/ and /file/: with `error`, whatever the client says it likes. */
const apiProblemOf = (error: PeerbinError): Problem => {
  const problem = problemOf(error)
  return { ...problem, error: problem.detail }
}

/** Answers with an error, in the form the client asked for; under /api/ and /file/ always as JSON. */
export async function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  error: PeerbinError,
  page: ErrorPage
): Promise<FastifyReply> {
  const isApi = isApiPath(pathOf(request.raw))
  const format = isApi ? 'json' : formatOf(request.headers.accept)
  reply
    .code(error.status)
    .headers(errorHeaders(error, format))
    .header('cache-control', 'no-store')
    .header('vary', 'accept')
  switch (format) {
    case 'html':
      return reply.type('text/html; charset=utf-8').send(page(error, request))
    case 'json':
      // as text: a schema of the route's success would be applied to an object
      return reply
        .type('application/problem+json')
        .send(JSON.stringify(isApi ? apiProblemOf(error) : problemOf(error)))
    case 'text':
      return reply.type('text/plain; charset=utf-8').send(`${detailOf(error)}\n`)
  }
}
