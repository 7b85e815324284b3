/** Events of one connection after another: what breaks goes on after the last one that was told. */

import { EventText } from './event-text.ts'
import type { Heard } from './event-text.ts'

/** The server is heard every 15 s at least: a connection on which nothing comes is dead, as after a sleep of the machine. */
const IDLE_MS = 45_000
const PAUSE_MS = 250
const PAUSE_MS_MAX = 30_000
/** One that ended sooner is tried again ever later: something between cuts it off. */
const STEADY_MS = 5000

export interface Ears {
  readonly heard: (heard: Heard) => void
  /** Where it begins, or goes on after a gap: whatever was looked at before may be different now. */
  readonly lost: (cursor: string) => void
}

export interface FollowOptions extends Ears {
  /** Undefined: from now on. `expired`: what came after this place is not kept any more. @throws where there is no such answer now */
  readonly open: (
    after: string | undefined,
    signal: AbortSignal
  ) => Promise<ReadableStream<Uint8Array> | 'expired'>
  /** Resolves after so many ms, or sooner where trying again may help. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
}

/** Until the signal. Never rejects. @param from a cursor; undefined: from now on */
export async function follow(from: string | undefined, options: FollowOptions): Promise<void> {
  const { open, heard, lost, pause, signal } = options
  let place = from
  let failures = 0
  const take = (told: Heard): void => {
    if (signal.aborted) return
    const isNew = place === undefined
    place = told.cursor
    if (isNew) lost(told.cursor)
    else heard(told)
  }
  while (!signal.aborted) {
    const start = performance.now()
    try {
      const body = await open(place, signal)
      if (body === 'expired' && place !== undefined) {
        place = undefined
        continue
      }
      if (body !== 'expired') await read(body, take)
    } catch {
      // offline, an edge that stops, too many connections: all of it is tried again
    }
    if (signal.aborted) return
    failures = performance.now() - start >= STEADY_MS ? 0 : failures + 1
    await pause(Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** failures), signal)
  }
}

async function read(body: ReadableStream<Uint8Array>, take: (told: Heard) => void): Promise<void> {
  const reader = body.getReader()
  const text = new EventText()
  const decoder = new TextDecoder()
  const cut = (): void => void reader.cancel().catch(() => undefined)
  let idle: ReturnType<typeof setTimeout> | undefined
  try {
    for (;;) {
      idle = setTimeout(cut, IDLE_MS)
      const { done, value } = await reader.read()
      clearTimeout(idle)
      if (done) return
      const told = text.take(decoder.decode(value, { stream: true }))
      if (told !== undefined) take(told)
    }
  } finally {
    clearTimeout(idle)
    cut()
  }
}
