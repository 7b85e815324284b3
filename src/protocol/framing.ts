/** Headers and bodies on a byte stream. Nothing is allocated for a length before it was checked, nor for bytes that have not arrived. */

import { PeerbinError } from '../errors.ts'
import type { ByteStream } from '../interfaces.ts'
import { LengthDecoder, violation } from './codec.ts'
import { FRAME_BYTES_MAX } from './limits.ts'
import type { BodySource } from './rpc.ts'

/** Reads one side of a stream. One call at a time. Deadlines are the caller's: an aborted stream makes the calls here reject. */
export class FrameReader {
  readonly #stream: ByteStream
  /** Bytes that arrived and were not taken yet. */
  #rest: Uint8Array = new Uint8Array(0)
  /** A read that was started to look ahead; the next one takes its outcome. */
  #ahead: Promise<Uint8Array | undefined> | undefined
  #ended = false

  constructor(stream: ByteStream) {
    this.#stream = stream
  }

  /** The map's bytes of the next header; undefined when the peer ended its side before it. @throws `protocol-violation` */
  async header(): Promise<Uint8Array | undefined> {
    const length = await this.#length()
    if (length === undefined) return undefined
    if (this.#rest.byteLength >= length) return this.#take(length)
    // pieces are kept as they arrive: a peer that only announces bytes costs none
    const pieces: Uint8Array[] = []
    for (let missing = length; missing > 0;) {
      const piece = await this.#some(missing)
      pieces.push(piece)
      missing -= piece.byteLength
    }
    return Buffer.concat(pieces, length)
  }

  /** The next `size` bytes, each copied once, into the start of `target`. */
  async readInto(target: Uint8Array, size: number, onProgress?: (filled: number) => void): Promise<void> {
    if (target.byteLength < size) throw new PeerbinError('internal', 'the memory for a body is too small')
    for (let filled = 0; filled < size;) {
      const piece = await this.#some(size - filled)
      target.set(piece, filled)
      filled += piece.byteLength
      onProgress?.(filled)
    }
  }

  /** Drops the next `size` bytes. */
  async skip(size: number): Promise<void> {
    for (let missing = size; missing > 0;) missing -= (await this.#some(missing)).byteLength
  }

  /**
   * Reads ahead by one piece, so that the end of the stream is noticed while nobody reads. `onSettled` is told of its outcome: an error when the stream
   * broke, nothing when bytes or the peer's end came (which stay for the next call). Without effect while bytes are waiting.
   */
  lookAhead(onSettled: (error?: Error) => void): void {
    if (this.#rest.byteLength > 0 || this.#ended) return
    this.#ahead ??= this.#stream.read()
    this.#ahead.then(
      () => onSettled(),
      (error: unknown) => onSettled(error instanceof Error ? error : new PeerbinError('peer-unreachable'))
    )
  }

  async #length(): Promise<number | undefined> {
    const decoder = new LengthDecoder()
    for (let first = true; ; first = false) {
      if (!(await this.#fill())) {
        if (first) return undefined
        throw violation('the stream ended inside a header')
      }
      const length = decoder.push(this.#rest[0] ?? 0)
      this.#rest = this.#rest.subarray(1)
      if (length !== undefined) return length
    }
  }

  /** At least one byte and at most `most`. */
  async #some(most: number): Promise<Uint8Array> {
    if (!(await this.#fill())) throw violation('the stream ended inside a message')
    return this.#take(Math.min(most, this.#rest.byteLength))
  }

  #take(size: number): Uint8Array {
    const taken = this.#rest.subarray(0, size)
    this.#rest = this.#rest.subarray(size)
    return taken
  }

  /** Makes sure that a byte waits; false at the peer's end. */
  async #fill(): Promise<boolean> {
    while (this.#rest.byteLength === 0) {
      if (this.#ended) return false
      const read = this.#ahead ?? this.#stream.read()
      this.#ahead = undefined
      const piece = await read
      if (piece === undefined) this.#ended = true
      else this.#rest = piece
    }
    return true
  }
}

/**
 * Writes exactly the bytes that were announced, in pieces of at most FRAME_BYTES_MAX; `onWritten` is told how many were handed over by now.
 * @throws `internal` when the source gives more or fewer, and what the source throws
 */
export async function writeBody(
  stream: ByteStream,
  body: BodySource,
  onWritten?: (written: number) => void
): Promise<void> {
  let written = 0
  for await (const piece of body.pieces) {
    if (written + piece.byteLength > body.sizeBytes) throw wrongSize()
    for (let at = 0; at < piece.byteLength; at += FRAME_BYTES_MAX) {
      const frame = piece.subarray(at, at + FRAME_BYTES_MAX)
      await stream.write(frame)
      written += frame.byteLength
      onWritten?.(written)
    }
  }
  if (written !== body.sizeBytes) throw wrongSize()
}

const wrongSize = (): PeerbinError =>
  new PeerbinError('internal', 'a body did not have the size that was announced')
