/** Times as they pass: how long something can still be had. */

import { pageTexts } from '../../src/edge/page-texts.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** In the two largest units that matter: `1 day 4 hours`, `12 minutes`, `40 seconds`. */
export function remainingText(ms: number): string {
  const { days, hours, minutes, seconds } = pageTexts.units
  if (ms >= DAY_MS) return join(days(Math.floor(ms / DAY_MS)), Math.floor((ms % DAY_MS) / HOUR_MS), hours)
  if (ms >= HOUR_MS)
    return join(hours(Math.floor(ms / HOUR_MS)), Math.floor((ms % HOUR_MS) / MINUTE_MS), minutes)
  if (ms >= MINUTE_MS) return minutes(Math.floor(ms / MINUTE_MS))
  return seconds(Math.max(0, Math.floor(ms / SECOND_MS)))
}

const join = (whole: string, rest: number, unit: (count: number) => string): string =>
  rest === 0 ? whole : `${whole} ${unit(rest)}`

/** Until the text is another one. */
const stepMs = (ms: number): number => (ms > HOUR_MS ? MINUTE_MS : SECOND_MS)

/** Fills `[data-countdown]` elements (an ISO time) with what is left, for as long as they are in the page. */
export function startCountdowns(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLElement>('[data-countdown]')) {
    const end = Date.parse(element.dataset['countdown'] ?? '')
    if (Number.isNaN(end)) continue
    element.hidden = false
    const tick = (): void => {
      if (!element.isConnected) return
      const left = end - Date.now()
      element.textContent = left > 0 ? pageTexts.link.left(remainingText(left)) : pageTexts.link.leftNone
      if (left > 0) setTimeout(tick, stepMs(left))
    }
    tick()
  }
}
