/** Which chunks the nodes hold, and at which generation: asked for some at a time. */

import type { HeldChunk } from '../../metadata-store.ts'
import { CHUNKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import type { ChunkId, ChunkInfo, PeerId } from '../../types.ts'
import { inParallel } from '../in-parallel.ts'

const NODES_AT_ONCE = 16

export interface HeldChunksDeps {
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly nodes: readonly PeerId[]
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

export type Held = Pick<ChunkInfo, 'sizeBytes'> & HeldChunk

/**
 * Those of the chunks that any node holds, at the greatest generation that any node names. @throws when a node does not answer: a file would be taken for incomplete
 * because of that
 */
export async function heldChunks(
  deps: HeldChunksDeps,
  chunks: Iterable<ChunkId>
): Promise<Map<ChunkId, Held>> {
  const ids = [...new Set(chunks)]
  const held = new Map<ChunkId, Held>()
  for (let from = 0; from < ids.length; from += CHUNKS_PER_PAGE_MAX) {
    const page = ids.slice(from, from + CHUNKS_PER_PAGE_MAX)
    await inParallel(deps.nodes, NODES_AT_ONCE, async (node) => {
      const options = { timeoutMs: deps.timeoutMs, ...(deps.signal && { signal: deps.signal }) }
      const { message } = await deps.chunkRpc.call(node, 'has', { ids: page }, options)
      for (const info of message.chunks) {
        if (info === null) continue
        const known = held.get(info.id)
        if (known !== undefined && known.generation >= info.generation) continue
        held.set(info.id, { chunk: info.id, generation: info.generation, sizeBytes: info.sizeBytes })
      }
    })
  }
  return held
}
