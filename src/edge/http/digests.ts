/** Digests that senders give: form fields, Content-MD5 (RFC 1864), Repr-Digest and Content-Digest (RFC 9530). */

import { PeerbinError } from '../../errors.ts'

/** Digests in lower-case hex. */
export interface Digests {
  md5?: string
  sha256?: string
}

const BYTES = { md5: 16, sha256: 32 } as const
type Algorithm = keyof typeof BYTES

const bad = (source: string, algorithm: Algorithm): PeerbinError =>
  new PeerbinError(
    'invalid-field',
    `${source}: not a digest; ${BYTES[algorithm]} bytes in hex or base64 are needed`,
    {
      details: { field: source }
    }
  )

/** Base64 with the standard or the URL alphabet, padded or not, in its canonical spelling only. */
function fromBase64(text: string, length: number): string | undefined {
  const plain = text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '')
  const bytes = Buffer.from(plain, 'base64')
  if (bytes.byteLength !== length || bytes.toString('base64').replace(/=+$/, '') !== plain) return undefined
  return bytes.toString('hex')
}

/** @param source name of the field or header, for the message. @throws `invalid-field` */
export function parseDigest(text: string, algorithm: Algorithm, source: string): string {
  const value = text.trim()
  if (/^[0-9a-f]+$/i.test(value) && value.length === BYTES[algorithm] * 2) return value.toLowerCase()
  const hex = fromBase64(value, BYTES[algorithm])
  if (hex === undefined) throw bad(source, algorithm)
  return hex
}

/** RFC 9530 names of the algorithms that are checked; others may be ignored by a receiver, and are. */
const FIELD_NAMES: Record<string, Algorithm> = { 'sha-256': 'sha256', md5: 'md5' }

/** A dictionary of byte sequences (RFC 9651): `sha-256=:…:, sha-512=:…:`. @throws `invalid-field` for a digest that cannot be one. */
export function parseDigestField(header: string | undefined, source: string): Digests {
  const digests: Digests = {}
  if (header === undefined) return digests
  for (const member of header.split(',')) {
    const match = /^[ \t]*([a-z0-9*._-]+)[ \t]*=[ \t]*(.*?)[ \t]*$/i.exec(member)
    const algorithm = FIELD_NAMES[match?.[1]?.toLowerCase() ?? '']
    if (match !== null && algorithm === undefined) continue
    const sequence = /^:([A-Za-z0-9+/]*=*):(?:;.*)?$/.exec(match?.[2] ?? '')?.[1]
    if (algorithm === undefined || sequence === undefined)
      throw new PeerbinError('invalid-field', `${source}: write it as sha-256=:BASE64:`, {
        details: { field: source }
      })
    const hex = fromBase64(sequence, BYTES[algorithm])
    if (hex === undefined) throw bad(source, algorithm)
    digests[algorithm] = hex
  }
  return digests
}

/** Digests from several places; two that contradict each other cannot both match. @throws `invalid-field` */
export function mergeDigests(...sources: Digests[]): Digests {
  const merged: Digests = {}
  for (const source of sources) {
    for (const algorithm of ['md5', 'sha256'] as const) {
      const value = source[algorithm]
      if (value === undefined) continue
      if (merged[algorithm] !== undefined && merged[algorithm] !== value)
        throw new PeerbinError('invalid-field', 'two digests were given that contradict each other', {
          details: { field: algorithm }
        })
      merged[algorithm] = value
    }
  }
  return merged
}

/** `Repr-Digest` of a file, the same over all of its ranges. @param sha256 hex */
export const reprDigest = (sha256: string): string =>
  `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`
