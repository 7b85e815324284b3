/**
 * A libp2p stream as a ByteStream. What is handled here, because libp2p 3 (utils 7.4, yamux 8.0) does not:
 * - its iterators buffer without bound, so reading goes by events, with pause and resume;
 * - `pause()` within the dispatch of `resume()` is undone by the muxer, so it waits until resume is through;
 * - a lost connection looks like an end in order, so only a seen `remoteCloseWrite` counts as one;
 * - `onDrain()` resolves at once after the first drain, and `drain` alone does not mean that the buffer is empty.
 */

import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { PeerbinError, asPeerbinError } from '../errors.ts'
import type { ByteStream, SignalOptions } from '../interfaces.ts'
import { FRAME_BYTES_MAX } from '../protocol/limits.ts'
import { abortable, deadline, throwIfAborted } from '../runtime/deadline.ts'
import { systemClock } from '../runtime/clock.ts'
import type { PeerId } from '../types.ts'

/** The peer is asked to stop when so much waits for the reader; it may still send what the window allows (libp2p-node.ts). */
const READ_BUFFER_HIGH = FRAME_BYTES_MAX
/** Ending our side waits so long for a peer that does not read. */
const CLOSE_TIMEOUT_MS = 10_000

export class Libp2pStream implements ByteStream {
  readonly peer: PeerId
  readonly #stream: Stream
  readonly #queue: Uint8Array[] = []
  #queued = 0
  /** The peer ended its side in order; what it sent before may still wait. */
  #endSeen: boolean
  #closed = false
  #error: PeerbinError | undefined
  #resuming = false
  #reading: PromiseWithResolvers<void> | undefined
  #writing: PromiseWithResolvers<void> | undefined

  /** Call it in the same turn in which the stream was got, before anything can arrive unseen. */
  constructor(stream: Stream, peer: PeerId) {
    this.peer = peer
    this.#stream = stream
    this.#endSeen = stream.remoteWriteStatus === 'closed' && stream.status === 'open'
    stream.addEventListener('message', (event) => this.#onMessage(event))
    stream.addEventListener('remoteCloseWrite', () => {
      this.#endSeen = true
    })
    stream.addEventListener('end', () => this.#reading?.resolve())
    stream.addEventListener('drain', () => this.#onWritable())
    stream.addEventListener('idle', () => this.#onWritable())
    stream.addEventListener('close', (event) => this.#onClose(event))
    if (stream.status !== 'open') this.#fail(unreachable())
  }

  async write(bytes: Uint8Array, options: SignalOptions = {}): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += FRAME_BYTES_MAX) {
      throwIfAborted(options.signal)
      this.#throwIfFailed()
      try {
        this.#stream.send(bytes.subarray(at, at + FRAME_BYTES_MAX))
      } catch (error) {
        throw this.#error ?? unreachable(error)
      }
      if (!this.#flushed) await this.#untilFlushed(options.signal)
    }
  }

  async read(options: SignalOptions = {}): Promise<Uint8Array | undefined> {
    while (true) {
      throwIfAborted(options.signal)
      const piece = this.#queue.shift()
      if (piece !== undefined) {
        this.#queued -= piece.byteLength
        this.#maybeResume()
        return piece
      }
      if (this.#endSeen && this.#stream.readableEnded) return undefined
      this.#throwIfFailed()
      this.#maybeResume()
      if (this.#queued > 0 || this.#stream.readableEnded) continue
      if (this.#closed) return undefined
      this.#reading = Promise.withResolvers()
      await abortable(this.#reading.promise, options.signal)
    }
  }

  async closeWrite(): Promise<void> {
    if (this.#stream.writeStatus !== 'writable') return
    using limit = deadline(systemClock, CLOSE_TIMEOUT_MS)
    try {
      await this.#stream.close({ signal: limit.signal })
    } catch (error) {
      this.abort(unreachable(error))
      throw unreachable(error)
    }
  }

  abort(reason: Error): void {
    this.#fail(asPeerbinError(reason, 'peer-unreachable'))
    this.#stream.abort(reason)
  }

  /** Ends both sides when nobody reads any more: ours now, the peer's when it ends it, or by a reset after `limitMs`. */
  async finish(limitMs: number): Promise<void> {
    await this.closeWrite()
    if (this.#stream.status !== 'open') return
    const timer = systemClock.setTimer(
      limitMs,
      () => this.abort(new PeerbinError('peer-unreachable', 'the peer did not end its side')),
      { unref: true }
    )
    this.#stream.addEventListener('close', () => timer.cancel(), { once: true })
    while ((await this.read()) !== undefined) continue // nobody wants what still comes
  }

  get #flushed(): boolean {
    return !this.#stream.writableNeedsDrain && this.#stream.writeBufferLength === 0
  }

  async #untilFlushed(signal: AbortSignal | undefined): Promise<void> {
    while (!this.#flushed) {
      this.#throwIfFailed()
      if (this.#closed) throw unreachable()
      this.#writing ??= Promise.withResolvers()
      await abortable(this.#writing.promise, signal)
    }
  }

  #onMessage(event: StreamMessageEvent): void {
    if (this.#error !== undefined) return
    const { data } = event
    if (data instanceof Uint8Array) this.#queue.push(data)
    else for (const piece of data) if (piece.byteLength > 0) this.#queue.push(piece)
    this.#queued += data.byteLength
    this.#maybePause()
    this.#reading?.resolve()
  }

  #maybePause(): void {
    if (this.#resuming || this.#queued < READ_BUFFER_HIGH) return
    if (this.#stream.readStatus === 'readable' && this.#stream.status === 'open') this.#stream.pause()
  }

  #maybeResume(): void {
    if (this.#queued >= READ_BUFFER_HIGH / 2 || this.#stream.readStatus !== 'paused') return
    this.#resuming = true
    try {
      this.#stream.resume()
    } catch (error) {
      // the connection has gone; what had arrived was handed over before this was thrown
      if (!this.#endSeen) this.#fail(unreachable(error))
    } finally {
      this.#resuming = false
    }
    this.#maybePause()
  }

  #onWritable(): void {
    if (this.#writing === undefined || !this.#flushed) return
    const { resolve } = this.#writing
    this.#writing = undefined
    resolve()
  }

  #onClose(event: StreamCloseEvent): void {
    this.#closed = true
    // closed on both sides in order: what was sent before the end may still be read
    if (event.error === undefined && this.#endSeen) {
      this.#writing?.resolve()
      this.#reading?.resolve()
    } else {
      this.#fail(unreachable(event.error))
    }
  }

  #fail(error: PeerbinError): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#queue.length = 0
    this.#queued = 0
    // woken, they find the error
    this.#reading?.resolve()
    this.#writing?.resolve()
  }

  #throwIfFailed(): void {
    if (this.#error !== undefined) throw this.#error
  }
}

const unreachable = (cause?: unknown): PeerbinError =>
  new PeerbinError('peer-unreachable', '', cause === undefined ? {} : { cause })
