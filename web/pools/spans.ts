/** When groups were worked on: what a group says of itself is its last state, so this comes from the pool's events. */

import { useRef } from 'preact/hooks'
import { ApiError, ask, queryOf } from '../account/api.ts'
import { useLoaded } from '../account/hooks.ts'
import { useLive } from '../live/use-live.ts'
import { withTold } from './attempts.ts'
import type { Attempts, Told } from './attempts.ts'
import { poolPath } from './pool-api.ts'

const TYPES = 'group.taken,group.done,group.failed'
/** Of the newest so many events of the pool those are looked at: older work is shown without its spans. */
const EVENTS_LOOKED_AT = 5000
const PAGES_MAX = 10

interface EventsPage {
  readonly events: readonly Told[]
  readonly cursor: string
  readonly more: boolean
}

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
