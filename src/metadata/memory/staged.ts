import type { SpaceKey } from '../../metadata-store.ts'
import type { ChunkId } from '../../types.ts'
import { blocksOf } from './space.ts'
import type { Piece, State } from './state.ts'

/** Staged blocks of a space that are among these pieces. */
export function releaseStaged(
  state: State,
  space: SpaceKey,
  pieces: ReadonlyMap<number, Piece>,
  { from, limit }: { from: number; limit: number }
): number {
  const blocks = blocksOf(state, space)
  let count = 0
  for (const [index, { chunk }] of pieces) {
    if (index < from || index >= from + limit || blocks.get(chunk)?.isStaged !== true) continue
    letGo(state, space, chunk)
    count++
  }
  return count
}

/** Of one block, staged or not. */
export function letGo(state: State, space: SpaceKey, id: ChunkId): void {
  blocksOf(state, space).delete(id)
  const chunk = state.chunks.get(id)
  if (chunk !== undefined) chunk.refs--
}
