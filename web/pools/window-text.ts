/** Windows of time as the reader has them: days are named once. */

import { poolTexts } from '../../src/edge/pool-texts.ts'
import type { Group } from './shapes.ts'

const DAY_MS = 86_400_000

const language = (): string => document.documentElement.lang

export const clockText = (ms: number): string =>
  new Date(ms).toLocaleTimeString(language(), { timeStyle: 'short' })

export const dayText = (ms: number): string =>
  new Date(ms).toLocaleDateString(language(), { day: 'numeric', month: 'short' })

/** `22 Nov, 14:00` */
export const momentText = (ms: number): string => `${dayText(ms)}, ${clockText(ms)}`

const isSameDay = (a: number, b: number): boolean => new Date(a).toDateString() === new Date(b).toDateString()

/** `22 Nov 14:00 – 15:00`; of windows of days their days. */
export function spanText(start: number, end: number): string {
  const { window } = poolTexts.groups
  const isDays = (end - start) % DAY_MS === 0 && new Date(start).getHours() === 0
  if (isDays) return end - start === DAY_MS ? dayText(start) : window(dayText(start), dayText(end - DAY_MS))
  return window(momentText(start), isSameDay(start, end) ? clockText(end) : momentText(end))
}

export const windowText = ({ start, end }: Pick<Group, 'start' | 'end'>): string =>
  spanText(Date.parse(start), Date.parse(end))
