/** Whole streams of records: sealing any part of one, opening one as it arrives, and short texts (the index) at once. */

import { PeerbinError } from '../errors.ts'
import type { RecordCipher } from './record-cipher.ts'
import { DATA_BYTES, DELIMITER_BYTES, RECORD_BYTES, TAG_BYTES, recordsFor, sealedSize } from './scheme.ts'

/** Bytes that can be read anywhere: a file on a disk, or several one after the other. */
export interface PlainSource {
  readonly sizeBytes: number
  /** Exactly the bytes of [start, end); what it gives is not changed later. Rejects when the file has changed. */
  read(start: number, end: number): Promise<Uint8Array>
}

/**
 * Bytes [from, to) of the sealed stream, without those before: an upload that goes on seals only what is left. Reads the source once, in order; holds about
 * twice the part in memory.
 */
export async function sealPart(
  cipher: RecordCipher,
  source: PlainSource,
  from: number,
  to: number
): Promise<Uint8Array<ArrayBuffer>> {
  const sealedBytes = sealedSize(source.sizeBytes)
  if (from < 0 || to > sealedBytes || from > to)
    throw new PeerbinError('internal', 'a part outside the stream')
  const part = new Uint8Array(to - from)
  if (from === to) return part
  const first = Math.floor(from / RECORD_BYTES)
  const end = Math.ceil(to / RECORD_BYTES)
  const plain = await source.read(first * DATA_BYTES, Math.min(end * DATA_BYTES, source.sizeBytes))
  const last = recordsFor(source.sizeBytes) - 1
  const sealing = Array.from({ length: end - first }, async (_, i) => {
    const data = plain.subarray(i * DATA_BYTES, (i + 1) * DATA_BYTES)
    const sealed = await cipher.seal(first + i, data, first + i === last)
    const at = (first + i) * RECORD_BYTES
    const inside = sealed.subarray(Math.max(0, from - at), Math.min(sealed.byteLength, to - at))
    part.set(inside, Math.max(at, from) - from)
  })
  await Promise.all(sealing)
  return part
}

/** Records that are opened at once while a stream arrives: 512 KiB. */
const OPENED_AT_ONCE = 8

/**
 * The plain bytes of sealed ones as they arrive, in order, each piece verified before it is given out. Ends only behind the stream's last record.
 *
 * @param source the sealed stream from record `firstRecord` on; its iterator is closed when the reader stops
 * @throws `encrypted-damaged` for anything that was changed, moved, cut off or added
 */
export async function* openStream(
  cipher: RecordCipher,
  source: AsyncIterable<Uint8Array>,
  firstRecord = 0
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let next = firstRecord
  let ended = false
  const open = async (batch: Uint8Array<ArrayBuffer>): Promise<Array<Uint8Array<ArrayBuffer>>> => {
    const sealed = Array.from({ length: Math.ceil(batch.byteLength / RECORD_BYTES) }, (_, i) =>
      batch.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES)
    )
    const opened = await Promise.all(sealed.map((record, i) => cipher.open(next + i, record)))
    next += opened.length
    const cut = opened.findIndex(({ isLast }) => isLast)
    if (cut >= 0 && cut < opened.length - 1) throw new PeerbinError('encrypted-damaged')
    ended = cut >= 0
    return opened.map(({ data }) => data)
  }
  for await (const batch of inBatches(source, OPENED_AT_ONCE * RECORD_BYTES)) {
    if (ended) throw new PeerbinError('encrypted-damaged')
    yield* await open(batch)
  }
  if (!ended) throw new PeerbinError('encrypted-damaged')
}

/** Pieces gathered to batches of so many bytes, each in memory of its own; the last one has what is left. */
export async function* inBatches(
  source: AsyncIterable<Uint8Array>,
  batchBytes: number
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let batch = new Uint8Array(batchBytes)
  let filled = 0
  for await (const piece of source) {
    for (let used = 0; used < piece.byteLength;) {
      const part = piece.subarray(used, used + batchBytes - filled)
      batch.set(part, filled)
      filled += part.byteLength
      used += part.byteLength
      if (filled < batchBytes) continue
      yield batch
      batch = new Uint8Array(batchBytes)
      filled = 0
    }
  }
  if (filled > 0) yield batch.subarray(0, filled)
}

/** Sizes of short texts are rounded up to this, so that they say little about names. */
const TEXT_STEP_BYTES = 1024

/** Bytes of a sealed text of so many plain ones. */
export function sealedTextSize(plainBytes: number): number {
  const full = Math.floor(plainBytes / DATA_BYTES)
  const rest = plainBytes - full * DATA_BYTES
  const last = Math.ceil((rest + DELIMITER_BYTES + TAG_BYTES) / TEXT_STEP_BYTES) * TEXT_STEP_BYTES
  return full * RECORD_BYTES + last
}

/** Seals a short text (the index), padded. */
export async function sealText(cipher: RecordCipher, plain: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const sealed = new Uint8Array(sealedTextSize(plain.byteLength))
  const full = Math.floor(plain.byteLength / DATA_BYTES)
  for (let i = 0; i < full; i++)
    sealed.set(
      await cipher.seal(i, plain.subarray(i * DATA_BYTES, (i + 1) * DATA_BYTES), false),
      i * RECORD_BYTES
    )
  const rest = plain.subarray(full * DATA_BYTES)
  const room = sealed.byteLength - full * RECORD_BYTES - TAG_BYTES - DELIMITER_BYTES
  sealed.set(await cipher.seal(full, rest, true, room - rest.byteLength), full * RECORD_BYTES)
  return sealed
}

/** @throws `encrypted-damaged` */
export async function openText(cipher: RecordCipher, sealed: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Array<Uint8Array<ArrayBuffer>> = []
  for await (const piece of openStream(cipher, once(sealed))) pieces.push(piece)
  const text = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0))
  let at = 0
  for (const piece of pieces) {
    text.set(piece, at)
    at += piece.byteLength
  }
  return text
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
