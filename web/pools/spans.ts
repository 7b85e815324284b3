/** When groups were worked on: what a group says of itself is its last state, so this comes from the pool's events. */

import { useRef } from 'preact/hooks'
import { ApiError, ask, queryOf } from '../account/api.ts'
import { useLoaded } from '../account/hooks.ts'
import { useLive } from '../live/use-live.ts'
import type { Span } from './chart-layout.ts'
import { poolPath } from './pool-api.ts'
import type { Group } from './shapes.ts'

const TYPES = 'group.taken,group.done,group.failed'
/** Of the newest so many events of the pool those are looked at: older work is shown without its spans. */
const EVENTS_LOOKED_AT = 5000
const PAGES_MAX = 10

/** Ms; null: it goes on. */
export interface Attempt {
  readonly from: number
  readonly to: number | null
  readonly isFailed: boolean
}
export type Attempts = ReadonlyMap<string, readonly Attempt[]>

interface Told {
  readonly type: string
  readonly subject: string
  readonly time: string
}

interface EventsPage {
  readonly events: readonly Told[]
  readonly cursor: string
  readonly more: boolean
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

/** A cursor is an epoch and the number of an event in its stream (docs/events.md). */
const CURSOR = /^([a-z0-9]+)\.(\d+)$/

/** Where the newest events begin. */
function beginOf(newest: string): string {
  const [, epoch, number] = CURSOR.exec(newest) ?? []
  const first = Number(number) - EVENTS_LOOKED_AT
  return epoch === undefined || !(first > 0) ? 'start' : `${epoch}.${first}`
}

async function pageAfter(path: string, after: string | undefined, signal: AbortSignal): Promise<EventsPage> {
  const query = queryOf({ format: 'json', types: TYPES, after })
  return await ask<EventsPage>(`${path}${query}`, { signal })
}

const NONE: Attempts = new Map()

/** Of all groups of the pool that were worked on lately. */
export function useAttempts(pool: string): Attempts {
  const known = useRef<{ attempts: Attempts; cursor: string | undefined }>({
    attempts: new Map(),
    cursor: undefined
  })
  const path = `${poolPath(pool)}/events`
  const loaded = useLoaded(`attempts:${pool}`, async (signal) => {
    let { attempts, cursor } = known.current
    cursor ??= beginOf((await pageAfter(path, undefined, signal)).cursor)
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const page: EventsPage = await pageAfter(path, cursor, signal).catch((error: unknown) => {
        // some of it is not kept any more: from the oldest that is
        if (error instanceof ApiError && error.code === 'cursor-expired' && cursor !== 'start')
          return { events: [], cursor: 'start', more: true }
        throw error
      })
      attempts = withTold(attempts, page.events)
      cursor = page.cursor
      if (!page.more) break
    }
    known.current = { attempts, cursor }
    return attempts
  })
  useLive(loaded, ({ type }) => TYPES.includes(type))
  return loaded.value ?? NONE
}

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
