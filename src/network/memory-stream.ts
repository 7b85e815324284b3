/** Two ends of a stream in one process, with the delays, bounds and failures of a real one. */

import { PeerbinError, asPeerbinError } from '../errors.ts'
import type { ByteStream, SignalOptions } from '../interfaces.ts'
import { FRAME_BYTES_MAX, STREAM_BUFFER_BYTES_MAX } from '../protocol/limits.ts'
import { abortable, throwIfAborted } from '../runtime/deadline.ts'
import type { PeerId } from '../types.ts'

/** What may be on its way or waiting in one direction; one more piece fits below STREAM_BUFFER_BYTES_MAX. */
const WINDOW_BYTES = STREAM_BUFFER_BYTES_MAX - FRAME_BYTES_MAX

/** What was read is told to the writer when it is so much: each telling is a delivery of its own. */
const CREDIT_BYTES = WINDOW_BYTES / 4

/** Carries things from one peer to another, in order, each after the delay of the link. `bytes`: how many of the stream's it stands for. */
export type Carrier = (deliver: () => void, bytes?: number) => void

/** One end. `a.connect(b)` and `b.connect(a)` make a stream of two. */
export class MemoryStream implements ByteStream {
  readonly peer: PeerId
  readonly #carry: Carrier
  readonly #onDone: () => void
  #other: MemoryStream | undefined
  /** Arrived and not read. */
  readonly #arrived: Uint8Array[] = []
  #ended = false
  #writeClosed = false
  #error: PeerbinError | undefined
  /** Written here and not known to be read there. */
  #unread = 0
  /** Read here and not told there yet. */
  #credit = 0
  #reading: PromiseWithResolvers<void> | undefined
  #writing: PromiseWithResolvers<void> | undefined

  constructor(peer: PeerId, carry: Carrier, onDone: () => void) {
    this.peer = peer
    this.#carry = carry
    this.#onDone = onDone
  }

  connect(other: MemoryStream): void {
    this.#other = other
  }

  async write(bytes: Uint8Array, options: SignalOptions = {}): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += FRAME_BYTES_MAX) {
      await this.#untilRoom(options.signal)
      // copied: what the peer reads is its own, as if it had come over a wire
      const piece = bytes.slice(at, at + FRAME_BYTES_MAX)
      this.#unread += piece.byteLength
      this.#carry(() => this.#far.#arrive(piece), piece.byteLength)
    }
  }

  async read(options: SignalOptions = {}): Promise<Uint8Array | undefined> {
    while (true) {
      throwIfAborted(options.signal)
      const piece = this.#arrived.shift()
      if (piece !== undefined) {
        this.#giveCredit(piece.byteLength)
        return piece
      }
      if (this.#ended) return undefined
      if (this.#error !== undefined) throw this.#error
      this.#reading = Promise.withResolvers()
      await abortable(this.#reading.promise, options.signal)
    }
  }

  async closeWrite(): Promise<void> {
    if (this.#writeClosed || this.#error !== undefined) return
    this.#writeClosed = true
    this.#carry(() => this.#far.#end())
    this.#maybeDone()
  }

  abort(reason: Error): void {
    if (this.#error !== undefined || this.done) return
    this.lose(asPeerbinError(reason, 'peer-unreachable'))
    this.#carry(() => this.#far.lose(new PeerbinError('peer-unreachable')))
  }

  /** Fails this end, at once and alone: the connection is gone, or the peer has reset the stream. */
  lose(error: PeerbinError): void {
    if (this.#error !== undefined || this.done) return
    this.#error = error
    this.#arrived.length = 0
    this.#wake()
    this.#onDone()
  }

  /** Ended on both sides in order. */
  get done(): boolean {
    return this.#writeClosed && this.#ended
  }

  get #far(): MemoryStream {
    if (this.#other === undefined) throw new PeerbinError('internal', 'the other end is not connected')
    return this.#other
  }

  async #untilRoom(signal: AbortSignal | undefined): Promise<void> {
    while (true) {
      throwIfAborted(signal)
      if (this.#error !== undefined) throw this.#error
      if (this.#writeClosed) throw new PeerbinError('peer-unreachable', 'this side has been ended')
      if (this.#unread < WINDOW_BYTES) return
      this.#writing = Promise.withResolvers()
      await abortable(this.#writing.promise, signal)
    }
  }

  #arrive(piece: Uint8Array): void {
    if (this.#error !== undefined) return
    this.#arrived.push(piece)
    this.#reading?.resolve()
  }

  #giveCredit(size: number): void {
    this.#credit += size
    if (this.#credit < CREDIT_BYTES) return
    const credit = this.#credit
    this.#credit = 0
    this.#carry(() => this.#far.#wasRead(credit))
  }

  #wasRead(size: number): void {
    this.#unread -= size
    this.#writing?.resolve()
  }

  #end(): void {
    if (this.#error !== undefined) return
    this.#ended = true
    this.#reading?.resolve()
    this.#maybeDone()
  }

  #maybeDone(): void {
    if (this.done) this.#onDone()
  }

  #wake(): void {
    this.#reading?.resolve()
    this.#writing?.resolve()
  }
}
