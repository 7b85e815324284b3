/**
 * The proof that somebody has the key of an encrypted file, without which its link is not redeemed: `X-Proof`, made from the key by the page and the command line
 * (src/encryption). Nothing that has only the link's address can make it.
 */

import { hashSecret } from '../../protocol/secrets.ts'
import type { SecretHash } from '../../types.ts'
import { headerOf } from './accept.ts'
import type { RequestHeaders } from './accept.ts'

export const PROOF_HEADER = 'X-Proof'

/** Asks for it: no program has an answer to this but ours, so that none asks its user for a password. */
export const PROOF_CHALLENGE = `${PROOF_HEADER} realm="peerbin"`

/** Hash of what was shown; undefined when there is none. What has not the form of a proof is a wrong one. */
export function shownProof(headers: RequestHeaders): SecretHash | undefined {
  const proof = headerOf(headers, 'x-proof')?.trim()
  return proof === undefined || proof === '' ? undefined : hashSecret(proof)
}
