/** The address people reach this edge by, for links in answers. */

import type { LinkToken } from '../../types.ts'

/** Host names, IPv4 and bracketed IPv6, with an optional port: anything else in a Host header does not get into a link. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i

/**
 * @param publicUrl config.edge.publicUrl; wins when it is set
 * @param fallback the edge's own URL, for a request without a usable Host
 * @returns without a slash at the end
 */
export function originOf(
  request: { protocol: string; host: string },
  publicUrl: string,
  fallback: string
): string {
  if (publicUrl !== '') return publicUrl.replace(/\/+$/, '')
  return HOST.test(request.host) ? `${request.protocol}://${request.host}` : fallback
}

/** Names that people reach this edge by, with ports: pages of these are ours. @param ownUrl as fallback of originOf */
export const hostsOf = (
  request: { protocol: string; host: string },
  publicUrl: string,
  ownUrl: string
): readonly string[] => [
  new URL(originOf(request, '', ownUrl)).host,
  ...(publicUrl === '' ? [] : [new URL(publicUrl).host])
]

/** The addresses of one link. */
export interface LinkUrls {
  /** What the sender passes on: safe to open, spends nothing. */
  url: string
  /** For programs: a GET redeems. */
  directUrl: string
}

export const linkUrls = (origin: string, token: LinkToken): LinkUrls => ({
  url: `${origin}/d/${token}`,
  directUrl: `${origin}/download/${token}`
})

/** Usable as it is with `curl -X DELETE`. */
export const deleteUrl = (origin: string, token: LinkToken, secret: string): string =>
  `${origin}/d/${token}?secret=${secret}`

/** The sender's own page of a link. The secret is all it takes: it is as good as the delete URL. */
export const senderPath = (secret: string): string => `/s/${encodeURIComponent(secret)}`
export const senderUrl = (origin: string, secret: string): string => `${origin}${senderPath(secret)}`

/** Path of the claim URL: the download for whoever holds the claim. @param entry one file of a bundle */
export const claimPath = (token: string, claim: string, entry?: number): string =>
  `/download/${encodeURIComponent(token)}${entry === undefined ? '' : `/${entry}`}?claim=${encodeURIComponent(claim)}`

/** The page for whoever holds the claim of a bundle: the archive, and each file. */
export const claimPagePath = (token: string, claim: string): string =>
  `/d/${encodeURIComponent(token)}?claim=${encodeURIComponent(claim)}`
