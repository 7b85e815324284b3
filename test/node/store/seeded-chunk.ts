import { chunkIdOf } from '../../../src/protocol/ids.ts'
import type { ChunkId } from '../../../src/types.ts'

/** The chunk of a number: the same in every process. Sizes from one byte to 1 MiB. */
export function seededChunk(seed: number): { id: ChunkId; bytes: Uint8Array } {
  const bytes = Buffer.alloc(1 + ((seed * 7919 * 131) % (1024 * 1024)), seed & 0xff)
  bytes.write(String(seed).slice(0, bytes.byteLength))
  return { id: chunkIdOf(bytes), bytes }
}
