/** Turns the old controller away, in case it is not lost after all: before anything is read that it could still add to. */

import { hasCode, PeerbinError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Logger, Random, SnapshotName } from '../../interfaces.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import type { PeerId, Term } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import { TERM_STEP, nextTermBlock } from './renewal.ts'

const NODES_AT_ONCE = 16
/** Terms are counted from 1: no node has this. An order to drop it does nothing but tell the node of the term, durably. */
const NO_PIECE: SnapshotName = { term: 0 as Term, base: 0, kind: 'base', sequence: 0, part: 0, parts: 1 }

/** In the next block, and nowhere certain in it: two recoveries that never hear of each other must not lead in the same term. */
export const newTerm = (greatest: Term, random: Random): Term =>
  (nextTermBlock(greatest) + Math.floor(random.fraction() * (TERM_STEP / 2))) as Term

export interface FenceDeps {
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly timeoutMs: number
  readonly logger: Logger
  readonly signal: AbortSignal | undefined
}

/**
 * From now on the nodes obey nobody below `term`, over their restarts too: whoever leads in an older one finds out with its next note or order. Answers those that could not be told.
 * @throws `refusal` when a node has heard of a greater term: another recovery is under way, or has ended
 */
export async function fenceNodes(
  { chunkRpc, timeoutMs, logger, signal }: FenceDeps,
  nodes: readonly PeerId[],
  term: Term,
  refusal: ErrorCode
): Promise<PeerId[]> {
  const open: PeerId[] = []
  await inParallel(nodes, NODES_AT_ONCE, async (node) => {
    try {
      const options = { timeoutMs, ...(signal && { signal }) }
      await chunkRpc.call(node, 'dropSnapshots', { term, names: [NO_PIECE] }, options)
    } catch (error) {
      signal?.throwIfAborted()
      if (hasCode(error, 'term-stale'))
        throw new PeerbinError(refusal, `The node ${node} has just heard of another controller.`, {
          cause: error
        })
      logger.warn('a node cannot be told that the old controller is lost', { node, err: error })
      open.push(node)
    }
  })
  return open
}
