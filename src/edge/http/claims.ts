/** Where a claimant's secret comes back from: the claim URL, the validator of the download, or the cookie (docs/share-links.md, rule 3). */

import { PeerbinError } from '../../errors.ts'
import { isClaimSecret } from '../../protocol/secrets.ts'
import { headerOf } from './accept.ts'
import type { RequestHeaders } from './accept.ts'
import { strongTags } from './range.ts'

/** Name of the cookie; its path is the download's, so there is one a link. */
export const CLAIM_COOKIE = 'peerbin-claim'

/** Claim secrets a request presents, without repeats, best first; at most three are looked at. */
export function presentedClaims(
  query: string | undefined,
  headers: RequestHeaders,
  cookies: Readonly<Record<string, string | undefined>>
): string[] {
  const candidates = [
    query,
    ...strongTags(headerOf(headers, 'if-range')),
    ...strongTags(headerOf(headers, 'if-match')),
    cookies[CLAIM_COOKIE]
  ]
  const secrets = candidates.filter((text): text is string => text !== undefined && isClaimSecret(text))
  return [...new Set(secrets)].slice(0, PRESENTED_MAX)
}

/** The claim secret of a query or form. @throws `invalid-field` when it is none */
export function claimOfQuery(text: string | undefined): string | undefined {
  if (text === undefined || isClaimSecret(text)) return text
  throw new PeerbinError('invalid-field', 'claim: 43 characters of base64url are needed', {
    details: { field: 'claim' }
  })
}

/** A header can list many tags; each costs a request to the controller. */
const PRESENTED_MAX = 3
