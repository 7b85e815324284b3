/** What senders say of a file of theirs, in a form, in `Upload-Metadata` or in JSON: the same rules for all of them. */

import { isCleanPath } from '../../bundle/paths.ts'
import { PeerbinError } from '../../errors.ts'
import * as s from '../../protocol/schema.ts'
import type { EntryId } from '../../types.ts'

const SECOND_MS = 1000
/** A file can be told to be gone in ten years at most. */
export const EXPIRES_SECONDS_MAX = 10 * 365 * 24 * 60 * 60

export const invalid = (field: string, message: string): PeerbinError =>
  new PeerbinError('invalid-field', `${field}: ${message}`, { details: { field } })

/**
 * Where a file is to be: `reports/2026/a.pdf`. A `/` in front is what people write who think of a root, and one at the end means a folder for the file as it is called. What
 * would have to be cleaned to be safe is refused: a file that somebody named must be found under that name.
 * @param name of the file that is sent, clean; undefined: a path that ends in `/` is none
 * @throws `invalid-field`
 */
export function parsePath(text: string, field: string, name?: string): string {
  const given = text.normalize('NFC')
  const rooted = given.startsWith('/') ? given.slice(1) : given
  const path = name !== undefined && (rooted === '' || rooted.endsWith('/')) ? rooted + name : rooted
  if (!isCleanPath(path))
    throw invalid(
      field,
      'parts between slashes are needed, without `.`, `..`, backslashes, control characters, blanks around them or dots behind; at most 255 bytes each, 1024 together, and 64 of them'
    )
  return path
}

/** A folder to list: as a path, with or without a `/` at the end; undefined for the root. @throws `invalid-field` */
export function parseFolder(text: string | undefined, field: string): string | undefined {
  const folder = text?.replace(/\/$/, '') ?? ''
  return folder === '' ? undefined : parsePath(folder, field)
}

/** The sender's own pairs. @param value of JSON @throws `invalid-field` */
export function parseMetadata(value: unknown, field: string): Record<string, string> {
  const parsed = s.metadata.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalid(field, 'a JSON object of texts is needed, at most 16 KiB of them, keys and all')
}

/** As parseMetadata, of a text; empty: none. @throws `invalid-field` */
export function parseMetadataText(text: string | undefined, field: string): Record<string, string> {
  if (text === undefined || text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  return parseMetadata(value, field)
}

/** How long a file is to live, in ms, of a number of seconds. @throws `invalid-field` */
export function parseLifeMs(seconds: number, field: string): number {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= EXPIRES_SECONDS_MAX) return seconds * SECOND_MS
  throw invalid(field, `a whole number of seconds between 1 and ${EXPIRES_SECONDS_MAX} is needed`)
}

/** As parseLifeMs, of a text; undefined when it says nothing. @throws `invalid-field` */
export function parseLifeText(text: string | undefined, field: string): number | undefined {
  const value = text?.trim() ?? ''
  if (value === '') return undefined
  return parseLifeMs(/^\d{1,9}$/.test(value) ? Number(value) : NaN, field)
}

/** A yes of a form: programs write it in several ways. @throws `invalid-field` */
export function parseFlag(text: string | undefined, field: string): boolean {
  const value = text?.trim().toLowerCase() ?? ''
  if (['', '0', 'false', 'no'].includes(value)) return false
  if (['1', 'true', 'yes', 'on'].includes(value)) return true
  throw invalid(field, 'true or false is needed')
}

/** What the sender knows of the file that is to get a version: which version counts, 0: there is none, and which file that is. */
export interface GivenBase {
  readonly base?: number
  readonly baseEntry?: EntryId
}

/** @throws `invalid-field` */
export function parseBase(version: string | undefined, file: string | undefined): GivenBase {
  const text = version?.trim() ?? ''
  const id = file?.trim().toLowerCase() ?? ''
  if (text === '' && id !== '') throw invalid('base_file_id', 'it says of which file base_version is')
  if (text === '') return {}
  if (!/^\d{1,15}$/.test(text)) throw invalid('base_version', 'the number of a version, or 0, is needed')
  const parsed = id === '' ? undefined : s.entryId.safeParse(id)
  if (parsed?.success === false) throw invalid('base_file_id', 'the file_id of a file is needed')
  return { base: Number(text), ...(parsed?.success && { baseEntry: parsed.data }) }
}
