/**
 * The session of a browser: its access token in a cookie that no script reads. What a page of ours asks for carries it, and what one of another site does shall not: SameSite=Strict keeps
 * it from those of other sites, and what changes something must say that it comes from here, since another port of this host is the same site to a browser.
 */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { PeerbinError } from '../../errors.ts'
import type { EdgeContext } from '../context.ts'
import { headerOf } from '../http/accept.ts'
import { requestOrigin } from '../upload-answer.ts'

export const SESSION_COOKIE = 'peerbin_session'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Unlike isSameOrigin (http/same-origin.ts), a request that does not say where it comes from is none of ours: browsers say it of those of scripts. */
function comesFromHere(request: FastifyRequest, hosts: readonly string[]): boolean {
  const { headers } = request
  const site = headerOf(headers, 'sec-fetch-site')?.toLowerCase()
  if (site !== undefined) return site === 'same-origin'
  const origin = headerOf(headers, 'origin')
  return origin !== undefined && URL.canParse(origin) && hosts.includes(new URL(origin).host)
}

/**
 * The token in the cookie; undefined without one.
 * @param hosts names of this edge, with ports
 * @param changes whether what the request begins can change something; default: by its method
 * @throws `origin-forbidden`
 */
export function cookieToken(
  request: FastifyRequest,
  hosts: readonly string[],
  changes = !SAFE_METHODS.has(request.method)
): string | undefined {
  const token = request.cookies[SESSION_COOKIE]
  if (token === undefined || token === '') return undefined
  if (changes && !comesFromHere(request, hosts)) throw new PeerbinError('origin-forbidden')
  return token
}

const attributes = (context: EdgeContext, request: FastifyRequest) => ({
  path: '/',
  httpOnly: true,
  sameSite: 'strict' as const,
  // by how people reach the edge: behind a proxy that ends TLS, the edge itself speaks plain HTTP
  secure: requestOrigin(context, request).startsWith('https:')
})

/** @param expiresAt end of the session, ms since the epoch */
export function setSessionCookie(
  context: EdgeContext,
  reply: FastifyReply,
  token: string,
  expiresAt: number
): void {
  const maxAge = Math.max(1, Math.floor((expiresAt - context.clock.now()) / 1000))
  void reply.setCookie(SESSION_COOKIE, token, { ...attributes(context, reply.request), maxAge })
}

export const clearSessionCookie = (context: EdgeContext, reply: FastifyReply): void =>
  void reply.clearCookie(SESSION_COOKIE, attributes(context, reply.request))
