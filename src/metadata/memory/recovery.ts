import { PeerbinError } from '../../errors.ts'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import type { AdoptFile, CopyRecord } from '../../metadata-store.ts'
import type { ChunkId, FileRecord, Generation, PeerId } from '../../types.ts'
import { isLinkKnown } from './state.ts'
import { addLink } from './uploads.ts'
import { adoptVersion } from './versions.ts'
import type { ChunkRow, Piece, State } from './state.ts'

type AdoptedChunk = AdoptFile['chunks'][number]

export function adoptFile(state: State, { file, manifest, chunks, link, entry }: AdoptFile): boolean {
  if (state.files.has(file.id) || (link !== undefined && isLinkKnown(state, link))) return false
  const all = [manifest, ...chunks]
  if (all.some(({ id, sizeBytes }) => hasOtherSize(state, id, sizeBytes)))
    throw new PeerbinError('upload-conflict')
  const pieces = new Map<number, Piece>()
  for (const [i, each] of all.entries()) {
    const { generation } = adoptChunk(state, each)
    pieces.set(MANIFEST_INDEX + i, { chunk: each.id, sizeBytes: each.sizeBytes, generation })
  }
  const isRevoked = link?.state === 'revoked'
  const { indexBytes = 0, encryption = null } = file
  const record: FileRecord = {
    ...structuredClone(file),
    indexBytes,
    encryption,
    chunkCount: chunks.length,
    manifest: manifest.id,
    state: 'live'
  }
  if (entry !== undefined) adoptVersion(state, entry, record)
  const versions = Number(entry !== undefined)
  state.files.set(file.id, {
    record,
    space: entry === undefined ? 'anonymous' : `user:${entry.user}`,
    isCounted: true,
    graced: 0,
    pieces,
    links: versions + Number(link !== undefined && !isRevoked),
    linkRows: versions + Number(link !== undefined)
  })
  if (link === undefined) return true
  const row = addLink(state, link, { file: file.id, now: file.uploadedAt })
  row.record.state = link.state
  if (isRevoked) row.endedAt = Math.max(state.time, link.expiresAt)
  return true
}

function hasOtherSize(state: State, id: ChunkId, sizeBytes: number): boolean {
  const known = state.chunks.get(id)
  return known?.state === 'live' && known.sizeBytes !== sizeBytes
}

/** One more reference on the chunk; one that is not live lives on at the greatest generation that is known of it. */
function adoptChunk(state: State, { id, sizeBytes, generation }: AdoptedChunk): ChunkRow {
  const known = state.chunks.get(id)
  if (known?.state === 'live') {
    known.refs++
    return known
  }
  const chunk: ChunkRow = {
    generation: Math.max(generation, known?.generation ?? 0) as Generation,
    state: 'live',
    refs: 1,
    sizeBytes,
    copies: known?.copies ?? new Map<PeerId, CopyRecord>(),
    readAt: state.time,
    reads: 0
  }
  state.chunks.set(id, chunk)
  state.generation = Math.max(state.generation, chunk.generation) as Generation
  // this life is not a new one: orders for it would delete what was just made known
  for (const orders of state.orders.values()) {
    if ((orders.get(id) ?? 0) >= chunk.generation) orders.delete(id)
  }
  return chunk
}

export const knownChunks = (state: State, ids: readonly ChunkId[]): ChunkId[] =>
  ids.filter((id) => {
    const chunk = state.chunks.get(id)
    return chunk?.state === 'live' && chunk.refs > 0
  })

export const orderedChunks = (state: State, peer: PeerId, ids: readonly ChunkId[]): ChunkId[] =>
  ids.filter((id) => state.orders.get(peer)?.has(id) === true)
