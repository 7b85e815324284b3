/** What form an answer takes, from the request's Accept header (RFC 9110, section 12.5.1). */

import { negotiate } from '@fastify/accept-negotiator'

/** `text`: one line, what curl and scripts get, whose Accept is "any". */
export type Format = 'html' | 'json' | 'text'

/** In order of preference when the client has none. */
const OFFERED = ['text/plain', 'text/html', 'application/json', 'application/problem+json'] as const

const FORMATS: Record<(typeof OFFERED)[number], Format> = {
  'text/plain': 'text',
  'text/html': 'html',
  'application/json': 'json',
  'application/problem+json': 'json'
}

/** The format the client likes best of those we have; `text` when it says nothing or wants something else. */
export function formatOf(accept: string | undefined): Format {
  if (accept === undefined || accept === '') return 'text'
  const type = negotiate(accept, [...OFFERED])
  return type === null ? 'text' : FORMATS[type]
}

/** The HTTP headers of a request, as Node gives them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>

/** A header's only value; the first of several. */
export function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}
