/** Which chunks a scrub has to read, and how fast: pure, from their records and the wall clock. */

import type { Config } from '../config.ts'
import type { ChunkInfo } from '../types.ts'

/** A chunk is read again when this part of the interval has passed; the rest is for doing it. */
const DUE_SHARE = 3 / 4
/** A chunk that was stored is verified in the same moment; two looks at a clock may tell that apart. */
const SAME_MOMENT_MS = 1000
/** A record that is from further in the future was written while the clock was wrong: nothing is known of the chunk's age. */
const FUTURE_MS = 24 * 60 * 60 * 1000
/** Pace is reckoned for this part of the time that is left: looks are a while apart, and a chunk is read whole. */
const MARGIN = 3 / 4
/** What is late already is spread over at least so much of its time, or a node that was off for a month would do nothing else. */
const LATE_SHARE = 1 / 14
/** Chunks remembered between two looks, about 3 MB. */
export const DUE_MAX = 16_384

export interface DueChunk {
  chunk: ChunkInfo
  /** When it must have been read, by the wall clock. */
  deadline: number
  /** Bytes a second that it takes to be in time, as its part of all that is due. */
  bytesPerSecond: number
}

type Times = Pick<Config['scrub'], 'intervalMs' | 'newAfterMs'>

/**
 * What is to be done about a chunk; undefined: nothing yet.
 *
 * It is due when it was verified longer ago than three quarters of the interval, or was never read since it was stored and that is longer ago than `newAfterMs`;
 * it must be read within the interval, and twice `newAfterMs`. A clock that is set by an hour or so moves that by an hour or so. When the chunks that are due are
 * read in order of their deadlines, at the sum of their `bytesPerSecond`, all are in time: those due until any moment need no more than their sum until then.
 */
export function dueChunk(chunk: ChunkInfo, now: number, times: Times): DueChunk | undefined {
  const { storedAt, verifiedAt, sizeBytes } = chunk
  const due = (deadline: number, periodMs: number): DueChunk => {
    const leftMs = Math.max((deadline - now) * MARGIN, periodMs * LATE_SHARE)
    return { chunk, deadline, bytesPerSecond: (sizeBytes * 1000) / leftMs }
  }
  const isNew = Math.abs(verifiedAt - storedAt) <= SAME_MOMENT_MS
  if (verifiedAt - now > FUTURE_MS) return due(now, times.intervalMs)
  if (isNew && now - storedAt > times.newAfterMs)
    return due(Math.min(storedAt + 2 * times.newAfterMs, verifiedAt + times.intervalMs), times.newAfterMs)
  if (now - verifiedAt > times.intervalMs * DUE_SHARE)
    return due(verifiedAt + times.intervalMs, times.intervalMs)
  return undefined
}

/** What a look at all records found. */
export class Look {
  readonly #now: number
  readonly #times: Times
  #due: DueChunk[] = []
  /** Chunks that are due, also those that are not remembered. */
  dueChunks = 0
  /** Pace at which all of them are read in time. */
  bytesPerSecond = 0
  /** Every chunk was verified after this moment; the moment of the look when there are none. */
  oldestAt: number

  constructor(now: number, times: Times) {
    this.#now = now
    this.#times = times
    this.oldestAt = now
  }

  add(chunk: ChunkInfo): void {
    this.oldestAt = Math.min(this.oldestAt, chunk.verifiedAt)
    const due = dueChunk(chunk, this.#now, this.#times)
    if (due === undefined) return
    this.dueChunks++
    this.bytesPerSecond += due.bytesPerSecond
    this.#due.push(due)
    if (this.#due.length === 2 * DUE_MAX) this.#due = this.mostUrgent()
  }

  /** The most urgent chunks, in order of their deadlines. */
  mostUrgent(): DueChunk[] {
    return this.#due.toSorted((a, b) => a.deadline - b.deadline).slice(0, DUE_MAX)
  }
}
