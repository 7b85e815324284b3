/**
 * Events for all pages of one browser over one connection: browsers open six to a server at most. The page that has the lock listens and tells the others; when it is closed or hidden the
 * next one goes on where that one was. Every page has a place of its own, by which it knows what it has heard already, and what it has not.
 */

import type { Heard, News } from './event-text.ts'
import { follow } from './follow.ts'
import type { FollowOptions } from './follow.ts'

/** What pages say to each other. */
export type Said =
  /** What the one that listens has heard after `before`. */
  | { readonly kind: 'heard'; readonly before: string; readonly heard: Heard }
  /** It goes on here, and nobody was told of what was before. */
  | { readonly kind: 'lost'; readonly cursor: string }
  /** Somebody asks where everybody is. */
  | { readonly kind: 'where' }
  /** The one that listens is here. */
  | { readonly kind: 'here'; readonly cursor: string }

/** `navigator.locks`, as far as it is used. */
export interface Locks {
  request(name: string, options: { signal: AbortSignal }, work: () => Promise<void>): Promise<unknown>
}

export interface LineOptions extends Pick<FollowOptions, 'open' | 'pause'> {
  /** The same for pages that are told the same. */
  readonly name: string
  /** What has been dealt with before; undefined: nothing is known. */
  readonly from: string | undefined
  /** Undefined where the browser has none (plain HTTP): then each page has its own connection. */
  readonly locks: Locks | undefined
  /** To the other pages; what they say goes to `told`. */
  readonly say: (said: Said) => void
  readonly onNews: (events: readonly News[]) => void
  /** Something was missed: whatever is shown may be different. */
  readonly onLost: () => void
}

export class Line {
  readonly #options: LineOptions
  #place: string | undefined
  #listening: AbortController | undefined
  #isLeading = false

  constructor(options: LineOptions) {
    this.#options = options
    this.#place = options.from
  }

  /** Listens from now on, by itself or by another page. */
  resume(): void {
    if (this.#listening !== undefined) return
    const listening = new AbortController()
    const { signal } = listening
    this.#listening = listening
    const { locks, name } = this.#options
    if (locks === undefined) void this.#lead(signal)
    // rejected where it is paused while it waits
    else void locks.request(name, { signal }, () => this.#lead(signal)).catch(() => undefined)
    this.#options.say({ kind: 'where' })
  }

  /** Leaves the connection to others. What they say is still heard. */
  pause(): void {
    this.#listening?.abort()
    this.#listening = undefined
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { open, pause } = this.#options
    this.#isLeading = true
    await follow(this.#place, {
      open,
      pause,
      signal,
      heard: (heard) => {
        const before = this.#place ?? ''
        this.#hear(before, heard)
        this.#options.say({ kind: 'heard', before, heard })
      },
      lost: (cursor) => {
        this.#lose(cursor)
        this.#options.say({ kind: 'lost', cursor })
      }
    })
    this.#isLeading = false
  }

  /** What another page said. */
  told(said: Said): void {
    if (said.kind === 'where') {
      if (this.#isLeading && this.#place !== undefined)
        this.#options.say({ kind: 'here', cursor: this.#place })
    } else if (this.#isLeading) return
    else if (said.kind === 'lost') this.#lose(said.cursor)
    else if (said.kind === 'heard') this.#hear(said.before, said.heard)
    else if (isBehind(this.#place, said.cursor)) this.#lose(said.cursor)
  }

  #hear(before: string, { cursor, events }: Heard): void {
    const place = this.#place
    if (isBehind(place, before)) return this.#lose(cursor)
    // two that listen for a moment, one after the other, tell some things twice
    const news = events.filter((event) => isBehind(place, event.cursor))
    if (isBehind(place, cursor)) this.#place = cursor
    if (news.length > 0) this.#options.onNews(news)
  }

  #lose(cursor: string): void {
    this.#place = cursor
    this.#options.onLost()
  }
}

/** `EPOCH.NUMBER`, or `EPOCH.sNUMBER` (docs/events.md). */
const CURSOR = /^([a-z0-9]+)\.s?(\d+)$/

/** Whether something was told up to `cursor` that is not behind `place`. Of another epoch nothing is known. */
function isBehind(place: string | undefined, cursor: string): boolean {
  const [, epoch, number] = CURSOR.exec(place ?? '') ?? []
  const [, otherEpoch, otherNumber] = CURSOR.exec(cursor) ?? []
  return epoch !== otherEpoch || Number(number) < Number(otherNumber)
}
