/** Writes a download to its socket, at the pace of the reader on the other side. */

import type { ServerResponse } from 'node:http'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { abortReason } from '../../runtime/deadline.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import { afterTurn } from '../../runtime/turn.ts'
import { StallWatch } from '../http/stall.ts'

export interface SendOptions {
  readonly response: ServerResponse
  /**
   * Each item stays as it is until the next one is asked for. Small ones (64 KiB): each has to go out within the stall limit, and is all that a slow reader holds of
   * our memory. The system's own buffer keeps the connection busy between two of them.
   */
  readonly body: AsyncIterable<Uint8Array>
  /** Asked before a piece is written, how much of it may be; less than all of it ends the transfer. */
  readonly allow: (bytes: number) => number
  /** Told when a piece was handed to the operating system. */
  readonly onSent: (bytes: number) => void
  readonly clock: Clock
  readonly stallMs: number
  readonly signal: AbortSignal
}

/** One response on its way: one piece at a time, and what may end it in between. */
class PieceWriter {
  readonly #options: SendOptions
  readonly #watch: StallWatch
  #failure: Error | undefined
  #reject: ((error: Error) => void) | undefined

  constructor(options: SendOptions) {
    this.#options = options
    this.#watch = new StallWatch(options.clock, options.stallMs, () =>
      this.fail(new PeerbinError('aborted', 'the reader stood still for too long'))
    )
  }

  fail(error: Error): void {
    this.#failure ??= error
    this.#reject?.(this.#failure)
  }

  /**
   * Writes what comes next; false at the end. A loop over `pieces` in one function would remember its last piece, and with it its memory, while it
   * waits for the next one.
   */
  async writeNext(pieces: AsyncIterator<Uint8Array>): Promise<boolean> {
    const next = await pieces.next()
    if (next.done === true) return false
    await this.#write(next.value)
    return true
  }

  /** Resolves when all of the piece is out of our hands: its memory may change then. */
  async #write(piece: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const granted = this.#options.allow(piece.byteLength)
    if (granted > 0) await this.#send(piece.subarray(0, granted))
    if (granted < piece.byteLength) throw new PeerbinError('claim-over-budget')
  }

  async #send(piece: Uint8Array): Promise<void> {
    const { response, onSent } = this.#options
    this.#watch.wait()
    await new Promise<void>((resolve, reject) => {
      this.#reject = reject
      response.write(piece, (error) => {
        this.#watch.moved()
        // a socket that takes no more: its other side is gone
        if (error instanceof Error) return this.fail(new PeerbinError('aborted', '', { cause: error }))
        onSent(piece.byteLength)
        // a system that takes megabytes at once has us told before we return to the loop: hundreds of transfers would keep it from everything else, for half a minute on a busy machine
        afterTurn(resolve)
      })
    })
  }

  stop(): void {
    this.#watch.stop()
  }
}

/**
 * Sends everything and ends the response. Rejects when the client goes away, stands still, has used up its bytes, when the edge stops, or when
 * the body fails; the caller cuts the connection then.
 */
export async function sendBody(options: SendOptions): Promise<void> {
  const { response, body, signal } = options
  const writer = new PieceWriter(options)
  const pieces = body[Symbol.asyncIterator]()
  const onAbort = (): void => writer.fail(abortReason(signal))
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    while (await writer.writeNext(pieces)) continue
    if (failpoints.armed) await failpoints.hit('edge.body.beforeEnd')
    response.end()
  } finally {
    await pieces.return?.() // harmless at the end, and gives memory back before it
    signal.removeEventListener('abort', onAbort)
    writer.stop()
  }
}
