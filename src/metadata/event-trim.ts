/** Which events are forgotten when there are too many: the oldest of whoever has most, so that somebody loud does not push out what others were told. */

import type { EventStream } from '../types.ts'

export interface StreamLength {
  name: EventStream
  kept: number
}

export interface TrimRule {
  recordsMax: number
  perStreamMax: number
  limit: number
}

/** Streams that are as long lose a few each before it is the first one's turn again. */
const TRIM_STEP_MAX = 64

const byLength = (a: StreamLength, b: StreamLength): number =>
  b.kept - a.kept || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** Which stream loses how many of its oldest, in order; at most `limit` in all. */
export function planTrim(
  streams: readonly StreamLength[],
  { recordsMax, perStreamMax, limit }: TrimRule
): Array<{ name: EventStream; count: number }> {
  const kept = streams.map((each) => ({ ...each })).toSorted(byLength)
  const plan = new Map<EventStream, number>()
  let surplus = kept.reduce((sum, each) => sum + each.kept, 0) - recordsMax
  for (let left = limit; left > 0;) {
    const [longest, second] = kept
    if (longest === undefined || longest.kept === 0) break
    const above = longest.kept - perStreamMax
    const level = Math.max(longest.kept - (second?.kept ?? 0), Math.min(TRIM_STEP_MAX, longest.kept))
    const count = Math.min(left, Math.max(above, Math.min(surplus, level)))
    if (count <= 0) break
    plan.set(longest.name, (plan.get(longest.name) ?? 0) + count)
    longest.kept -= count
    surplus -= count
    left -= count
    // only the first one's place has changed
    kept.sort(byLength)
  }
  return [...plan].map(([name, count]) => ({ name, count }))
}
