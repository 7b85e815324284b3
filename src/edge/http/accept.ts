/** What form an answer takes, from the request's Accept header (RFC 9110, section 12.5.1). */

import { negotiate } from '@fastify/accept-negotiator'

/** `text`: one line, what curl and scripts get, whose Accept is "any". */
export type Format = 'html' | 'json' | 'text'

/** Of those a client likes equally, the first; axios lists JSON and text so, and means JSON. */
const OFFERED = ['application/json', 'application/problem+json', 'text/html', 'text/plain'] as const

const FORMATS: Record<(typeof OFFERED)[number], Format> = {
  'text/plain': 'text',
  'text/html': 'html',
  'application/json': 'json',
  'application/problem+json': 'json'
}

/** The format the client likes best of those it names; `text` when it names none of ours: "any" is what curl and scripts say. */
export function formatOf(accept: string | undefined): Format {
  const named = (accept ?? '').split(',').filter((part) => !part.trim().startsWith('*/*'))
  if (named.length === 0) return 'text'
  const type = negotiate(named.join(','), [...OFFERED])
  return type === null ? 'text' : FORMATS[type]
}

/** The HTTP headers of a request, as Node gives them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>

/** A header's only value; the first of several. */
export function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}
