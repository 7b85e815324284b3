/** What every chunk store checks in the same way, so that all answer alike. */

import { PeerbinError } from '../../errors.ts'
import { matchesId } from '../../protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import type { ChunkId, ChunkInfo } from '../../types.ts'

/**
 * A read that verified a chunk moves its `verifiedAt` only when that is older than this: a scrub works in days, and a write per
 * read would cost more than it tells.
 */
export const VERIFIED_STEP_MS = 60 * 60 * 1000

/** Chunks in one answer of `list`, however many were asked for. */
export const LIST_LIMIT_MAX = 10_000

/** @throws `bad-request` when empty, `chunk-too-large`, `chunk-corrupt` when the bytes are not what `id` names. */
export function checkChunk(id: ChunkId, bytes: Uint8Array): void {
  if (bytes.byteLength === 0) throw new PeerbinError('bad-request', 'a chunk has at least one byte')
  if (bytes.byteLength > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
  if (!matchesId(id, bytes)) throw new PeerbinError('chunk-corrupt', '', { details: { chunk: id } })
}

/**
 * The positions [start, end) of a chunk that were asked for; from `offset` (0) over `length` (the rest).
 * @throws `range-not-satisfiable` when it is empty or any part of it lies outside the chunk.
 */
export function checkRange(
  sizeBytes: number,
  range: { offset?: number | undefined; length?: number | undefined }
): { start: number; end: number } {
  const start = range.offset ?? 0
  const length = range.length ?? sizeBytes - start
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(length)
  if (!whole || start < 0 || length < 1 || start + length > sizeBytes) {
    throw new PeerbinError('range-not-satisfiable', 'The range asked for lies outside the chunk.', {
      details: { sizeBytes }
    })
  }
  return { start, end: start + length }
}

/** @throws `bad-request` unless it is a whole number of at least 1. */
export function checkLimit(limit: number): number {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new PeerbinError('bad-request', 'limit is at least 1')
  return Math.min(limit, LIST_LIMIT_MAX)
}

/** @throws `bad-request` unless a generation is a whole number from 0. */
export function checkGeneration(generation: number): void {
  if (!Number.isSafeInteger(generation) || generation < 0) {
    throw new PeerbinError('bad-request', 'a generation is a whole number from 0')
  }
}

/** @throws `store-full` when `bytes` more do not fit; a capacity of 0 is no limit. */
export function checkCapacity(capacityBytes: number, usedBytes: number, bytes: number): void {
  if (capacityBytes > 0 && usedBytes + bytes > capacityBytes) throw new PeerbinError('store-full')
}

export const notFound = (id: ChunkId): PeerbinError =>
  new PeerbinError('chunk-not-found', '', { details: { chunk: id } })

export const corrupt = (id: ChunkId): PeerbinError =>
  new PeerbinError('chunk-corrupt', 'The stored bytes do not match the id of the chunk.', {
    details: { chunk: id }
  })

/** Whether a read at `now` should move `verifiedAt`; also when the wall clock was set back. */
export const verificationIsOld = (info: Pick<ChunkInfo, 'verifiedAt'>, now: number): boolean =>
  Math.abs(now - info.verifiedAt) >= VERIFIED_STEP_MS
