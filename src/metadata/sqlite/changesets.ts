/** Several changesets of SQLite as one piece: each with its length before it, unsigned, 4 bytes, big-endian. They are applied one after the other. */

import { PeerbinError } from '../../errors.ts'

const LENGTH_BYTES = 4

export function joinChangesets(changesets: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    changesets.flatMap((changeset) => {
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUInt32BE(changeset.byteLength)
      return [length, changeset]
    })
  )
}

/** @throws `data-incompatible` when the piece does not end with a changeset */
export function* splitChangesets(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
  const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
  for (let at = 0; at < bytes.byteLength;) {
    const start = at + LENGTH_BYTES
    const end = start <= bytes.byteLength ? start + bytes.readUInt32BE(at) : Infinity
    if (end > bytes.byteLength) throw new PeerbinError('data-incompatible', 'changes are cut off')
    yield bytes.subarray(start, end)
    at = end
  }
}
