/** Which copy of a chunk is made next: from where, to where. Pure. */

import { rankNodes } from '../cluster/placement.ts'
import type { OwedChunk } from '../metadata-store.ts'
import type { ChunkId, Generation, Member, PeerId } from '../types.ts'

export interface CopyPlan {
  chunk: ChunkId
  generation: Generation
  from: PeerId
  to: PeerId
}

/** Spreads reading over the holders: chunk ids are uniform, and their last characters but one are all of the digest. */
const spread = (chunk: ChunkId, count: number): number => (chunk.codePointAt(chunk.length - 2) ?? 0) % count

/**
 * Holders that can be read from. Those that gave their receipt in their present life come first: the others restarted since, and most likely still
 * hold it, but it is they who may turn out not to.
 */
function sourcesOf(owed: OwedChunk, members: readonly Member[]): PeerId[] {
  const active = new Map(
    members.filter((member) => member.liveness === 'active').map((member) => [member.peer, member])
  )
  const readable = owed.copies.filter((copy) => copy.generation === owed.generation && active.has(copy.peer))
  const sure = readable.filter((copy) => active.get(copy.peer)?.boot === copy.boot)
  return (sure.length > 0 ? sure : readable).map((copy) => copy.peer)
}

/**
 * The next copy to make of a chunk, or undefined when there is nobody to read from or to write to. One that is down still counts as a holder: its
 * copies come back with it, and replacing them is repair's decision, not this one's.
 *
 * @param members everybody who is known; judges for itself who is fit
 */
export function planCopy(owed: OwedChunk, members: readonly Member[]): CopyPlan | undefined {
  const sources = sourcesOf(owed, members)
  const from = sources[spread(owed.chunk, Math.max(1, sources.length))]
  if (from === undefined) return undefined
  const holders = new Set(owed.copies.map((copy) => copy.peer))
  const usedHosts = new Set(owed.copies.map((copy) => copy.host))
  const ranked = rankNodes(owed.chunk, members, { sizeBytes: owed.sizeBytes, exclude: holders })
  const to = ranked.find((member) => !usedHosts.has(member.host)) ?? ranked[0]
  if (to === undefined) return undefined
  return { chunk: owed.chunk, generation: owed.generation, from, to: to.peer }
}
