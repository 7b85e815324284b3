/** Which chunks the nodes hold, and at which generation: asked for some at a time. */

import type { HeldChunk } from '../../metadata-store.ts'
import { CHUNKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import type { ChunkId, ChunkInfo, PeerId, Receipt } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'

const NODES_AT_ONCE = 16

export interface AskedNode {
  readonly peer: PeerId
  readonly host: string
}

export interface HeldChunksDeps {
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly nodes: readonly AskedNode[]
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

export interface Held extends HeldChunk, Pick<ChunkInfo, 'sizeBytes'> {
  /** Those that hold it at that generation; they said so just now, which is worth a receipt. */
  readonly copies: Receipt[]
}

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
      const { message } = await deps.chunkRpc.call(node.peer, 'has', { ids: page }, options)
      for (const info of message.chunks) {
        if (info === null) continue
        const { id: chunk, generation, sizeBytes } = info
        const copy = { ...node, chunk, generation, boot: message.boot }
        const known = held.get(chunk)
        if (known === undefined || known.generation < generation)
          held.set(chunk, { chunk, generation, sizeBytes, copies: [copy] })
        else if (known.generation === generation) known.copies.push(copy)
      }
    })
  }
  return held
}
