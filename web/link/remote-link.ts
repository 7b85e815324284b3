/** An encrypted link, as the page talks to the server about it. */

import { decodeIndex, payloadSize } from '../../src/bundle/index.ts'
import type { BundleIndex } from '../../src/bundle/index.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { LinkKeys } from '../../src/encryption/link-keys.ts'
import { openText } from '../../src/encryption/streams.ts'
import type { SealedPayload } from './opened.ts'
import { problemOf } from './problems.ts'
import { resumableBytes } from './resumable.ts'
import type { ResumeOptions } from './resumable.ts'

export interface RemoteLink {
  readonly token: string
  readonly keys: LinkKeys
  /** A secret of this page: whoever has it, and nobody else, is served once it has claimed. */
  readonly claim: string
  /** Empty: none. */
  readonly password: string
}

const withPassword = ({ password }: RemoteLink): Record<string, string> =>
  // headers are bytes: UTF-8 has to be made of a password by hand
  password === ''
    ? {}
    : {
        Authorization: `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`peerbin:${password}`)))}`
      }

/**
 * What is in it. Spends nothing.
 * @throws ServerProblem; `encrypted-damaged` when the key is another one; `index-invalid`
 */
export async function readIndex(link: RemoteLink): Promise<BundleIndex> {
  const response = await fetch(`/d/${link.token}/index?claim=${link.claim}`, {
    headers: { ...withPassword(link), Accept: 'application/json, application/octet-stream' },
    cache: 'no-store'
  })
  if (!response.ok) throw await problemOf(response)
  const index = decodeIndex(await openText(link.keys.index, new Uint8Array(await response.arrayBuffer())))
  if (payloadSize(index) === 0) throw new PeerbinError('index-invalid')
  return index
}

/** Redeems the link, and shows that the key is known. The same again is the same claim. @throws ServerProblem */
export async function claimLink(link: RemoteLink): Promise<void> {
  const response = await fetch(`/d/${link.token}?claim=${link.claim}`, {
    method: 'POST',
    headers: { ...withPassword(link), 'X-Proof': link.keys.proof, Accept: 'application/json' },
    redirect: 'manual',
    cache: 'no-store'
  })
  // where it leads is known: browsers tell nothing of a redirection that is not followed
  if (response.type !== 'opaqueredirect' && !response.ok) throw await problemOf(response)
}

/** Its payload, for the one who claimed it. */
export const claimedPayload = (
  { token, keys, claim }: RemoteLink,
  index: BundleIndex,
  options: ResumeOptions
): SealedPayload => ({
  cipher: keys.payload,
  plainBytes: payloadSize(index),
  read: (start, end) => resumableBytes(`/download/${token}?claim=${claim}`, start, end, options)
})
