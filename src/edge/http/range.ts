/** Range requests (RFC 9110, section 14): what part of a file is asked for. */

import type { ByteRange } from '../../types.ts'

/**
 * `whole`: answer 200 with everything: no range, one that is malformed or in another unit (which a server ignores), or several at
 * once, which it may ignore. `unsatisfiable`: 416.
 */
export type RangeChoice = { kind: 'whole' } | { kind: 'part'; range: ByteRange } | { kind: 'unsatisfiable' }

const WHOLE: RangeChoice = { kind: 'whole' }
const UNSATISFIABLE: RangeChoice = { kind: 'unsatisfiable' }
/** One `first-last` or `-suffix`; 15 digits stay exact in a number and reach a petabyte. */
const ONE_RANGE = /^bytes[ \t]*=[ \t]*(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))[ \t]*$/i

/** @param sizeBytes of the file, at least 1 */
export function chooseRange(header: string | undefined, sizeBytes: number): RangeChoice {
  if (header === undefined) return WHOLE
  const match = ONE_RANGE.exec(header)
  if (match === null) return WHOLE
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), sizeBytes)
    return length === 0
      ? UNSATISFIABLE
      : { kind: 'part', range: { start: sizeBytes - length, end: sizeBytes } }
  }
  const start = Number(first)
  const end = last === undefined || last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  if (last !== undefined && last !== '' && Number(last) < start) return WHOLE // malformed, not unsatisfiable
  if (start >= sizeBytes) return UNSATISFIABLE
  return { kind: 'part', range: { start, end } }
}

/** `Content-Range` of a 206. */
export const contentRange = (range: ByteRange, sizeBytes: number): string =>
  `bytes ${range.start}-${range.end - 1}/${sizeBytes}`

/**
 * The strong validator of a download: it names the claim, so that a browser that resumes sends the claim back in If-Range without
 * knowing about it. The bytes behind a link never change, so the claim identifies them.
 */
export const etagOf = (claim: string): string => `"${claim}"`

/** Entity tags of a header that may list several; weak ones and dates are left out. */
export function strongTags(header: string | undefined): string[] {
  if (header === undefined) return []
  return header
    .split(',')
    .map((part) => part.trim())
    .filter((part) => /^"[^"]+"$/.test(part))
    .map((part) => part.slice(1, -1))
}

/** Whether a Range may be honoured: no If-Range, or exactly our validator. */
export const rangeAllowed = (ifRange: string | undefined, claim: string): boolean =>
  ifRange === undefined || ifRange.trim() === etagOf(claim)
