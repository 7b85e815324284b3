/** A ByteStream that gives what it was made of, and keeps what is written. */

import type { ByteStream } from '../../src/interfaces.ts'
import type { PeerId } from '../../src/types.ts'

export interface ScriptedStream extends ByteStream {
  readonly written: Uint8Array[]
  readonly reads: () => number
}

export function byteStreamOf(pieces: readonly Uint8Array[]): ScriptedStream {
  const waiting = pieces.filter((piece) => piece.byteLength > 0)
  const written: Uint8Array[] = []
  let reads = 0
  return {
    peer: '12D3KooWQ7L2WGSUSQ6c3fWVUBxMoE8sLfGAAn6pHQ6F2PF8YB9B' as PeerId,
    written,
    reads: () => reads,
    async read() {
      reads++
      return waiting.shift()
    },
    async write(bytes) {
      written.push(bytes)
    },
    async closeWrite() {},
    abort() {}
  }
}
