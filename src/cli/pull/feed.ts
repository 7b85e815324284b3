/** How what a server sends becomes bytes of the payload: as it is, out of an archive, or decrypted. */

import type { RecordCipher } from '../../encryption/record-cipher.ts'
import { DATA_BYTES, RECORD_BYTES, sealedSize } from '../../encryption/scheme.ts'
import { openStream } from '../../encryption/streams.ts'
import { PeerbinError } from '../../errors.ts'
import { lengthOf, placeOf } from './layout.ts'
import type { Layout } from './layout.ts'

export interface Feed {
  /** Of all that the server has to send. */
  readonly sizeBytes: number
  /** From where to ask, to go on at a position of the payload. */
  start(payloadAt: number): number
  /** Bytes of the payload from `payloadAt` on, verified as far as they can be. @param body what the server sends, from `start(payloadAt)` on */
  read(body: AsyncIterable<Uint8Array>, payloadAt: number): AsyncIterable<Uint8Array>
}

/** A plain file, or the archive of a bundle, whose every byte that is not payload is known before. */
export const layoutFeed = (layout: Layout): Feed => ({
  sizeBytes: layout.sizeBytes,
  start: (payloadAt) => placeOf(layout, payloadAt),
  read: (body, payloadAt) => readLayout(layout, body, placeOf(layout, payloadAt))
})

/** Bytes of the payload in a file that is given from `start` on. @throws `index-invalid` when it is another file than the layout says */
export async function* readLayout(
  layout: Layout,
  body: AsyncIterable<Uint8Array>,
  start: number
): AsyncGenerator<Uint8Array, void, undefined> {
  const segments = layout.segments(start, layout.sizeBytes)
  let next = segments.next()
  let used = 0
  for await (const piece of body) {
    for (let at = 0; at < piece.byteLength;) {
      if (next.done === true)
        throw new PeerbinError('protocol-violation', 'the server sent more bytes than there are')
      const part = piece.subarray(at, at + lengthOf(next.value) - used)
      if (next.value.kind === 'payload') yield part
      else if (Buffer.compare(part, next.value.bytes.subarray(used, used + part.byteLength)) !== 0)
        throw new PeerbinError('index-invalid', 'the archive is not what the list of its files says')
      at += part.byteLength
      used += part.byteLength
      if (used < lengthOf(next.value)) continue
      next = segments.next()
      used = 0
    }
  }
}

/** An encrypted payload: it is asked for from the beginning of a record on. */
export const sealedFeed = (cipher: RecordCipher, payloadBytes: number): Feed => ({
  sizeBytes: sealedSize(payloadBytes),
  start: (payloadAt) => Math.floor(payloadAt / DATA_BYTES) * RECORD_BYTES,
  read: (body, payloadAt) => readSealed(cipher, body, payloadAt, payloadBytes)
})

/**
 * Each record is verified before a byte of it is given out, and the last bytes wait until the stream has ended as it should. What came whole before a break is not
 * lost.
 */
async function* readSealed(
  cipher: RecordCipher,
  body: AsyncIterable<Uint8Array>,
  payloadAt: number,
  payloadBytes: number
): AsyncGenerator<Uint8Array, void, undefined> {
  const first = Math.floor(payloadAt / DATA_BYTES)
  let skip = payloadAt - first * DATA_BYTES
  let at = payloadAt
  let last: Uint8Array | undefined
  const broken: { error?: unknown } = {}
  try {
    for await (const piece of openStream(cipher, wholeRecords(body, broken), first)) {
      const rest = piece.subarray(skip)
      skip -= piece.byteLength - rest.byteLength
      at += rest.byteLength
      if (at >= payloadBytes) last ??= rest
      else if (rest.byteLength > 0) yield rest
    }
    if (last !== undefined) yield last
  } catch (error) {
    // a stream that broke off has no end: that it was the line, and not the stream, is known here only
    throw 'error' in broken ? broken.error : error
  }
}

/** Of a body that breaks, what makes whole records; why it broke is noted, and the end is quiet. */
async function* wholeRecords(
  body: AsyncIterable<Uint8Array>,
  broken: { error?: unknown }
): AsyncGenerator<Uint8Array, void, undefined> {
  let pending = new Uint8Array(RECORD_BYTES)
  let filled = 0
  try {
    for await (const piece of body) {
      for (let at = 0; at < piece.byteLength;) {
        const part = piece.subarray(at, at + RECORD_BYTES - filled)
        pending.set(part, filled)
        at += part.byteLength
        filled += part.byteLength
        if (filled < RECORD_BYTES) continue
        yield pending
        pending = new Uint8Array(RECORD_BYTES)
        filled = 0
      }
    }
  } catch (error) {
    broken.error = error
    return
  }
  if (filled > 0) yield pending.subarray(0, filled)
}
