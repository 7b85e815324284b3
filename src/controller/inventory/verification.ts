/** Asks nodes about single chunks, where waiting for their whole inventory would be too long: a commit waits. */

import type { Membership } from '../../cluster/membership.ts'
import type { Logger } from '../../interfaces.ts'
import type { OwedChunk } from '../../metadata-store.ts'
import type { ChunkId, Member, PeerId } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import { checkRecorded } from './holdings.ts'
import type { HoldingsDeps, RecordedCopy } from './holdings.ts'

/** Nodes asked at once. */
const NODES_AT_ONCE = 8

export interface VerificationDeps extends HoldingsDeps {
  membership: Membership
  logger: Logger
  onLost: (chunks: readonly ChunkId[]) => void
  /** A node did not answer, or not to all: its inventory has to be compared. */
  onDoubt: (peer: PeerId) => void
}

/** Copies whose node lives, but started again since it gave its receipt. Pure. */
export function unsureCopies(
  chunks: readonly OwedChunk[],
  members: readonly Member[]
): Array<{ node: Member; copies: RecordedCopy[] }> {
  return members
    .filter((member) => member.liveness === 'active' && member.roles.includes('node'))
    .flatMap((node) => {
      const copies = chunks.flatMap(({ chunk, copies: all }) =>
        all
          .filter(({ peer, boot }) => peer === node.peer && boot !== node.boot)
          .map(({ generation, boot }) => ({ chunk, generation, boot }))
      )
      return copies.length === 0 ? [] : [{ node, copies }]
    })
}

/** Resolves when the nodes have answered, or could not; what they said is recorded then. */
export async function verifyCopies(
  deps: VerificationDeps,
  chunks: readonly OwedChunk[],
  inventory: number,
  signal: AbortSignal
): Promise<void> {
  const unsure = unsureCopies(chunks, deps.membership.all())
  await inParallel(unsure, NODES_AT_ONCE, async ({ node: { peer, host, boot }, copies }) => {
    try {
      const lost = await checkRecorded(deps, { peer, host, boot, inventory }, copies, signal)
      if (lost.length > 0) deps.onLost(lost)
    } catch (error) {
      if (signal.aborted) return
      deps.logger.debug('a node could not be asked about its copies', { peer, err: error })
      deps.onDoubt(peer)
    }
  })
}
