import type {
  CopyRecord,
  MetadataStore,
  OwedChunk,
  PlacedChunkRecord,
  StoreStats
} from '../../metadata-store.ts'
import type { ChunkId, FileChunk, FileId, FileRecord, Generation, PeerId } from '../../types.ts'
import { usedSpace } from './space.ts'
import { byDigest, copiesOf, forgetChunk } from './state.ts'
import type { ChunkRow, State } from './state.ts'

export const getFile = (state: State, id: FileId): FileRecord | undefined =>
  structuredClone(state.files.get(id)?.record)

export function listFileChunks(
  state: State,
  id: FileId,
  from: number,
  limit: number
): Array<FileChunk & { index: number; copies: CopyRecord[] }> {
  const file = state.files.get(id)
  if (file?.record.state !== 'live') return []
  const page: Array<FileChunk & { index: number; copies: CopyRecord[] }> = []
  for (let index = Math.max(0, from); page.length < limit; index++) {
    const piece = file.pieces.get(index)
    const chunk = piece === undefined ? undefined : state.chunks.get(piece.chunk)
    if (piece === undefined || chunk === undefined) break
    const { chunk: chunkId, sizeBytes } = piece
    page.push({ index, id: chunkId, sizeBytes, generation: chunk.generation, copies: copiesOf(chunk) })
  }
  return page
}

const isReferenced = (chunk: ChunkRow): boolean => chunk.state === 'live' && chunk.refs > 0

const owedOf = (id: ChunkId, chunk: ChunkRow): OwedChunk => ({
  chunk: id,
  generation: chunk.generation,
  sizeBytes: chunk.sizeBytes,
  copies: copiesOf(chunk)
})

const placedOf = (id: ChunkId, chunk: ChunkRow): PlacedChunkRecord => ({
  ...owedOf(id, chunk),
  readAt: chunk.readAt,
  reads: chunk.reads
})

const pageOf = (state: State, after: ChunkId | undefined, limit: number, is: (chunk: ChunkRow) => boolean) =>
  [...state.chunks]
    .filter(
      ([id, chunk]) => isReferenced(chunk) && is(chunk) && (after === undefined || byDigest(id, after) > 0)
    )
    .toSorted(([a], [b]) => byDigest(a, b))
    .slice(0, limit)

export const listOwed = (
  state: State,
  copies: number,
  after: ChunkId | undefined,
  limit: number
): OwedChunk[] =>
  pageOf(state, after, limit, (chunk) => copiesOf(chunk).length < copies).map(([id, chunk]) =>
    owedOf(id, chunk)
  )

export const listChunks = (state: State, after: ChunkId | undefined, limit: number): PlacedChunkRecord[] =>
  pageOf(state, after, limit, () => true).map(([id, chunk]) => placedOf(id, chunk))

export function findChunk(state: State, id: ChunkId): PlacedChunkRecord | undefined {
  const chunk = state.chunks.get(id)
  return chunk !== undefined && isReferenced(chunk) ? placedOf(id, chunk) : undefined
}

export function dropCopy(
  state: State,
  lost: { peer: PeerId; chunk: ChunkId; generation: Generation; boot?: number }
): void {
  const chunk = state.chunks.get(lost.chunk)
  const copy = chunk?.copies.get(lost.peer)
  if (copy === undefined || copy.generation > lost.generation || copy.boot > (lost.boot ?? Infinity)) return
  chunk?.copies.delete(lost.peer)
  forgetChunk(state, lost.chunk)
}

export function trimCopy(
  state: State,
  { chunk: id, generation, peer, keep }: Parameters<MetadataStore['trimCopy']>[0]
): boolean {
  const chunk = state.chunks.get(id)
  if (chunk?.state !== 'live' || chunk.generation !== generation) return false
  if (keep.length === 0 || keep.some((kept) => kept.peer === peer)) return false
  const copies = copiesOf(chunk)
  const areKept = keep.every((kept) =>
    copies.some((copy) => copy.peer === kept.peer && copy.boot === kept.boot)
  )
  if (!areKept) return false
  if (chunk.copies.get(peer)?.generation === generation) chunk.copies.delete(peer)
  return true
}

export function noteReads(
  state: State,
  ids: readonly ChunkId[],
  { now, windowMs, stepMs }: { now: number; windowMs: number; stepMs: number }
): void {
  for (const id of ids) {
    const chunk = state.chunks.get(id)
    if (chunk?.state !== 'live') continue
    const ageMs = now - chunk.readAt
    if (ageMs < Math.min(stepMs, windowMs)) continue
    chunk.reads = ageMs < windowMs ? chunk.reads + 1 : 1
    chunk.readAt = now
  }
}

export function stats(state: State, copies: number): StoreStats {
  const files = [...state.files.values()].filter(({ record }) => record.state === 'live')
  const links = [...state.links.values()].map(({ record }) => record.state)
  const chunks = [...state.chunks.values()].filter((chunk) => chunk.state === 'live')
  const held = chunks.filter((chunk) => chunk.refs > 0).map((chunk) => copiesOf(chunk).length)
  return {
    files: files.length,
    fileBytes: files.reduce((sum, { record }) => sum + record.sizeBytes, 0),
    linksLive: links.filter((is) => is === 'live').length,
    uploadsOpen: [...state.uploads.values()].filter((upload) => upload.state === 'open').length,
    chunks: chunks.length,
    chunkBytes: chunks.reduce((sum, chunk) => sum + chunk.sizeBytes, 0),
    chunksOwed: held.filter((count) => count > 0 && count < copies).length,
    chunksWithoutCopy: held.filter((count) => count === 0).length,
    ordersPending: [...state.orders.values()].reduce((sum, orders) => sum + orders.size, 0),
    linksSuspended: links.filter((is) => is === 'suspended').length,
    spaceUsed: { anonymous: usedSpace(state, 'anonymous') }
  }
}
