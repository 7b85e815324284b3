import { PeerbinError } from '../../errors.ts'
import type { BlockRecords, CommittedVersion, SpaceKey } from '../../metadata-store.ts'
import type { ChunkId, FileId } from '../../types.ts'
import { byDigest, byText, copiesOf } from './state.ts'
import { letGo, releaseStaged } from './staged.ts'
import type { BlockRow, State } from './state.ts'
import { blocksOf, usedSpace } from './space.ts'
import { addReference, isLacking, openRow } from './uploads.ts'

type Request<Name extends keyof BlockRecords> = Parameters<BlockRecords[Name]>[0]
type Answer<Name extends keyof BlockRecords> = Awaited<ReturnType<BlockRecords[Name]>>

const keep = (row: BlockRow, expiresAt: number): void => {
  row.expiresAt = Math.max(row.expiresAt, expiresAt)
}

export function reserveBlock(state: State, request: Request<'reserveBlock'>): Answer<'reserveBlock'> {
  const { space, chunk: id, sizeBytes, bytesMax, blocksMax, expiresAt } = request
  const blocks = blocksOf(state, space)
  const known = blocks.get(id)
  const live = state.chunks.get(id)
  if (known !== undefined) {
    if (known.sizeBytes !== sizeBytes) throw new PeerbinError('upload-conflict')
    keep(known, expiresAt)
  } else {
    if (blocks.size >= blocksMax) throw new PeerbinError('blocks-full')
    if (bytesMax !== undefined && usedSpace(state, space) + sizeBytes > bytesMax)
      throw new PeerbinError('space-full')
    if (live?.state === 'live' && live.sizeBytes !== sizeBytes) throw new PeerbinError('upload-conflict')
  }
  const chunk = known === undefined ? addReference(state, { chunk: id, sizeBytes }) : live
  if (chunk === undefined) throw new PeerbinError('internal', 'a block without its chunk')
  const row = known ?? { sizeBytes, generation: chunk.generation, isStaged: false, expiresAt }
  blocks.set(id, row)
  state.blocks.set(space, blocks)
  return { generation: row.generation, copies: copiesOf(chunk), staged: row.isStaged }
}

export function stageBlock(state: State, request: Request<'stageBlock'>): void {
  const { space, chunk, generation, expiresAt, rule } = request
  const row = blocksOf(state, space).get(chunk)
  if (row?.generation !== generation) throw new PeerbinError('upload-unknown')
  if (isLacking(state, chunk, rule)) throw new PeerbinError('copies-missing')
  row.isStaged = true
  keep(row, expiresAt)
}

/** Size of it, if the space possesses it. */
function sizeOf(state: State, space: SpaceKey, chunk: ChunkId): number | undefined {
  const row = blocksOf(state, space).get(chunk)
  if (row?.isStaged === true) return row.sizeBytes
  for (const file of state.files.values()) {
    if (file.space !== space || !file.isCounted || file.record.state !== 'live') continue
    for (const [index, piece] of file.pieces) if (index >= 0 && piece.chunk === chunk) return piece.sizeBytes
  }
  return undefined
}

function keepStaged(state: State, space: SpaceKey, chunks: Iterable<ChunkId>, expiresAt: number): void {
  const blocks = blocksOf(state, space)
  for (const chunk of chunks) {
    const row = blocks.get(chunk)
    if (row?.isStaged === true) keep(row, expiresAt)
  }
}

export function ownedBlocks(
  state: State,
  { space, chunks, expiresAt }: Request<'ownedBlocks'>
): Answer<'ownedBlocks'> {
  keepStaged(state, space, chunks, expiresAt)
  return chunks.filter((chunk) => sizeOf(state, space, chunk) !== undefined)
}

export function takeBlocks(state: State, request: Request<'takeBlocks'>): Answer<'takeBlocks'> {
  const { upload: id, from, blocks, expiresAt, stagedUntil } = request
  const upload = openRow(state, id)
  const space = upload.opened.space?.key ?? 'anonymous'
  if (upload.opened.plan !== undefined || space === 'anonymous') throw new PeerbinError('upload-conflict')
  const sizes = new Map(blocks.map(({ chunk }) => [chunk, sizeOf(state, space, chunk)]))
  const missing = [...sizes].flatMap(([chunk, size]) => (size === undefined ? [chunk] : []))
  const isWrong = blocks.some(({ chunk, sizeBytes }) => sizes.get(chunk) !== sizeBytes)
  if (missing.length === 0 && isWrong) throw new PeerbinError('invalid-field')
  const isOther = blocks.some(({ chunk }, i) => (upload.pieces.get(from + i)?.chunk ?? chunk) !== chunk)
  if (missing.length === 0 && isOther) throw new PeerbinError('upload-conflict')
  upload.opened.expiresAt = Math.max(upload.opened.expiresAt, expiresAt)
  keepStaged(state, space, sizes.keys(), stagedUntil)
  if (missing.length > 0) return { missing }
  for (const [i, { chunk: each, sizeBytes }] of blocks.entries()) {
    if (upload.pieces.has(from + i)) continue
    const { generation } = addReference(state, { chunk: each, sizeBytes })
    upload.pieces.set(from + i, { chunk: each, sizeBytes, generation })
  }
  return { missing: [] }
}

export function releaseBlocks(state: State, { file: id, from, limit }: Request<'releaseBlocks'>): number {
  const file = state.files.get(id)
  if (file === undefined || file.record.state !== 'live' || !file.isCounted) return 0
  return releaseStaged(state, file.space, file.pieces, { from, limit })
}

export function settleBlocks(state: State, now: number, limit: number): number {
  const over = [...state.blocks]
    .flatMap(([space, blocks]) => [...blocks].map(([chunk, { expiresAt }]) => ({ space, chunk, expiresAt })))
    .filter(({ expiresAt }) => expiresAt <= now)
    .toSorted((a, b) => a.expiresAt - b.expiresAt || byText(a.space, b.space) || byDigest(a.chunk, b.chunk))
    .slice(0, limit)
  for (const { space, chunk } of over) letGo(state, space, chunk)
  return over.length
}

export function findCommitted(state: State, file: FileId): CommittedVersion | undefined {
  const upload = [...state.uploads.values()].find((each) => each.file === file)
  return upload?.became && { ...upload.became, path: upload.pathOfBlocks }
}
