import { PeerbinError } from '../../errors.ts'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import type {
  CheckpointUpload,
  CopiesRule,
  CopyRecord,
  FoundUpload,
  OpenUpload,
  ResumeUpload,
  ResumedUpload,
  UploadOffset
} from '../../metadata-store.ts'
import type { FileChunk, UploadId } from '../../types.ts'
import { ABANDONED_PIECES_MAX } from '../limits.ts'
import { copiesOf, dropPieces } from './state.ts'
import type { State, UploadRow } from './state.ts'
import { checkWriter, isLacking, openRow } from './uploads.ts'

function offsetOf(state: State, upload: UploadRow, rule: CopiesRule, held = upload.held): UploadOffset {
  const offset = { ...upload.kept }
  while (!held) {
    const piece = upload.pieces.get(offset.chunkCount)
    if (piece === undefined || isLacking(state, piece.chunk, rule)) break
    offset.chunkCount++
    offset.sizeBytes += piece.sizeBytes
  }
  return offset
}

const behind = (upload: UploadRow, from: number): number[] =>
  [...upload.pieces.keys()].filter((index) => index >= from).toSorted((a, b) => b - a)

export function findUpload(state: State, id: UploadId, rule: CopiesRule): FoundUpload | undefined {
  const upload = state.uploads.get(id)
  if (upload === undefined) return undefined
  const { state: is, file, became } = upload
  const sizeBytes = file === undefined ? undefined : state.files.get(file)?.record.sizeBytes
  if (is !== 'open') return became === undefined ? { state: is } : { state: is, file, ...became, sizeBytes }
  if (upload.opened?.plan === undefined) return undefined
  const { name, mediaType, plan, expiresAt } = upload.opened
  const offset = offsetOf(state, upload, rule)
  const hasMore = behind(upload, offset.chunkCount).length > 0
  return { state: 'open', name, mediaType, plan, expiresAt, hasMore, ...offset }
}

function resumableRow(state: State, id: UploadId): UploadRow & { opened: OpenUpload } {
  const upload = openRow(state, id)
  if (upload.opened.plan === undefined) throw new PeerbinError('upload-unknown')
  return upload
}

export function resumeUpload(state: State, request: ResumeUpload): ResumedUpload {
  const { upload: id, writer, held, rule } = request
  const upload = resumableRow(state, id)
  const offset = offsetOf(state, upload, rule)
  const answer = { ...offset, checkpoint: upload.checkpoint, expiresAt: upload.opened.expiresAt }
  if (upload.writer === writer) return { ...answer, isLast: true }
  upload.kept = offset
  const all = behind(upload, offset.chunkCount)
  const isLast = all.length <= ABANDONED_PIECES_MAX
  for (const index of [...all.slice(0, ABANDONED_PIECES_MAX), MANIFEST_INDEX]) {
    const piece = upload.pieces.get(index)
    if (piece === undefined) continue
    dropPieces(state, [piece])
    upload.pieces.delete(index)
  }
  upload.writer = isLast ? writer : undefined
  if (isLast) upload.held = held
  return { ...answer, isLast }
}

export function checkpointUpload(
  state: State,
  request: CheckpointUpload
): UploadOffset & { expiresAt: number } {
  const upload = resumableRow(state, request.upload)
  checkWriter(upload, request.writer)
  upload.kept = offsetOf(state, upload, request.rule, false)
  upload.held = false
  if (upload.kept.chunkCount >= request.chunkCount) upload.checkpoint = request.checkpoint
  upload.opened.expiresAt = Math.max(upload.opened.expiresAt, request.expiresAt)
  return { ...upload.kept, expiresAt: upload.opened.expiresAt }
}

export function listUploadChunks(
  state: State,
  id: UploadId,
  from: number,
  limit: number
): Array<FileChunk & { index: number; copies: CopyRecord[] }> {
  const upload = state.uploads.get(id)
  if (upload?.opened === undefined) return []
  return [...upload.pieces]
    .filter(([index]) => index >= Math.max(0, from))
    .toSorted(([a], [b]) => a - b)
    .slice(0, limit)
    .flatMap(([index, { chunk: id, sizeBytes, generation }]) => {
      const chunk = state.chunks.get(id)
      return chunk === undefined ? [] : [{ index, id, sizeBytes, generation, copies: copiesOf(chunk) }]
    })
}
