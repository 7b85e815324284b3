/** What the server tells a page while it is open, for whatever the page shows; and that the session has ended, which ends the page. */

import { ApiError, ask, queryOf, request, segment } from '../account/api.ts'
import type { News } from './event-text.ts'
import { gather } from './gather.ts'
import { Line } from './line.ts'
import type { Said } from './line.ts'

/** Of events that a page listens to: one's own, everybody's, or those of a pool, by its id. */
export type Whose = 'own' | 'everybody' | `pool:${string}`

/** Something that the page shows. */
export interface Watcher {
  /** Whether it may be different after this. */
  readonly wants: (news: News) => boolean
  readonly look: () => void
  /** Whether the latest look failed: then it is repeated when there is a connection again. */
  readonly hasFailed: () => boolean
  /** What has happened can be seen only after so long; default: at once. */
  readonly lateMs?: number | undefined
}

interface Watched {
  readonly told: (news: readonly News[]) => void
  readonly lost: () => void
  readonly back: () => void
  readonly hold: (isHeld: boolean) => void
}

const watched = new Set<Watched>()

/** Looks again whenever something has happened that it wants, until it is ended. Nobody looks at a page that is hidden: that is made up for when it is shown. */
export function watch({ wants, look, hasFailed, lateMs }: Watcher): () => void {
  const gathering = gather(look)
  gathering.hold(document.hidden)
  const entry: Watched = {
    told: (news) => {
      if (!news.some(wants)) return
      if (lateMs === undefined) gathering.note()
      else setTimeout(gathering.note, lateMs)
    },
    lost: gathering.note,
    back: () => {
      if (hasFailed()) gathering.note()
    },
    hold: gathering.hold
  }
  watched.add(entry)
  return () => {
    watched.delete(entry)
    gathering.end()
  }
}

/** A page does not wait longer for it. */
const PLACE_MS_MAX = 2000

/** Something is different, whether or not the server tells of it. */
export function changed(): void {
  for (const each of watched) each.lost()
}

/** Where they are told. */
function eventsPath(whose: Whose, query: Record<string, string | undefined>): string {
  if (whose.startsWith('pool:'))
    return `/api/pools/${segment(whose.slice('pool:'.length))}/events${queryOf(query)}`
  return `/api/events${queryOf({ ...query, owner: whose === 'everybody' ? '*' : undefined })}`
}

/**
 * Where now is: taken before anything is looked at, so that what changes meanwhile is told afterwards.
 * Undefined where nobody can say; then everything is looked at again when listening has begun.
 */
export async function placeNow(whose: Whose): Promise<string | undefined> {
  const signal = AbortSignal.timeout(PLACE_MS_MAX)
  const answer = await ask<{ cursor: string }>(eventsPath(whose, { format: 'json' }), { signal }).catch(
    () => undefined
  )
  return answer?.cursor
}

/** Asking says whether the session is over: if so, the page is left. */
const askWhetherOver = (): void => void ask('/api/validate').catch(() => undefined)

/** Listens for as long as the page is there. @param user who is signed in: pages of another one are told other things */
export function listen(user: string, whose: Whose, from: string | undefined): void {
  const name = `peerbin:events:${user}:${whose}`
  // browsers have locks in a secure context only
  const locks: LockManager | undefined = Reflect.get(navigator, 'locks') as LockManager | undefined
  const channel = locks === undefined ? undefined : new BroadcastChannel(name)
  const line = new Line({
    name,
    from,
    locks,
    say: (said) => channel?.postMessage(said),
    open: (after, signal) => open(whose, after, signal),
    pause: pauseOrOnline,
    onNews: (news) => {
      if (news.some(({ type }) => type === 'session.revoked')) askWhetherOver()
      for (const each of watched) each.told(news)
    },
    onLost: () => {
      askWhetherOver()
      changed()
    }
  })
  // said by a page of the same build
  channel?.addEventListener('message', ({ data }: MessageEvent<Said>) => line.told(data))
  const follow = (): void => {
    for (const each of watched) each.hold(document.hidden)
    if (document.hidden) line.pause()
    else line.resume()
  }
  document.addEventListener('visibilitychange', follow)
  window.addEventListener('online', tellBack)
  follow()
}

function tellBack(): void {
  for (const each of watched) each.back()
}

async function open(
  whose: Whose,
  after: string | undefined,
  signal: AbortSignal
): Promise<ReadableStream<Uint8Array> | 'expired'> {
  try {
    const { body } = await request(eventsPath(whose, { after }), { signal, accept: 'text/event-stream' })
    if (body === null) throw new Error('an answer without a body')
    tellBack()
    return body
  } catch (error) {
    if (error instanceof ApiError && error.code === 'cursor-expired') return 'expired'
    throw error
  }
}

/** Waits, but not beyond the moment when the browser is online again. */
function pauseOrOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      window.removeEventListener('online', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    window.addEventListener('online', done)
  })
}
