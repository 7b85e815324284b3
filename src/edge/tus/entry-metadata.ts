/** `Upload-Metadata` of an upload that becomes a file of a user. */

import { cleanPath } from '../../bundle/paths.ts'
import { nameOf } from '../../client/entry-upload.ts'
import type { Config } from '../../config.ts'
import type { UserId } from '../../types.ts'
import { parseDigest } from '../http/digests.ts'
import { cleanMediaType } from '../http/names.ts'
import {
  invalid,
  parseBase,
  parseFlag,
  parseLifeText,
  parseMetadataText,
  parsePath
} from '../user-files/fields.ts'
import type { DescribedUpload } from './upload-metadata.ts'
import type { GivenMetadata } from './upload-plan.ts'

/** Says that an upload is to be a file of a user: who forgets to sign in must not find it behind a link. Its value means nothing. */
const ACCOUNT = 'account'

/** What somebody says who wants a file of theirs. `asked`: nothing else will do. */
export function wantsEntry(given: GivenMetadata): 'asked' | 'maybe' | 'no' {
  if (Object.hasOwn(given, ACCOUNT)) return 'asked'
  return typeof given['path'] === 'string' && given['path'] !== '' ? 'maybe' : 'no'
}

/** Of a link, and of what only its recipient can read. */
const LINK_KEYS = ['downloads', 'password', 'indexbytes', 'encryption', 'proofhash']

/** @throws `invalid-field` with the key */
export function describeEntry(
  given: GivenMetadata,
  lengthBytes: number,
  user: UserId,
  { downloads, ttlMs: linkTtlMs }: Config['link']
): DescribedUpload {
  const field = (...names: string[]): string | undefined => {
    const value = names.map((name) => given[name]).find((text) => typeof text === 'string' && text !== '')
    return value ?? undefined
  }
  for (const key of LINK_KEYS)
    if (field(key) !== undefined)
      throw invalid(key, 'a file of a user has no link: share it once it is stored')
  const path = parsePath(field('path') ?? '', 'path', cleanPath(field('filename', 'name') ?? ''))
  const ttlMs = parseLifeText(field('expires'), 'expires')
  const md5 = field('md5')
  const sha256 = field('sha256')
  return {
    name: nameOf(path),
    mediaType: cleanMediaType(field('filetype', 'type')),
    password: undefined,
    plan: {
      lengthBytes,
      // of a link, which there is none of
      downloads,
      ttlMs: linkTtlMs,
      ...(md5 !== undefined && { md5: parseDigest(md5, 'md5', 'md5') }),
      ...(sha256 !== undefined && { sha256: parseDigest(sha256, 'sha256', 'sha256') }),
      indexBytes: 0,
      encryption: null,
      entry: {
        user,
        path,
        metadata: parseMetadataText(field('metadata'), 'metadata'),
        ...(ttlMs !== undefined && { ttlMs }),
        ...(parseFlag(field('only_new'), 'only_new') && { onlyNew: true }),
        ...parseBase(field('base_version'), field('base_file_id'))
      },
      given
    }
  }
}
