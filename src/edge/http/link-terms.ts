/** What a sender asks for: how often a link can be redeemed, and how long it lives. */

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'

/** How a link is made. */
export interface LinkTerms {
  downloads: number
  ttlMs: number
}

const SECOND_MS = 1000
const DAY_MS = 24 * 60 * 60 * SECOND_MS

const invalid = (field: string, message: string): PeerbinError =>
  new PeerbinError('invalid-field', `${field}: ${message}`, { details: { field } })

/** Plain decimal notation only: `1e9`, `0x10`, `Infinity` and blanks are mistakes, not numbers. */
function parseNumber(text: string, field: string, pattern: RegExp, what: string): number {
  const value = text.trim()
  if (!pattern.test(value)) throw invalid(field, `${what} is needed`)
  return Number(value)
}

export function parseDownloads(text: string, field: string, config: Config['link']): number {
  const downloads = parseNumber(text, field, /^\d{1,9}$/, 'a whole number')
  if (downloads < 1 || downloads > config.downloadsMax)
    throw invalid(field, `between 1 and ${config.downloadsMax} downloads are possible`)
  return downloads
}

function checkTtl(ttlMs: number, field: string, config: Config['link']): number {
  if (ttlMs >= config.ttlMinMs && ttlMs <= config.ttlMaxMs) return Math.round(ttlMs)
  const range = `${config.ttlMinMs / SECOND_MS} and ${config.ttlMaxMs / SECOND_MS} seconds`
  throw invalid(field, `a link can live between ${range}`)
}

/** Form field `expires`: seconds. */
export const parseExpires = (text: string, field: string, config: Config['link']): number =>
  checkTtl(parseNumber(text, field, /^\d{1,9}$/, 'a whole number of seconds') * SECOND_MS, field, config)

/** Header `Max-Days`: days, fractions allowed. */
export const parseDays = (text: string, field: string, config: Config['link']): number =>
  checkTtl(parseNumber(text, field, /^\d{1,6}(?:\.\d{1,6})?$/, 'a number of days') * DAY_MS, field, config)

/** Fills in the defaults; an empty text counts as not given, as browsers send empty fields. */
export function linkTerms(
  given: { downloads?: string | undefined; expires?: string | undefined; days?: string | undefined },
  names: { downloads: string; expires: string; days: string },
  config: Config['link']
): LinkTerms {
  const present = (text: string | undefined): text is string => text !== undefined && text.trim() !== ''
  let ttlMs = config.ttlMs
  if (present(given.expires)) ttlMs = parseExpires(given.expires, names.expires, config)
  else if (present(given.days)) ttlMs = parseDays(given.days, names.days, config)
  return {
    downloads: present(given.downloads)
      ? parseDownloads(given.downloads, names.downloads, config)
      : config.downloads,
    ttlMs
  }
}
