/** Chunks for tests of the daemon, and the put of one. */

import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import type { BodySource, RpcCaller } from '../../src/protocol/rpc.ts'
import type { ChunkId, Generation, PeerId } from '../../src/types.ts'

export interface SomeChunk {
  id: ChunkId
  bytes: Uint8Array
}

let made = 0

/** A chunk like no other; default 1.5 MiB, so that it has several frames and memory that is used again. */
export function someChunk(sizeBytes = 1536 * 1024): SomeChunk {
  const seed = ++made
  // 251 is prime, so that no frame is like another
  const pattern = Uint8Array.from({ length: 251 }, (_, i) => (i * 31 + seed * 17) % 256)
  const bytes = new Uint8Array(Buffer.alloc(sizeBytes, pattern))
  new DataView(bytes.buffer).setUint32(0, seed)
  return { id: chunkIdOf(bytes), bytes }
}

export const generation = (value: number): Generation => value as Generation

type PutOptions = Partial<Omit<RequestOf<ChunkMessages, 'put'>, 'id'>> & {
  pieces?: BodySource['pieces']
  timeoutMs?: number
}

/** Puts with three copies wanted and two of them on two hosts before the answer, unless said otherwise. */
export async function putChunk(
  from: { chunkRpc: RpcCaller<ChunkMessages> },
  to: { peer: PeerId },
  chunk: SomeChunk,
  options: PutOptions = {}
): Promise<ResponseOf<ChunkMessages, 'put'>> {
  const { pieces = [chunk.bytes], timeoutMs = 20_000, ...fields } = options
  const message = {
    id: chunk.id,
    generation: generation(1),
    copies: 3,
    copiesMin: 2,
    hostsMin: 2,
    targets: [],
    ...fields
  }
  const body = { sizeBytes: chunk.bytes.byteLength, pieces }
  return (await from.chunkRpc.call(to.peer, 'put', message, { body, timeoutMs })).message
}
