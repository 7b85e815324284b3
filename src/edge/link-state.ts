/** Why a link cannot be redeemed, as an error. */

import { PeerbinError } from '../errors.ts'
import type { ClaimAnswer } from '../protocol/messages.ts'
import type { LinkRecord } from '../types.ts'

type Refusal = Exclude<ClaimAnswer['outcome'], 'claimed' | 'password-required' | 'password-wrong'>

/** A suspended link waits for a person; asking sooner is of no use. */
const SUSPENDED_RETRY_MS = 60 * 60 * 1000

/** A refused claim as an error. */
export function refusal(outcome: Refusal): PeerbinError {
  switch (outcome) {
    case 'unknown':
      return new PeerbinError('link-unknown')
    case 'used':
      return new PeerbinError('link-used')
    case 'expired':
      return new PeerbinError('link-expired')
    case 'revoked':
      return new PeerbinError('link-revoked')
    case 'suspended':
      return new PeerbinError('link-suspended', '', { retryAfterMs: SUSPENDED_RETRY_MS })
    case 'released':
      // the claim was given back because nothing could be sent; the link itself may be alive
      return new PeerbinError('claim-unknown')
    case 'proof-required':
    case 'proof-wrong':
      return new PeerbinError(outcome)
  }
}

/**
 * What stands in the way of a stranger who would redeem now; undefined when nothing does.
 * @param now the store's time
 */
export function obstacle(link: LinkRecord, now: number): PeerbinError | undefined {
  switch (link.state) {
    case 'consumed':
      return refusal('used')
    case 'expired':
    case 'revoked':
    case 'suspended':
      return refusal(link.state)
    case 'live':
      if (link.claimed >= link.downloads) return refusal('used')
      return link.expiresAt <= now ? refusal('expired') : undefined
  }
}
