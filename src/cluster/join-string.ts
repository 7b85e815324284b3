/** The join string: all that a further machine needs, in one word that survives chat programs and shells. It holds the cluster secret. */

import * as cbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import { sha256 } from '../protocol/ids.ts'
import { addresses } from '../protocol/schema.ts'
import type { Address } from '../types.ts'

const PREFIX = 'peerbin1_'
const SECRET_BYTES = 32
/** Finds a string that was cut or mistyped; it is no protection against somebody who makes one up. */
const CHECKSUM_BYTES = 4
/** 16 addresses of 512 characters in base64url, and room. */
const LENGTH_MAX = 16 * 1024

export interface JoinInfo {
  clusterName: string
  /** 32 bytes that every member knows. */
  secret: Uint8Array
  /** Where to find at least one member. */
  addresses: Address[]
}

const schema = z.strictObject({
  n: z.string().max(255),
  s: z.instanceof(Uint8Array).refine((bytes) => bytes.byteLength === SECRET_BYTES, 'the secret has 32 bytes'),
  a: addresses
})

const checksum = (bytes: Uint8Array): Uint8Array => sha256(bytes).subarray(0, CHECKSUM_BYTES)

const invalid = (message: string, cause?: unknown): PeerbinError =>
  new PeerbinError('join-string-invalid', message, cause === undefined ? {} : { cause })

/** `peerbin1_<base64url of dag-cbor and checksum>`. @throws `join-string-invalid` when it could not be read again. */
export function encodeJoin(info: JoinInfo): string {
  const content = schema.safeParse({ n: info.clusterName, s: info.secret, a: info.addresses })
  if (!content.success) throw invalid(z.prettifyError(content.error), content.error)
  const bytes = cbor.encode(content.data)
  return PREFIX + Buffer.concat([bytes, checksum(bytes)]).toString('base64url')
}

/** @throws `join-string-invalid`, saying what is wrong; the message never repeats the string. */
export function decodeJoin(text: string): JoinInfo {
  // a string that was pasted over several lines is still whole
  const compact = text.replaceAll(/\s/g, '')
  if (compact.length > LENGTH_MAX) throw invalid('The join string is too long.')
  if (!compact.startsWith(PREFIX)) {
    throw /^peerbin\d+_/.test(compact)
      ? invalid('The join string was made by another version of peerbin.')
      : invalid(`A join string begins with ${PREFIX}`)
  }
  const encoded = compact.slice(PREFIX.length)
  if (!/^[A-Za-z0-9_-]*$/.test(encoded))
    throw invalid('The join string holds characters that do not belong there.')
  const all = new Uint8Array(Buffer.from(encoded, 'base64url'))
  const bytes = all.subarray(0, -CHECKSUM_BYTES)
  if (Buffer.compare(checksum(bytes), all.subarray(-CHECKSUM_BYTES)) !== 0 || bytes.byteLength === 0) {
    throw invalid('The join string is damaged: a part is missing or was changed.')
  }
  const content = schema.safeParse(decodeCbor(bytes))
  if (!content.success) throw invalid('The join string does not hold what it should.', content.error)
  return { clusterName: content.data.n, secret: content.data.s, addresses: content.data.a }
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return cbor.decode(bytes)
  } catch (error) {
    throw invalid('The join string does not hold what it should.', error)
  }
}
