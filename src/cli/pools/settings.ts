/** Settings of pools on the command line, and how they are shown. */

import { InvalidArgumentError } from 'commander'
import type { PoolSettingsAnswer } from '../../pool-client/answers.ts'

export interface SettingsOptions {
  frequency?: number
  window?: number
  grace?: number
  tolerance?: number
  maxAge?: number
  closeAt?: number | 'none'
  lease?: number
  attempts?: number
  keepFiles?: number
  keepResults?: number
}

/** What was given, as the server takes it; undefined: nothing was. */
export function settingsOf(options: SettingsOptions): Record<string, number | null> | undefined {
  const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000)
  const given = Object.entries({
    frequency_s: seconds(options.frequency),
    window_s: seconds(options.window),
    grace_s: seconds(options.grace),
    tolerance_s: seconds(options.tolerance),
    max_age_s: seconds(options.maxAge),
    close_at_producers: options.closeAt === 'none' ? null : options.closeAt,
    lease_s: seconds(options.lease),
    attempts_max: options.attempts,
    files_kept_s: seconds(options.keepFiles),
    results_kept_s: seconds(options.keepResults)
  }).filter((entry): entry is [string, number | null] => entry[1] !== undefined)
  return given.length === 0 ? undefined : Object.fromEntries(given)
}

/** A number of producers, or `none`. */
export function parseCloseAt(text: string): number | 'none' {
  if (text === 'none') return text // null, and the option would be there without a value
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > 100_000)
    throw new InvalidArgumentError('Give a number of producers, or "none".')
  return value
}

const UNITS = [
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3600],
  ['m', 60]
] as const

/** `90s`, `1h`, `1.5d`: the largest unit that makes it short. */
export function span(seconds: number): string {
  for (const [unit, size] of UNITS)
    if (seconds >= size && (seconds % size === 0 || (seconds * 10) % size === 0))
      return `${seconds / size}${unit}`
  return `${seconds}s`
}

export const settingsText = (s: PoolSettingsAnswer): string[] => [
  `producers send every ${span(s.frequency_s)}; windows of ${span(s.window_s)}, open for ${span(s.grace_s)} more${
    s.close_at_producers === null ? '' : `, or until ${s.close_at_producers} producers have sent`
  }`,
  `timestamps: ${span(s.tolerance_s)} ahead at most, ${span(s.max_age_s)} old at most`,
  `servers: leases of ${span(s.lease_s)}, ${s.attempts_max} attempts`,
  `kept: files ${span(s.files_kept_s)} after their group is done, results ${span(s.results_kept_s)}`
]
