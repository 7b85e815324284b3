/** Settings of a pool as a form has them: texts, of which each may be empty. */

import { poolTexts } from '../../src/edge/pool-texts.ts'
import type { PoolSettings } from './shapes.ts'

const words = poolTexts.settings

const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S

const UNITS = { d: DAY_S, h: HOUR_S, min: MINUTE_S, s: 1 } as const
export type Unit = keyof typeof UNITS
export type DurationName = keyof typeof words.durations
export type CountName = keyof typeof words.counts

export interface DurationText {
  readonly amount: string
  readonly unit: Unit
}

export interface SettingsText {
  readonly durations: Readonly<Record<DurationName, DurationText>>
  readonly counts: Readonly<Record<CountName, string>>
}

/** Seconds, as the server takes them. */
const LIMITS: Record<DurationName, readonly [number, number]> = {
  frequency_s: [MINUTE_S, 30 * DAY_S],
  window_s: [MINUTE_S, 30 * DAY_S],
  grace_s: [0, 30 * DAY_S],
  tolerance_s: [1, DAY_S],
  max_age_s: [MINUTE_S, 3650 * DAY_S],
  lease_s: [5, DAY_S],
  files_kept_s: [MINUTE_S, 3650 * DAY_S],
  results_kept_s: [MINUTE_S, 3650 * DAY_S]
}
export const DURATIONS = Object.keys(LIMITS) as DurationName[]
export const COUNTS = Object.keys(words.counts) as CountName[]

/** In the largest unit that says it without a fraction. */
export function durationOf(seconds: number): DurationText {
  for (const unit of ['d', 'h', 'min'] as const)
    if (seconds > 0 && seconds % UNITS[unit] === 0) return { amount: String(seconds / UNITS[unit]), unit }
  return { amount: String(seconds), unit: 's' }
}

const EMPTY: Record<DurationName, DurationText> = {
  frequency_s: { amount: '1', unit: 'h' },
  window_s: { amount: '', unit: 'h' },
  grace_s: { amount: '', unit: 'min' },
  tolerance_s: { amount: '', unit: 'min' },
  max_age_s: { amount: '', unit: 'd' },
  lease_s: { amount: '', unit: 'min' },
  files_kept_s: { amount: '', unit: 'd' },
  results_kept_s: { amount: '', unit: 'd' }
}

/** Of a new pool: what is empty is as the server has it. */
export const emptySettings = (): SettingsText => ({
  durations: EMPTY,
  counts: { close_at_producers: '', attempts_max: '' }
})

export function textOfSettings(settings: PoolSettings): SettingsText {
  const durations = { ...EMPTY }
  for (const name of DURATIONS) durations[name] = durationOf(settings[name])
  return {
    durations,
    counts: {
      close_at_producers: settings.close_at_producers === null ? '' : String(settings.close_at_producers),
      attempts_max: String(settings.attempts_max)
    }
  }
}

export type GivenSettings = Partial<Record<DurationName | CountName, number | null>>

/**
 * What a form says.
 * @param before of a pool that is there: what is empty would be no change, so it is asked for
 * @returns a sentence where something is not possible
 */
export function settingsOf(text: SettingsText, before?: PoolSettings): GivenSettings | string {
  const given: GivenSettings = {}
  for (const name of DURATIONS) {
    const { label } = words.durations[name]
    const { amount, unit } = text.durations[name]
    const clean = amount.trim().replace(',', '.')
    if (clean === '') {
      if (before !== undefined || name === 'frequency_s') return words.needed(label)
      continue
    }
    const seconds = Math.round(Number(clean) * UNITS[unit] * 1000) / 1000
    const [least, most] = LIMITS[name]
    if (!(seconds >= least && seconds <= most)) return words.outside(label, least, most)
    if (before === undefined || before[name] !== seconds) given[name] = seconds
  }
  for (const name of COUNTS) {
    const { label } = words.counts[name]
    const clean = text.counts[name].trim()
    const isOptional = before === undefined || name === 'close_at_producers'
    if (clean === '' && !isOptional) return words.needed(label)
    const number = clean === '' ? null : Number(clean)
    if (number !== null && !(Number.isSafeInteger(number) && number >= 1)) return words.noNumber(label)
    if (before === undefined ? number !== null : before[name] !== number) given[name] = number
  }
  return given
}
