/** Watches over bytes that come from outside while an upload waits for them. */

import { PeerbinError } from '../errors.ts'
import type { Clock } from '../interfaces.ts'
import { abortable, deadline, throwIfAborted } from '../runtime/deadline.ts'

export interface SourceGuard {
  readonly clock: Clock
  /** Longest wait for a byte while we are ready to read. */
  readonly stallMs: number
  /** Fewest bytes a second, over every `stallMs` of waiting: a byte now and then must not hold a chunk's memory for hours. */
  readonly rateMinBytes: number
  /**
   * Bytes of the sender's that have arrived so far, where that is more than the source yields: of a form with thousands of small files most is what stands between them.
   */
  readonly arrivedBytes?: (() => number) | undefined
  readonly signal: AbortSignal
}

/**
 * Passes on the source's pieces, empty ones left out. Time in which nobody asks for the next piece does not count.
 *
 * @throws `upload-stalled`; the signal's reason; `upload-incomplete` when the source breaks off with an error that is not one of ours.
 */
export async function* guardSource(
  source: AsyncIterable<Uint8Array>,
  guard: SourceGuard
): AsyncGenerator<Uint8Array> {
  const { clock, stallMs, rateMinBytes, arrivedBytes } = guard
  const iterator = source[Symbol.asyncIterator]()
  let ended = false
  let waitedMs = 0
  let cameBytes = 0
  let arrivedBefore = arrivedBytes?.() ?? 0
  try {
    for (;;) {
      const since = clock.monotonic()
      const piece = await nextPiece(iterator, guard)
      if (piece === undefined) {
        ended = true
        return
      }
      waitedMs += clock.monotonic() - since
      cameBytes += piece.byteLength
      if (waitedMs >= stallMs) {
        const arrived = arrivedBytes?.() ?? 0
        const came = Math.max(cameBytes, arrived - arrivedBefore)
        if (came < (rateMinBytes * waitedMs) / 1000) throw new PeerbinError('upload-stalled')
        waitedMs = 0
        cameBytes = 0
        arrivedBefore = arrived
      }
      yield piece
    }
  } finally {
    // not awaited: a source that hangs in `next` would not answer this either, and its own errors do not matter any more
    if (!ended) void Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}

async function nextPiece(
  iterator: AsyncIterator<Uint8Array>,
  { clock, stallMs, signal }: SourceGuard
): Promise<Uint8Array | undefined> {
  using limit = deadline(clock, stallMs, signal)
  for (;;) {
    let next: IteratorResult<Uint8Array>
    try {
      next = await abortable(iterator.next(), limit.signal)
    } catch (error) {
      throwIfAborted(signal)
      if (limit.signal.aborted) throw new PeerbinError('upload-stalled')
      if (error instanceof PeerbinError) throw error
      throw new PeerbinError('upload-incomplete', '', { cause: error })
    }
    if (next.done === true) return undefined
    if (next.value.byteLength > 0) return next.value // an empty piece is no progress
  }
}
