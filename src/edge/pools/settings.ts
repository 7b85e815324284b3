/** Settings of a pool as HTTP has them: durations in seconds. */

import { z } from 'zod'
import { poolSettings } from '../../protocol/messages/pool-shapes.ts'
import type { PoolSettings } from '../../pools.ts'
import { invalid } from '../user-files/fields.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const seconds = (text: string) => z.number().min(0).describe(`seconds: ${text}`)

export const settingsSchema = z.strictObject({
  frequency_s: seconds(
    'every producer sends at least so often; 60 to 2,592,000 (30 days), default 3600. Who does not is silent'
  ),
  window_s: seconds('length of a window of time, whose files make a group; default: the frequency'),
  grace_s: seconds(
    'how long after its end files still go into its group; default: a tenth of the window, and 10 at least'
  ),
  tolerance_s: seconds(
    'how far a client’s clock may be off, and a timestamp ahead; 1 to 86,400, default 300'
  ),
  max_age_s: seconds('timestamps older than this are refused; default 30 days, and two windows at least'),
  close_at_producers: z
    .int()
    .min(1)
    .nullable()
    .describe('a group closes when so many producers have sent; null (the default): at its time'),
  lease_s: seconds('a server has a group for so long, unless it renews; 5 to 86,400, default 600'),
  attempts_max: z.int().min(1).describe('a group is tried so often in all; default 3'),
  files_kept_s: seconds('files of a group are kept for so long after its end; default 7 days'),
  results_kept_s: seconds('a result is kept for so long; default 30 days')
})
export const settingsGiven = settingsSchema.partial()
export type GivenSettings = z.output<typeof settingsGiven>

const FIELDS: Record<keyof PoolSettings, keyof z.output<typeof settingsSchema>> = {
  frequencyMs: 'frequency_s',
  windowMs: 'window_s',
  graceMs: 'grace_s',
  toleranceMs: 'tolerance_s',
  maxAgeMs: 'max_age_s',
  closeAtProducers: 'close_at_producers',
  leaseMs: 'lease_s',
  attemptsMax: 'attempts_max',
  filesTtlMs: 'files_kept_s',
  resultTtlMs: 'results_kept_s'
}

export const settingsAnswer = (settings: PoolSettings): z.output<typeof settingsSchema> => ({
  frequency_s: settings.frequencyMs / SECOND_MS,
  window_s: settings.windowMs / SECOND_MS,
  grace_s: settings.graceMs / SECOND_MS,
  tolerance_s: settings.toleranceMs / SECOND_MS,
  max_age_s: settings.maxAgeMs / SECOND_MS,
  close_at_producers: settings.closeAtProducers,
  lease_s: settings.leaseMs / SECOND_MS,
  attempts_max: settings.attemptsMax,
  files_kept_s: settings.filesTtlMs / SECOND_MS,
  results_kept_s: settings.resultTtlMs / SECOND_MS
})

const msOf = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.round(value * SECOND_MS)

/** What was given, over what holds without it. */
function laidOver(given: GivenSettings, base: PoolSettings): PoolSettings {
  const { close_at_producers: closeAtProducers = base.closeAtProducers } = given
  return {
    frequencyMs: msOf(given.frequency_s) ?? base.frequencyMs,
    windowMs: msOf(given.window_s) ?? base.windowMs,
    graceMs: msOf(given.grace_s) ?? base.graceMs,
    toleranceMs: msOf(given.tolerance_s) ?? base.toleranceMs,
    maxAgeMs: msOf(given.max_age_s) ?? base.maxAgeMs,
    closeAtProducers,
    leaseMs: msOf(given.lease_s) ?? base.leaseMs,
    attemptsMax: given.attempts_max ?? base.attemptsMax,
    filesTtlMs: msOf(given.files_kept_s) ?? base.filesTtlMs,
    resultTtlMs: msOf(given.results_kept_s) ?? base.resultTtlMs
  }
}

/** @throws `invalid-field` with the name that HTTP has for it */
function checked(settings: PoolSettings): PoolSettings {
  const parsed = poolSettings.safeParse(settings)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const key = String(issue?.path[0] ?? '')
  const field = isSetting(key) ? FIELDS[key] : 'settings'
  throw invalid(`settings.${field}`, boundOf(issue, field.endsWith('_s') ? SECOND_MS : 1))
}

/** What would be possible. @param unit of the setting's, in that of the message */
function boundOf(issue: z.core.$ZodIssue | undefined, unit: number): string {
  if (issue?.code === 'too_small') return `at least ${Number(issue.minimum) / unit}`
  if (issue?.code === 'too_big') return `at most ${Number(issue.maximum) / unit}`
  return 'this is not possible'
}

const isSetting = (key: string): key is keyof PoolSettings => Object.hasOwn(FIELDS, key)

/** Of a new pool. @throws `invalid-field` */
export function newSettings(given: GivenSettings): PoolSettings {
  const frequencyMs = msOf(given.frequency_s) ?? HOUR_MS
  const windowMs = msOf(given.window_s) ?? frequencyMs
  return checked(
    laidOver(given, {
      frequencyMs,
      windowMs,
      graceMs: Math.max(Math.round(windowMs / 10), 10 * SECOND_MS),
      toleranceMs: 5 * MINUTE_MS,
      maxAgeMs: Math.max(30 * DAY_MS, 2 * windowMs),
      closeAtProducers: null,
      leaseMs: 10 * MINUTE_MS,
      attemptsMax: 3,
      filesTtlMs: 7 * DAY_MS,
      resultTtlMs: 30 * DAY_MS
    })
  )
}

/** Of one that is there: what is not given stays. @throws `invalid-field` */
export const changedSettings = (given: GivenSettings, settings: PoolSettings): PoolSettings =>
  checked(laidOver(given, settings))
