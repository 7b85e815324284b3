/** Bodies of requests under /api/: small JSON objects, of which every field is known. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { EdgeContext } from '../context.ts'
import { headerOf } from './accept.ts'
import { hasBody, readText } from './request-body.ts'

/** Far above what any of them has; a file's metadata are bounded at a quarter of it. */
const BODY_BYTES_MAX = 64 * 1024

const JSON_TYPE = 'application/json'

const invalid = (field: string, message: string): PeerbinError =>
  new PeerbinError('invalid-field', `${field}: ${message}`, { details: { field } })

/** For `config` of a route: the body in /openapi.json, since it is not parsed by Fastify. */
export const jsonBodyOf = (schema: z.ZodType): { bodyContent: Record<string, object> } => ({
  bodyContent: { [JSON_TYPE]: z.toJSONSchema(schema, { io: 'input' }) }
})

/**
 * Reads and checks a body. A page of another site cannot send this type without asking first, which nothing here answers.
 * Whoever is not let in any more by the time it has come does nothing with it: a body can take as long as its sender likes.
 * @param schema a strict object
 * @param bytesMax longest body; default: that of what has no lists
 * @throws `media-type-unsupported`, `too-large`, `bad-request` for what is no JSON, `invalid-field`, `upload-stalled`; `credentials-invalid`
 */
export async function readJson<Schema extends z.ZodType>(
  { clock, config, sessions }: Pick<EdgeContext, 'clock' | 'config' | 'sessions'>,
  request: FastifyRequest,
  schema: Schema,
  bytesMax = BODY_BYTES_MAX
): Promise<z.output<Schema>> {
  const type = headerOf(request.headers, 'content-type')?.split(';')[0]?.trim().toLowerCase()
  if (!hasBody(request.raw)) throw new PeerbinError('bad-request', 'A body is needed: a JSON object.')
  if (type !== JSON_TYPE)
    throw new PeerbinError('media-type-unsupported', `Content-Type: ${JSON_TYPE} is needed here.`)
  const text = await readText(request.raw, bytesMax, clock, config.edge.stallMs)
  if (request.actor !== undefined) await sessions.confirm(request.actor)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new PeerbinError('bad-request', 'The body is not JSON.', { cause: error })
  }
  return checkJson(schema, value)
}

/** What a body says, by its schema. @throws `bad-request`, `invalid-field` */
export function checkJson<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw problemOf(parsed.error)
}

/** The first thing that is wrong, by the field it is about. What was sent is not repeated: it may be a password. */
function problemOf(error: z.ZodError): PeerbinError {
  const [issue] = error.issues
  if (issue === undefined) return new PeerbinError('invalid-field')
  if (issue.code === 'unrecognized_keys') return invalid(String(issue.keys[0]), 'there is no such field')
  if (issue.path.length === 0) return new PeerbinError('bad-request', 'The body must be a JSON object.')
  return invalid(issue.path.join('.'), issue.message)
}
