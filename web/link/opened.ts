/** Plain bytes of an encrypted payload: any range of them, each record verified before a byte of it is given out. */

import { crc32 } from '../../src/bundle/crc32.ts'
import { entryRanges } from '../../src/bundle/index.ts'
import type { BundleIndex } from '../../src/bundle/index.ts'
import { ZipLayout } from '../../src/bundle/zip-layout.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { RecordCipher } from '../../src/encryption/record-cipher.ts'
import { DATA_BYTES, RECORD_BYTES, recordsFor, sealedSize } from '../../src/encryption/scheme.ts'
import { inBatches } from '../../src/encryption/streams.ts'

export type Bytes = Uint8Array<ArrayBuffer>
export type Pieces = AsyncGenerator<Bytes, void, undefined>

/** Opened at once: 512 KiB. */
const BATCH_RECORDS = 8

export interface SealedPayload {
  readonly cipher: RecordCipher
  /** Of all files. */
  readonly plainBytes: number
  /** Bytes [start, end) as the server has them. */
  readonly read: (start: number, end: number) => AsyncIterable<Uint8Array>
}

const damaged = (): PeerbinError => new PeerbinError('encrypted-damaged')

/** Bytes [start, end) of the plain payload. @throws `encrypted-damaged`, and what reading does */
export async function* plainRange(
  { cipher, plainBytes, read }: SealedPayload,
  start: number,
  end: number
): Pieces {
  if (start >= end) return
  const firstRecord = Math.floor(start / DATA_BYTES)
  const endRecord = Math.ceil(end / DATA_BYTES)
  const sealedEnd = Math.min(endRecord * RECORD_BYTES, sealedSize(plainBytes))
  const lastOfAll = recordsFor(plainBytes) - 1
  let next = firstRecord
  for await (const batch of inBatches(
    read(firstRecord * RECORD_BYTES, sealedEnd),
    Math.min(sealedEnd - firstRecord * RECORD_BYTES, BATCH_RECORDS * RECORD_BYTES)
  )) {
    const records = Array.from({ length: Math.ceil(batch.byteLength / RECORD_BYTES) }, (_, i) =>
      batch.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES)
    )
    const first = next
    next += records.length
    const opened = await Promise.all(records.map((record, i) => cipher.open(first + i, record)))
    for (const [i, { data, isLast }] of opened.entries()) {
      const at = (first + i) * DATA_BYTES
      const length = Math.min(DATA_BYTES, plainBytes - at)
      if (isLast !== (first + i === lastOfAll) || data.byteLength !== length) throw damaged()
      const piece = data.subarray(Math.max(0, start - at), Math.min(length, end - at))
      if (piece.byteLength > 0) yield piece
    }
  }
  if (next !== endRecord) throw damaged()
}

/** One file of a payload; its checksum is right when it ends. */
export async function* entryBytes(payload: SealedPayload, index: BundleIndex, at: number): Pieces {
  const entry = index.entries[at]
  const range = entryRanges(index)[at]
  if (entry === undefined || range === undefined) throw damaged()
  let crc = 0
  for await (const piece of plainRange(payload, range.start, range.end)) {
    crc = crc32(piece, crc)
    yield piece
  }
  if (crc !== entry.crc32) throw damaged()
}

/** All files as a zip: its bytes in order, made around those of the payload. */
export async function* zipBytes(payload: SealedPayload, index: BundleIndex): Pieces {
  const zip = new ZipLayout(index)
  const plain = new Taker(plainRange(payload, 0, payload.plainBytes))
  // files without bytes have no segment
  const crcs = index.entries.filter(({ sizeBytes }) => sizeBytes > 0).map((entry) => entry.crc32)
  let file = 0
  try {
    for (const segment of zip.segments(0, zip.sizeBytes)) {
      if (segment.kind === 'made') {
        yield new Uint8Array(segment.bytes)
        continue
      }
      let crc = 0
      for await (const piece of plain.take(segment.end - segment.start)) {
        crc = crc32(piece, crc)
        yield piece
      }
      if (crc !== crcs[file++]) throw damaged()
    }
    await plain.end()
  } finally {
    await plain.close()
  }
}

/** Takes so many bytes at a time of a stream. */
class Taker {
  readonly #pieces: Pieces
  #rest: Bytes = new Uint8Array(0)

  constructor(pieces: Pieces) {
    this.#pieces = pieces
  }

  async *take(count: number): Pieces {
    for (let left = count; left > 0;) {
      if (this.#rest.byteLength === 0) {
        const { done, value } = await this.#pieces.next()
        if (done === true) throw damaged()
        this.#rest = value
      }
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.byteLength)
      left -= piece.byteLength
      yield piece
    }
  }

  /** Nothing may be left, and the stream has to have ended well. */
  async end(): Promise<void> {
    const { done } = await this.#pieces.next()
    if (done !== true || this.#rest.byteLength > 0) throw damaged()
  }

  async close(): Promise<void> {
    await this.#pieces.return()
  }
}
