/** Small pieces together: each piece that is handed on is one write to a socket. */

const PIECE_BYTES = 16 * 1024

/** The same bytes; pieces of less than 16 KiB are gathered up to that. A piece is valid until the next one is asked for. */
export async function* gathered(
  source: AsyncIterable<Uint8Array>
): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = new Uint8Array(PIECE_BYTES)
  let filled = 0
  for await (const piece of source) {
    if (piece.byteLength >= PIECE_BYTES) {
      if (filled > 0) yield bytes.subarray(0, filled)
      filled = 0
      yield piece
      continue
    }
    for (let at = 0; at < piece.byteLength;) {
      const part = piece.subarray(at, at + PIECE_BYTES - filled)
      bytes.set(part, filled)
      filled += part.byteLength
      at += part.byteLength
      if (filled < PIECE_BYTES) continue
      yield bytes
      filled = 0
    }
  }
  if (filled > 0) yield bytes.subarray(0, filled)
}
