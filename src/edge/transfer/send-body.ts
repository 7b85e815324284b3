/** Writes a download to its socket, at the pace of the reader on the other side. */

import type { ServerResponse } from 'node:http'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { abortReason } from '../../runtime/deadline.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import { StallWatch } from '../http/stall.ts'

/**
 * A chunk goes out in pieces of this size, two of them waiting at once: small enough that a slow but honest reader takes one within the stall limit
 * (8 KiB/s at 30 s), large enough that writing costs little.
 */
const PIECE_BYTES = 256 * 1024
const PIECES_WAITING_MAX = 2

export interface SendOptions {
  readonly response: ServerResponse
  /** Each item stays as it is until the next one is asked for. */
  readonly body: AsyncIterable<Uint8Array>
  /** Asked before a piece is written, how much of it may be; less than all of it ends the transfer. */
  readonly allow: (bytes: number) => number
  /** Told when a piece was handed to the operating system. */
  readonly onSent: (bytes: number) => void
  readonly clock: Clock
  readonly stallMs: number
  readonly signal: AbortSignal
}

/** Pieces of one response on their way, and what became of them. */
class PieceWriter {
  readonly #options: SendOptions
  readonly #watch: StallWatch
  #waiting = 0
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(options: SendOptions) {
    this.#options = options
    this.#watch = new StallWatch(options.clock, options.stallMs, () =>
      this.fail(new PeerbinError('aborted', 'the reader stood still for too long'))
    )
  }

  fail(error: Error): void {
    this.#failure ??= error
    this.#wake?.()
  }

  /**
   * Writes what comes next; false at the end. A loop over `pieces` in one function would remember its last piece, and with it a chunk's memory, while it
   * waits for the next one.
   */
  async writeNext(pieces: AsyncIterator<Uint8Array>): Promise<boolean> {
    const next = await pieces.next()
    if (next.done === true) return false
    await this.#write(next.value)
    return true
  }

  /** Resolves when all of `chunk` is out of our hands: its memory may change then. */
  async #write(chunk: Uint8Array): Promise<void> {
    for (let offset = 0; offset < chunk.byteLength; offset += PIECE_BYTES) {
      await this.#until(PIECES_WAITING_MAX - 1)
      const wanted = Math.min(PIECE_BYTES, chunk.byteLength - offset)
      const granted = this.#options.allow(wanted)
      if (granted > 0) this.#send(chunk.subarray(offset, offset + granted))
      if (granted < wanted) {
        await this.#until(0) // what was granted still arrives
        throw new PeerbinError('claim-over-budget')
      }
    }
    await this.#until(0)
  }

  #send(piece: Uint8Array): void {
    this.#waiting++
    this.#options.response.write(piece, (error) => {
      this.#waiting--
      if (error instanceof Error) this.#failure ??= error
      else this.#options.onSent(piece.byteLength)
      this.#wake?.()
    })
  }

  /** Waits until at most so many pieces are on their way. */
  async #until(waitingMax: number): Promise<void> {
    while (this.#waiting > waitingMax && this.#failure === undefined) {
      this.#watch.wait()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#watch.moved()
    }
    if (this.#failure !== undefined) throw this.#failure
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
