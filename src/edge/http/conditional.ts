/** Conditional requests (RFC 9110, section 13): what a client has already is not sent again, and a part only of what it has the rest of. */

import { headerOf } from './accept.ts'
import type { RequestHeaders } from './accept.ts'

/** What the server has now. */
export interface Validators {
  /** Between the quotes of its entity tag: strong, of the bytes alone. */
  readonly tag: string
  /** Ms since the epoch; clients are told full seconds. */
  readonly modifiedAt: number
  /** Whether nothing else had this address within the same second, so that the date says as much as the tag (section 8.8.2.2). */
  readonly isDateStrong: boolean
}

/** `proceed`: as if nothing had been asked for; `range`: whether a Range may be honoured. */
export type Condition = { kind: 'proceed'; range: boolean } | { kind: 'not-modified' } | { kind: 'failed' }

const SECOND_MS = 1000
/** Tags in one header that are looked at; no client has more versions of one file than that at hand. */
const TAGS_MAX = 256
/** `"tag"` or `W/"tag"`, with what divides it from the next. A tag has no quotes and no blanks. */
const TAG = /[ \t,]*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?=,|$)/y
/** The one form that servers and clients write today (IMF-fixdate); the older two are years that nothing here was made in. */
const DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

interface Tag {
  readonly weak: boolean
  readonly tag: string
}

/** Undefined for a list that is none. */
function tagsOf(header: string): readonly Tag[] | undefined {
  const tags: Tag[] = []
  TAG.lastIndex = 0
  while (TAG.lastIndex < header.length) {
    const match = TAG.exec(header)
    if (match === null || tags.length >= TAGS_MAX) return undefined
    tags.push({ weak: match[1] !== undefined, tag: match[2] ?? '' })
  }
  return tags
}

/** Full seconds as ms; undefined for what is no date, which a server passes over. */
function dateOf(header: string | undefined): number | undefined {
  const text = header?.trim()
  if (text === undefined || !DATE.test(text)) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

const fullSecond = (ms: number): number => Math.floor(ms / SECOND_MS) * SECOND_MS

/** `ETag` and `Last-Modified`. */
export const validatorHeaders = ({ tag, modifiedAt }: Validators): Record<string, string> => ({
  etag: `"${tag}"`,
  'last-modified': new Date(fullSecond(modifiedAt)).toUTCString()
})

/** A `*`, or one of a list; a list that cannot be read names nothing. @param isStrong a weak tag names no bytes */
function names(header: string, { tag }: Validators, isStrong: boolean): boolean {
  if (header.trim() === '*') return true
  return (tagsOf(header) ?? []).some((given) => given.tag === tag && !(isStrong && given.weak))
}

/** Whether the client has the rest of the same bytes. */
function isSame(ifRange: string | undefined, validators: Validators): boolean {
  if (ifRange === undefined) return true
  const date = dateOf(ifRange)
  if (date !== undefined) return validators.isDateStrong && date === fullSecond(validators.modifiedAt)
  return ifRange.trim() !== '*' && names(ifRange, validators, true)
}

/** For GET and HEAD of what is there, in the order of section 13.2.2. */
export function conditionOf(headers: RequestHeaders, validators: Validators): Condition {
  const modifiedAt = fullSecond(validators.modifiedAt)
  const ifMatch = headerOf(headers, 'if-match')
  const unmodifiedSince = dateOf(headerOf(headers, 'if-unmodified-since'))
  if (ifMatch !== undefined) {
    if (!names(ifMatch, validators, true)) return { kind: 'failed' }
  } else if (unmodifiedSince !== undefined && modifiedAt > unmodifiedSince) return { kind: 'failed' }
  const ifNoneMatch = headerOf(headers, 'if-none-match')
  const modifiedSince = dateOf(headerOf(headers, 'if-modified-since'))
  if (ifNoneMatch !== undefined) {
    if (names(ifNoneMatch, validators, false)) return { kind: 'not-modified' }
  } else if (modifiedSince !== undefined && modifiedAt <= modifiedSince) return { kind: 'not-modified' }
  return { kind: 'proceed', range: isSame(headerOf(headers, 'if-range'), validators) }
}
