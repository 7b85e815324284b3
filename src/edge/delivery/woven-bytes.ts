/** The bytes of a delivery, from those of the payload and those that are made here. */

import type { ZipSegment } from '../../bundle/zip-layout.ts'
import { PreparedBytes } from '../../client/file-reader.ts'
import type { FileReader } from '../../client/file-reader.ts'
import { PeerbinError } from '../../errors.ts'
import type { ByteRange } from '../../types.ts'
import type { Delivery } from './delivery.ts'

type ReadRequest = Parameters<FileReader['prepare']>[0]

/** Headers of archives and small files are gathered into pieces of this size: each piece is one write to the socket. */
const PIECE_BYTES = 16 * 1024

const NONE = new Uint8Array(0)

/**
 * The bytes of a range; resolves when the first of them are in hand. Whoever gets the generator must end it, or abort the request's signal. A piece is valid
 * until the next one is asked for.
 * @throws as FileReader.prepare
 */
export async function openDelivery(
  reader: FileReader,
  delivery: Delivery,
  range: ByteRange,
  request: Omit<ReadRequest, 'range'>
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  const start = delivery.payloadBefore(range.start)
  const end = delivery.payloadBefore(range.end)
  const segments = delivery.segments(range)
  // of a range without a byte of the payload nothing is read
  const payload = start < end ? await reader.prepare({ ...request, range: { start, end } }) : undefined
  if (segments === undefined) return payload ?? weave([], undefined)
  const woven = weave(segments, payload)
  // what has not begun does not end what it reads from either
  return new PreparedBytes(await woven.next(), woven)
}

/** Bytes of the payload in order, in parts as long as they are asked for. */
class Parts {
  readonly #pieces: AsyncGenerator<Uint8Array, void, undefined> | undefined
  #rest: Uint8Array = NONE

  constructor(pieces: AsyncGenerator<Uint8Array, void, undefined> | undefined) {
    this.#pieces = pieces
  }

  /** At least one byte, at most so many; valid until the next call. */
  async take(limitBytes: number): Promise<Uint8Array> {
    if (this.#rest.byteLength === 0) {
      const next = await this.#pieces?.next()
      if (next === undefined || next.done === true)
        throw new PeerbinError('internal', 'the payload ends before the archive that is made of it')
      this.#rest = next.value
    }
    const part = this.#rest.subarray(0, limitBytes)
    this.#rest = part.byteLength < this.#rest.byteLength ? this.#rest.subarray(part.byteLength) : NONE
    return part
  }

  async end(): Promise<void> {
    this.#rest = NONE
    await this.#pieces?.return()
  }
}

/** Takes in small ones, and hands them on together. */
class Gathered {
  readonly #bytes = new Uint8Array(PIECE_BYTES)
  #filled = 0

  get isFull(): boolean {
    return this.#filled === PIECE_BYTES
  }

  get isEmpty(): boolean {
    return this.#filled === 0
  }

  /** Says how many of the bytes it took. */
  add(bytes: Uint8Array): number {
    const part = bytes.subarray(0, PIECE_BYTES - this.#filled)
    this.#bytes.set(part, this.#filled)
    this.#filled += part.byteLength
    return part.byteLength
  }

  /** Valid until more is added. */
  handOver(): Uint8Array {
    const piece = this.#bytes.subarray(0, this.#filled)
    this.#filled = 0
    return piece
  }
}

async function* weave(
  segments: Iterable<ZipSegment>,
  pieces: AsyncGenerator<Uint8Array, void, undefined> | undefined
): AsyncGenerator<Uint8Array, void, undefined> {
  const payload = new Parts(pieces)
  const gathered = new Gathered()
  try {
    for (const segment of segments) {
      let left = segment.kind === 'made' ? segment.bytes.byteLength : segment.end - segment.start
      while (left > 0) {
        const part =
          segment.kind === 'made'
            ? segment.bytes.subarray(segment.bytes.byteLength - left)
            : await payload.take(left)
        left -= part.byteLength
        // what is large goes on as it is
        if (part.byteLength >= PIECE_BYTES) {
          if (!gathered.isEmpty) yield gathered.handOver()
          yield part
          continue
        }
        for (let at = 0; at < part.byteLength;) {
          at += gathered.add(part.subarray(at))
          if (gathered.isFull) yield gathered.handOver()
        }
      }
    }
    if (!gathered.isEmpty) yield gathered.handOver()
  } finally {
    await payload.end()
  }
}
