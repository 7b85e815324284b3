/** The one message that is not text: bytes of a file. */

import { PeerbinError } from '../../errors.ts'

const VERSION = 1
/** Version (u8), channel (u32), offset (u64), all big endian. */
export const CHUNK_HEADER_BYTES = 13

export interface WriteChunk {
  readonly channel: number
  /** Of the first byte in the file. */
  readonly offset: number
  /** At least one. */
  readonly bytes: Uint8Array
}

/** @throws `bad-request` for what is none; only somebody who speaks another protocol sends that */
export function decodeChunk(frame: Buffer): WriteChunk {
  if (frame.byteLength <= CHUNK_HEADER_BYTES || frame.readUInt8(0) !== VERSION)
    throw new PeerbinError(
      'bad-request',
      'A binary frame is a write-chunk: version 1, channel, offset, bytes.'
    )
  const offset = frame.readBigUInt64BE(5)
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new PeerbinError('bad-request', 'No file is so long.')
  return {
    channel: frame.readUInt32BE(1),
    offset: Number(offset),
    bytes: frame.subarray(CHUNK_HEADER_BYTES)
  }
}
