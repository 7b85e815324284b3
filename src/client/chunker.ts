/** Cuts a stream of bytes into chunks, in memory that was leased before it is filled. */

import { PeerbinError } from '../errors.ts'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import { MANIFEST_CHUNKS_MAX } from '../protocol/manifest.ts'
import type { ChunkBuffer, ChunkMemory } from './chunk-memory.ts'

/** A chunk of the file. Whoever takes it from the chunker releases its buffer. */
export interface FilledChunk {
  readonly index: number
  readonly sizeBytes: number
  readonly buffer: ChunkBuffer
}

/**
 * The front of the buffer's memory; not to be asked for after the release. The memory is no field of the chunk: each stage of the pipeline remembers
 * the last chunk it handed on while it waits for the next one, and would keep 4 MiB alive that the budget has given to others.
 */
export const bytesOf = (chunk: FilledChunk): Uint8Array => chunk.buffer.bytes.subarray(0, chunk.sizeBytes)

export interface ChunkerOptions {
  readonly memory: ChunkMemory
  /** Length the sender gave. */
  readonly declaredBytes: number | undefined
  readonly limitBytes: number
  /** Size of all chunks but the last; default: CHUNK_BYTES_MAX. */
  readonly chunkBytes?: number | undefined
  readonly signal: AbortSignal
}

/**
 * @throws `too-large` as soon as the limit is passed; `empty-file`; `upload-incomplete` when the source ends before `declaredBytes`;
 * `bad-request` when it goes on after them; `busy` when no memory is to be had.
 */
export async function* cutChunks(
  source: AsyncIterable<Uint8Array>,
  options: ChunkerOptions
): AsyncGenerator<FilledChunk> {
  const { declaredBytes, chunkBytes = CHUNK_BYTES_MAX } = options
  const pieces = source[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)
  let totalBytes = 0
  let ended = false
  const refill = async (): Promise<boolean> => {
    if (rest.byteLength > 0) return true
    const next = await pieces.next()
    if (next.done === true) {
      ended = true
      checkEnd(totalBytes, declaredBytes)
      return false
    }
    rest = next.value
    totalBytes += rest.byteLength
    checkTotal(totalBytes, options)
    return true
  }
  try {
    for (let index = 0, cutBytes = 0; ; index++) {
      const leftBytes = (declaredBytes ?? Infinity) - cutBytes
      // the file is complete: the source only has to end
      if (leftBytes <= 0 && !(await refill())) return
      checkIndex(index)
      const buffer = await options.memory.lease(Math.min(chunkBytes, leftBytes), options.signal)
      let filled = 0
      let handedOver = false
      try {
        while (filled < buffer.sizeBytes && (await refill())) {
          const part = rest.subarray(0, buffer.sizeBytes - filled)
          buffer.bytes.set(part, filled)
          filled += part.byteLength
          rest = rest.subarray(part.byteLength)
        }
        if (filled === 0) return
        cutBytes += filled
        handedOver = true
        yield { index, sizeBytes: filled, buffer }
      } finally {
        if (!handedOver) buffer.release()
      }
      if (ended) return
    }
  } finally {
    await pieces.return?.()
  }
}

function checkTotal(totalBytes: number, { limitBytes, declaredBytes }: ChunkerOptions): void {
  if (totalBytes > limitBytes) throw new PeerbinError('too-large', '', { details: { limitBytes } })
  if (declaredBytes !== undefined && totalBytes > declaredBytes) {
    throw new PeerbinError('bad-request', 'The body is longer than was announced.')
  }
}

function checkEnd(totalBytes: number, declaredBytes: number | undefined): void {
  if (declaredBytes !== undefined && totalBytes < declaredBytes) throw new PeerbinError('upload-incomplete')
  if (totalBytes === 0) throw new PeerbinError('empty-file')
}

function checkIndex(index: number): void {
  if (index < MANIFEST_CHUNKS_MAX) return
  throw new PeerbinError(
    'too-large',
    'A file has at most 100,000 chunks of 4 MiB: its manifest is one chunk.'
  )
}
