import { PeerbinError } from '../../errors.ts'
import { hashSecret, isLinkToken } from '../../protocol/secrets.ts'
import type { SecretHash } from '../../types.ts'

/** A share link, taken apart. */
export interface ShareLink {
  /** What a program downloads, without a claim. */
  readonly download: URL
  readonly tokenHash: SecretHash
}

/** Takes both forms, `/d/TOKEN` and `/download/TOKEN`, below any path. The error never repeats the link. @throws `usage` */
export function parseLink(text: string): ShareLink {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const match = url === undefined ? null : /^(.*)\/(?:d|download)\/([^/]+)\/?$/.exec(url.pathname)
  const token = match?.[2] ?? ''
  if (url === undefined || !/^https?:$/.test(url.protocol) || !isLinkToken(token))
    throw new PeerbinError('usage', 'that is no share link; one looks like http://host/d/TOKEN')
  url.pathname = `${match?.[1] ?? ''}/download/${token}`
  url.search = ''
  url.hash = ''
  return { download: url, tokenHash: hashSecret(token) }
}

/** The address at which the claimant, and nobody else, gets the file again. */
export function claimUrl(link: ShareLink, claim: string): URL {
  const url = new URL(link.download)
  url.searchParams.set('claim', claim)
  return url
}
