/** `Upload-Metadata`: what a sender says of the file, and how its link is to be. */

import { Metadata } from '@tus/server'
import { INDEX_BYTES_MAX } from '../../bundle/index.ts'
import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { SecretHash } from '../../types.ts'
import { parseDigest } from '../http/digests.ts'
import { linkTerms } from '../http/link-terms.ts'
import { cleanMediaType, cleanName } from '../http/names.ts'
import { formPassword } from '../http/password.ts'
import type { GivenMetadata, UploadPlan } from './upload-plan.ts'

/** It is kept with the upload, and repeated by HEAD. */
const METADATA_BYTES_MAX = 4096
/** What a file is called whose name only its recipient can read. */
const ENCRYPTED = { name: 'encrypted', mediaType: 'application/octet-stream' }
const SCHEME = 'aes256gcm-1'

export interface DescribedUpload {
  name: string
  mediaType: string
  plan: UploadPlan
  /** Still to be hashed. */
  password: string | undefined
}

const invalid = (field: string, message: string): PeerbinError =>
  new PeerbinError('invalid-field', `${field}: ${message}`, { details: { field } })

/** @throws `invalid-field` */
export function parsePairs(header: string | undefined): GivenMetadata {
  if (header === undefined || header.trim() === '') return {}
  if (header.length > METADATA_BYTES_MAX)
    throw invalid('Upload-Metadata', `at most ${METADATA_BYTES_MAX} bytes are possible`)
  try {
    return Metadata.parse(header)
  } catch {
    throw invalid('Upload-Metadata', 'write it as `key BASE64,key BASE64`')
  }
}

/**
 * Keys that are not known are kept and repeated, and mean nothing: clients send keys of their own.
 * @throws `invalid-field` with the key
 */
export function describeUpload(
  { password: givenPassword, ...given }: GivenMetadata,
  lengthBytes: number,
  config: Config['link']
): DescribedUpload {
  const field = (...names: string[]): string | undefined => {
    const value = names.map((name) => given[name]).find((text) => typeof text === 'string' && text !== '')
    return value ?? undefined
  }
  const md5 = field('md5')
  const sha256 = field('sha256')
  const terms = linkTerms(
    { downloads: field('downloads'), expires: field('expires') },
    { downloads: 'downloads', expires: 'expires', days: '' },
    config
  )
  const bundle = describeContent(field, lengthBytes)
  const named = {
    name: cleanName(field('filename', 'name') ?? ''),
    mediaType: cleanMediaType(field('filetype', 'type'))
  }
  return {
    ...(bundle.encryption === null ? named : ENCRYPTED),
    password: formPassword(givenPassword ?? undefined),
    plan: {
      lengthBytes,
      ...terms,
      ...(md5 !== undefined && { md5: parseDigest(md5, 'md5', 'md5') }),
      ...(sha256 !== undefined && { sha256: parseDigest(sha256, 'sha256', 'sha256') }),
      ...bundle,
      given
    }
  }
}

/** What is in the file, beside its bytes: an index at its end, encryption, and what redeeming it takes then. */
function describeContent(
  field: (name: string) => string | undefined,
  lengthBytes: number
): Pick<UploadPlan, 'indexBytes' | 'encryption' | 'proofHash'> {
  const index = field('indexbytes') ?? '0'
  const indexBytes = /^\d{1,8}$/.test(index) ? Number(index) : NaN
  if (!(indexBytes <= INDEX_BYTES_MAX && indexBytes < lengthBytes))
    throw invalid('indexbytes', 'at most 4194304, and less than the length, is possible')
  const scheme = field('encryption')
  const proofHash = field('proofhash')
  if (scheme === undefined) {
    if (proofHash !== undefined) throw invalid('proofhash', 'only an encrypted upload has one')
    return { indexBytes, encryption: null }
  }
  if (scheme !== SCHEME) throw invalid('encryption', `${SCHEME} is possible`)
  if (indexBytes === 0) throw invalid('indexbytes', 'an encrypted upload has an index: it holds the name')
  if (proofHash === undefined || !/^[0-9a-f]{64}$/.test(proofHash))
    throw invalid('proofhash', 'an encrypted upload needs one: 64 hex digits')
  return { indexBytes, encryption: SCHEME, proofHash: proofHash as SecretHash }
}
