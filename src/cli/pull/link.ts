import { PeerbinError } from '../../errors.ts'
import { hashSecret, isLinkToken } from '../../protocol/secrets.ts'
import type { SecretHash } from '../../types.ts'

/** A share link, taken apart. */
export interface ShareLink {
  /** What a program downloads, without a claim. */
  readonly download: URL
  readonly tokenHash: SecretHash
  /** What stood behind the `#`, as it stood there: the key of an encrypted link. It is sent to nobody. */
  readonly fragment: string
}

/** Takes both forms, `/d/TOKEN` and `/download/TOKEN`, below any path. The error never repeats the link. @throws `usage` */
export function parseLink(text: string): ShareLink {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const match = url === undefined ? null : /^(.*)\/(?:d|download)\/([^/]+)\/?$/.exec(url.pathname)
  const token = match?.[2] ?? ''
  if (url === undefined || !/^https?:$/.test(url.protocol) || !isLinkToken(token))
    throw new PeerbinError('usage', 'that is no share link; one looks like http://host/d/TOKEN')
  const fragment = url.hash.slice(1)
  url.pathname = `${match?.[1] ?? ''}/download/${token}`
  url.search = ''
  url.hash = ''
  return { download: url, tokenHash: hashSecret(token), fragment }
}

/** The address at which the claimant, and nobody else, gets the file again. */
export function claimUrl({ download }: ShareLink, claim: string): URL {
  const url = new URL(download)
  url.searchParams.set('claim', claim)
  return url
}

/** What may be asked without spending anything: `/d/TOKEN`, and `/d/TOKEN/index`. */
export function pageUrl({ download }: ShareLink, below = ''): URL {
  const url = new URL(download)
  url.pathname = url.pathname.replace(/\/download\/([^/]+)$/, `/d/$1${below}`)
  return url
}
