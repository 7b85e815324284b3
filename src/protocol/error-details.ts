/** What of an error's details crosses the wire: few, each by name, so that nothing gets out by accident. */

import type { PeerbinError } from '../errors.ts'
import { ERROR_NAME_MAX } from './codec.ts'
import type { AnswerHeader } from './codec.ts'

type Told = Pick<Extract<AnswerHeader, { ok: false }>, 'version' | 'index' | 'name' | 'serverTime'>

const NUMBERS = ['version', 'index', 'serverTime'] as const

export function toldDetails({ details }: Pick<PeerbinError, 'details'>): Told {
  const told: Told = {}
  for (const key of NUMBERS) {
    const value = details[key]
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) told[key] = value
  }
  if (typeof details['name'] === 'string') told.name = details['name'].slice(0, ERROR_NAME_MAX)
  return told
}

export function heardDetails(told: Told): PeerbinError['details'] {
  const details: PeerbinError['details'] = {}
  for (const key of NUMBERS) if (told[key] !== undefined) details[key] = told[key]
  if (told.name !== undefined) details['name'] = told.name
  return details
}
