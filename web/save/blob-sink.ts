/** Collects a file in memory, and saves it once all of it is there. */

import type { Sink } from './sink.ts'

/** The browser has the file by then. */
const REVOKE_MS = 60_000
/** Pieces are handed to the browser's blob storage in lumps, which it may put on its disk. */
const LUMP_BYTES = 16 * 1024 * 1024

export function blobSink(name: string): Sink {
  let pieces: BlobPart[] = []
  let bytes = 0
  const lumps: Blob[] = []
  const gather = (): void => {
    lumps.push(new Blob(pieces))
    pieces = []
    bytes = 0
  }
  return {
    write: async (piece) => {
      pieces.push(piece)
      bytes += piece.byteLength
      if (bytes >= LUMP_BYTES) gather()
    },
    close: async () => {
      gather()
      const url = URL.createObjectURL(new Blob(lumps, { type: 'application/octet-stream' }))
      const anchor = document.createElement('a')
      anchor.href = url
      anchor.download = name
      anchor.click()
      setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS)
    },
    abort: async () => {
      pieces = []
      lumps.length = 0
    }
  }
}
