import { PeerbinError } from '../../errors.ts'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import type {
  CommitUpload,
  CommittedFile,
  CopiesRule,
  CopyRecord,
  NewLink,
  OpenUpload,
  OwedChunk,
  Reservation,
  ReserveChunk,
  UploadFailure,
  VersionRef
} from '../../metadata-store.ts'
import type {
  ChunkId,
  FileId,
  FileRecord,
  Generation,
  PeerId,
  Receipt,
  UploadId,
  UploadWriter
} from '../../types.ts'
import { BLOCKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import { ABANDONED_PIECES_MAX } from '../limits.ts'
import { releaseStaged } from './staged.ts'
import { dropPage } from './garbage.ts'
import { NO_SPACE, blocksOf, stagedBytes, usedSpace } from './space.ts'
import { addOrder, byDigest, byText, copiesOf, isLinkKnown, isRetired } from './state.ts'
import { addFailure, addVersion } from './versions.ts'
import type { ChunkRow, LinkRow, State, UploadRow } from './state.ts'

export function openUpload(state: State, upload: OpenUpload): void {
  const known = state.uploads.get(upload.id)
  if (known === undefined) {
    const { key, bytes, bytesMax, fromBlocks = false } = upload.space ?? NO_SPACE
    const used = usedSpace(state, key) - (fromBlocks ? stagedBytes(state, key) : 0)
    if (bytesMax !== undefined && used + bytes > bytesMax) throw new PeerbinError('space-full')
    const opened = structuredClone(upload)
    if (opened.space !== undefined && fromBlocks) opened.space.bytes = 0
    state.uploads.set(upload.id, newRow(opened))
  } else if (known.state !== 'open') throw new PeerbinError('upload-closed')
}

const newRow = (opened: OpenUpload | undefined): UploadRow => ({
  state: 'open',
  opened,
  pieces: new Map(),
  endedAt: 0,
  file: undefined,
  token: undefined,
  became: undefined,
  pathOfBlocks: null,
  writer: undefined,
  checkpoint: null,
  kept: { chunkCount: 0, sizeBytes: 0 },
  held: false
})

export function openRow(state: State, id: UploadId): UploadRow & { opened: OpenUpload } {
  const upload = state.uploads.get(id)
  if (upload === undefined) throw new PeerbinError('upload-unknown')
  const { opened } = upload
  if (upload.state !== 'open' || opened === undefined) throw new PeerbinError('upload-closed')
  return Object.assign(upload, { opened })
}

/** @throws `upload-conflict` unless it is the one who took it over last; of one that is not resumable it is nobody */
export function checkWriter(
  { opened, writer }: UploadRow & { opened: OpenUpload },
  given: UploadWriter | undefined
): void {
  const isOne = opened.plan === undefined ? given === undefined : given !== undefined && given === writer
  if (!isOne) throw new PeerbinError('upload-conflict')
}

export function reserveChunk(state: State, request: ReserveChunk): Reservation {
  const upload = openRow(state, request.upload)
  checkWriter(upload, request.writer)
  const { chunk: id, sizeBytes } = request
  const piece = upload.pieces.get(request.index)
  const known = state.chunks.get(id)
  const conflict =
    (piece !== undefined && (piece.chunk !== id || piece.sizeBytes !== sizeBytes)) ||
    (known?.state === 'live' && known.sizeBytes !== sizeBytes)
  if (conflict) throw new PeerbinError('upload-conflict')
  upload.opened.expiresAt = Math.max(upload.opened.expiresAt, request.expiresAt)
  const chunk = piece !== undefined && known !== undefined ? known : addReference(state, request)
  if (piece === undefined) {
    upload.pieces.set(request.index, { chunk: id, sizeBytes, generation: chunk.generation })
  }
  return { generation: chunk.generation, copies: copiesOf(chunk) }
}

/** One more on a chunk, which gets a new life where it is new or condemned. */
export function addReference(state: State, request: Pick<ReserveChunk, 'chunk' | 'sizeBytes'>): ChunkRow {
  const known = state.chunks.get(request.chunk)
  const chunk = known?.state === 'live' ? known : revive(state, request, known)
  chunk.refs++
  return chunk
}

function revive(
  state: State,
  request: Pick<ReserveChunk, 'chunk' | 'sizeBytes'>,
  known: ChunkRow | undefined
): ChunkRow {
  state.generation = (state.generation + 1) as Generation
  const chunk: ChunkRow = {
    generation: state.generation,
    state: 'live',
    refs: 0,
    sizeBytes: request.sizeBytes,
    copies: known?.copies ?? new Map<PeerId, CopyRecord>(),
    readAt: state.time,
    reads: 0
  }
  state.chunks.set(request.chunk, chunk)
  return chunk
}

export function recordReceipts(state: State, receipts: readonly Receipt[]): void {
  for (const { chunk: id, peer, host, generation, boot } of receipts) {
    if (isRetired(state, peer)) continue
    const chunk = state.chunks.get(id)
    const copy = chunk?.copies.get(peer)
    if (chunk?.state === 'live' && chunk.generation === generation) {
      const older = copy?.generation === generation && copy.boot > boot
      if (!older) chunk.copies.set(peer, { peer, host, generation, boot })
      continue
    }
    // never given out for this chunk: an order that names it could match a later life
    const neverGiven =
      generation > state.generation || (chunk?.state === 'live' && chunk.generation < generation)
    const keeps = chunk?.state === 'live' && copy !== undefined && copy.generation > generation
    if (!neverGiven && !keeps) addOrder(state, peer, id, generation)
  }
}

export function commitUpload(state: State, commit: CommitUpload): CommittedFile {
  const closed = state.uploads.get(commit.upload)
  if (
    closed?.state === 'committed' &&
    closed.file === commit.file &&
    closed.token === commit.link?.tokenHash
  ) {
    const file = state.files.get(commit.file)
    if (file !== undefined) return structuredClone({ ...file.record, ...closed.became })
  }
  const upload = openRow(state, commit.upload)
  checkWriter(upload, commit.writer)
  const manifest = upload.pieces.get(MANIFEST_INDEX)
  if (manifest === undefined) throw new PeerbinError('upload-conflict')
  checkPieces(state, upload, commit)
  const isKnown = commit.link !== undefined && isLinkKnown(state, commit.link)
  if (state.files.has(commit.file) || isKnown) throw new PeerbinError('upload-conflict')
  const { metadata, space = NO_SPACE, ...named } = upload.opened
  const { file: id, sizeBytes, sha256, uploadedAt, chunkCount, indexBytes = 0, encryption = null } = commit
  const { name = named.name, mediaType = named.mediaType } = commit
  const record: FileRecord = {
    id,
    name,
    sizeBytes,
    indexBytes,
    encryption,
    mediaType,
    sha256,
    uploadedAt,
    metadata,
    chunkCount,
    manifest: manifest.chunk,
    state: 'live'
  }
  const { link, entry } = commit
  if (commit.fromBlocks !== undefined) checkPlace(state, upload, commit, commit.fromBlocks.bytesMax)
  const became = entry && addVersion(state, entry, record) // refused before anything has changed
  const links = Number(link !== undefined) + Number(entry !== undefined)
  const shared = { space: space.key, isCounted: true, graced: 0, pieces: upload.pieces }
  state.files.set(id, { record, ...shared, links, linkRows: links })
  if (link !== undefined) addLink(state, link, { file: id, now: uploadedAt })
  if (commit.fromBlocks !== undefined)
    releaseStaged(state, space.key, upload.pieces, { from: 0, limit: BLOCKS_PER_PAGE_MAX })
  close(state, upload, 'committed')
  upload.pieces = new Map() // they are the file's now
  upload.file = id
  upload.token = link?.tokenHash
  upload.became = became
  upload.pathOfBlocks = commit.fromBlocks === undefined ? null : (entry?.path ?? null)
  return structuredClone({ ...record, ...became })
}

/** That there is room for the file when its staged blocks have gone. */
function checkPlace(
  state: State,
  { opened, pieces }: UploadRow & { opened: OpenUpload },
  { sizeBytes }: CommitUpload,
  bytesMax: number | undefined
): void {
  const { key, bytes } = opened.space ?? NO_SPACE
  const staged = blocksOf(state, key)
  const own = new Set([...pieces.values()].map(({ chunk }) => chunk))
  const freed = [...own].reduce((sum, chunk) => {
    const block = staged.get(chunk)
    return sum + (block?.isStaged === true ? block.sizeBytes : 0)
  }, 0)
  if (bytesMax !== undefined && usedSpace(state, key) - bytes - freed + sizeBytes > bytesMax)
    throw new PeerbinError('space-full')
}

function checkPieces(state: State, upload: UploadRow, commit: CommitUpload): void {
  let sum = 0
  for (let index = 0; index < commit.chunkCount; index++) sum += upload.pieces.get(index)?.sizeBytes ?? NaN
  if (upload.pieces.size !== commit.chunkCount + 1 || sum !== commit.sizeBytes)
    throw new PeerbinError('upload-conflict')
  for (const piece of upload.pieces.values()) {
    const chunk = state.chunks.get(piece.chunk)
    if (chunk?.state !== 'live' || chunk.generation !== piece.generation)
      throw new PeerbinError('upload-conflict')
  }
  for (const { chunk } of upload.pieces.values()) {
    if (isLacking(state, chunk, commit)) throw new PeerbinError('copies-missing')
  }
}

/** Only what a node said in its present boot counts: what it said in an earlier life may not be there any more. */
export function isLacking(state: State, id: ChunkId, { copiesMin, hostsMin, boots }: CopiesRule): boolean {
  const chunk = state.chunks.get(id)
  const sure = (chunk === undefined ? [] : copiesOf(chunk)).filter((copy) =>
    boots.some(({ peer, boot }) => peer === copy.peer && boot === copy.boot)
  )
  return sure.length < copiesMin || new Set(sure.map((copy) => copy.host)).size < hostsMin
}

/** Nothing for an upload that is not open. */
export function listLacking(
  state: State,
  id: UploadId,
  rule: CopiesRule,
  limit: number,
  from: number = MANIFEST_INDEX
): OwedChunk[] {
  const upload = state.uploads.get(id)
  if (upload?.state !== 'open') return []
  const pieces = [...upload.pieces].filter(([index]) => index >= from)
  return [...new Set(pieces.map(([, { chunk }]) => chunk))]
    .filter((chunk) => isLacking(state, chunk, rule))
    .toSorted(byDigest)
    .slice(0, limit)
    .flatMap((chunk) => {
      const row = state.chunks.get(chunk)
      if (row === undefined) return []
      return [{ chunk, generation: row.generation, sizeBytes: row.sizeBytes, copies: copiesOf(row) }]
    })
}

/** Makes a link. @param share the version of a user's file that it was made of */
export function addLink(
  state: State,
  link: NewLink,
  { file, now, share }: { file: FileId; now: number; share?: VersionRef }
): LinkRow {
  const { tokenHash, deleteHash, downloads, expiresAt, password = null, proofHash = null } = link
  const row: LinkRow = {
    record: {
      tokenHash,
      fileId: file,
      state: 'live',
      downloads,
      claimed: 0,
      expiresAt,
      createdAt: now,
      isProtected: password !== null,
      needsProof: proofHash !== null
    },
    deleteHash,
    claims: new Map(),
    ended: 0,
    endedAt: undefined,
    password: structuredClone(password),
    proofHash,
    share
  }
  state.sent.set(deleteHash, tokenHash)
  state.links.set(tokenHash, row)
  return row
}

function close(state: State, upload: UploadRow, how: 'committed' | 'abandoned'): void {
  upload.state = how
  upload.endedAt = Math.max(state.time, upload.opened?.openedAt ?? 0)
  upload.opened = undefined
}

export function abandonUpload(
  state: State,
  id: UploadId,
  { staleAt = Infinity, failure }: { staleAt?: number; failure?: UploadFailure | undefined } = {}
): boolean {
  const known = state.uploads.get(id)
  if (known?.state === 'committed') return false
  if (known?.state === 'open' && (known.opened?.expiresAt ?? 0) > staleAt) return false
  const upload = known ?? newRow(undefined)
  state.uploads.set(id, upload)
  if (upload.state === 'abandoned') return true
  const { opened } = upload
  close(state, upload, 'abandoned')
  if (opened !== undefined && failure !== undefined) addFailure(state, opened, failure)
  dropPage(state, upload.pieces, ABANDONED_PIECES_MAX)
  return true
}

export function listStaleUploads(state: State, now: number, limit: number): UploadId[] {
  return [...state.uploads]
    .flatMap(([id, { state: is, opened }]) =>
      is === 'open' && opened !== undefined && opened.expiresAt <= now ? [{ id, at: opened.expiresAt }] : []
    )
    .toSorted((a, b) => a.at - b.at || byText(a.id, b.id))
    .slice(0, limit)
    .map(({ id }) => id)
}
