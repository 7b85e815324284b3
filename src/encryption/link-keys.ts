/** What a link's secret opens: its payload, its index, and the link itself (the proof). */

import { PeerbinError } from '../errors.ts'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import type { Primitives } from './primitives.ts'
import { RecordCipher } from './record-cipher.ts'
import { KEY_BYTES, NONCE_BYTES, SECRET_BYTES } from './scheme.ts'

const INFO = 'peerbin/e2e/1'

export interface LinkKeys {
  readonly payload: RecordCipher
  readonly index: RecordCipher
  /** 43 characters of base64url. Shown to the server when the link is redeemed; it keeps only the hash. */
  readonly proof: string
}

export const newLinkSecret = (primitives: Primitives): string =>
  toBase64Url(primitives.randomBytes(SECRET_BYTES))

/** Whether it has the form of one: 43 characters of base64url, 32 bytes. */
export const isLinkSecret = (text: string): boolean => fromBase64Url(text)?.byteLength === SECRET_BYTES

/** @param secret as it stands behind the `#`. @throws `key-missing` when it is not whole */
export async function deriveLinkKeys(secret: string, primitives: Primitives): Promise<LinkKeys> {
  const bytes = fromBase64Url(secret)
  if (bytes?.byteLength !== SECRET_BYTES) throw new PeerbinError('key-missing')
  const derive = (what: string, length: number): Promise<Uint8Array<ArrayBuffer>> =>
    primitives.hkdf(bytes, `${INFO}/${what}`, length)
  const cipher = async (stream: 'payload' | 'index'): Promise<RecordCipher> =>
    new RecordCipher(
      await primitives.gcm(await derive(`${stream}/key`, KEY_BYTES)),
      await derive(`${stream}/nonce`, NONCE_BYTES)
    )
  const [payload, index, proof] = await Promise.all([
    cipher('payload'),
    cipher('index'),
    derive('proof', SECRET_BYTES)
  ])
  return { payload, index, proof: toBase64Url(proof) }
}
