/** Attempts at groups, made of the pool's events; pure. */

import type { Span } from './chart-layout.ts'
import type { Group } from './shapes.ts'

/** Ms; null: it goes on. */
export interface Attempt {
  readonly from: number
  readonly to: number | null
  readonly isFailed: boolean
}
export type Attempts = ReadonlyMap<string, readonly Attempt[]>

export interface Told {
  readonly type: string
  readonly subject: string
  readonly time: string
}

/** What was known, and what was told since. */
export function withTold(known: Attempts, events: readonly Told[]): Attempts {
  const attempts = new Map(known)
  for (const { type, subject, time } of events) {
    const of = attempts.get(subject) ?? []
    const last = of.at(-1)
    const at = Date.parse(time)
    if (type === 'group.taken')
      attempts.set(subject, [...ended(of, at), { from: at, to: null, isFailed: false }])
    else if (last !== undefined && last.to === null)
      attempts.set(subject, [...of.slice(0, -1), { ...last, to: at, isFailed: type === 'group.failed' }])
  }
  return attempts
}

/** Whoever takes a group ends what was before. */
const ended = (attempts: readonly Attempt[], at: number): Attempt[] =>
  attempts.map((each) => (each.to === null ? { ...each, to: at, isFailed: true } : each))

/** What the picture shows of a group, from its close to its end. */
export function spansOf(group: Group, attempts: readonly Attempt[], now: number): Span[] {
  const closed = group.closed_at === null ? undefined : Date.parse(group.closed_at)
  const end = group.ended_at === null ? now : Date.parse(group.ended_at)
  const spans: Span[] = []
  const from = closed ?? attempts[0]?.from
  if (from !== undefined && end > from) spans.push({ from, to: end, kind: 'waiting' })
  for (const attempt of attempts) {
    const isDone = attempt.to !== null && !attempt.isFailed
    const kind = attempt.to === null ? 'working' : isDone ? 'done' : 'failed'
    spans.push({ from: attempt.from, to: attempt.to ?? now, kind })
  }
  return spans
}

/** Seconds that a group was worked on, in all attempts. */
export const workedSeconds = (attempts: readonly Attempt[], now: number): number =>
  attempts.reduce((sum, { from, to }) => sum + Math.max(0, (to ?? now) - from), 0) / 1000
