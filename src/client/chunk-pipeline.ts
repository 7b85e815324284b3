/** From a source of bytes to chunks that are durable: what every way of uploading has in common. */

import { pipe } from 'it-pipe'
import type { Config } from '../config.ts'
import { asPeerbinError } from '../errors.ts'
import type { Clock } from '../interfaces.ts'
import type { AbortScope } from '../runtime/deadline.ts'
import type { UploadId, UploadWriter } from '../types.ts'
import type { ChunkMemory } from './chunk-memory.ts'
import type { ChunkWriter, WrittenChunk } from './chunk-writer.ts'
import { bytesOf, cutChunks } from './chunker.ts'
import type { ChunkerOptions, FilledChunk } from './chunker.ts'
import { forEachInFlight } from './in-flight.ts'
import { guardSource } from './source-guard.ts'

export interface ChunkPipelineDeps {
  readonly chunks: ChunkWriter
  readonly clock: Clock
  readonly config: Config
  /** Size of all chunks but those that end early; default: CHUNK_BYTES_MAX. */
  readonly chunkBytes?: number | undefined
}

export interface PipedUpload extends Pick<
  ChunkerOptions,
  'declaredBytes' | 'limitBytes' | 'firstIndex' | 'isPart'
> {
  readonly upload: UploadId
  readonly writer?: UploadWriter
  readonly memory: ChunkMemory
  readonly source: AsyncIterable<Uint8Array>
  /** As source-guard.ts has it. */
  readonly arrivedBytes?: (() => number) | undefined
  /** Ends everything of this upload: the sender left, or a part of it failed. */
  readonly stop: AbortScope
  /** A stage ahead of the chunks. */
  readonly admit?: ((pieces: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) | undefined
  /** A stage that sees every chunk, in order, before it is written. */
  readonly watch: (chunks: AsyncIterable<FilledChunk>) => AsyncIterable<FilledChunk>
  /** In the order in which they became durable. */
  readonly onWritten: (index: number, written: WrittenChunk) => Promise<void>
}

/** Resolves when the source has ended and every chunk of it is durable. @throws what the stages throw */
export async function pipeChunks(deps: ChunkPipelineDeps, piped: PipedUpload): Promise<void> {
  const { clock, config, chunkBytes } = deps
  const { source, arrivedBytes, stop, admit, watch, memory, declaredBytes, limitBytes } = piped
  const { stallMs, rateMinBytes, slowMs, chunksInFlight } = config.edge
  const { signal } = stop
  const { firstIndex = 0, isPart = false } = piped
  await pipe(
    source,
    (bytes) => guardSource(bytes, { clock, stallMs, rateMinBytes, arrivedBytes, signal }),
    (pieces) => admit?.(pieces) ?? pieces,
    (pieces) =>
      cutChunks(pieces, {
        memory,
        declaredBytes,
        limitBytes,
        chunkBytes,
        slowMs,
        firstIndex,
        isPart,
        signal
      }),
    watch,
    async (chunks) => {
      await forEachInFlight(
        chunks,
        chunksInFlight,
        async (chunk) => await writeChunk(deps, piped, chunk),
        (error) => stop.abort(asPeerbinError(error))
      )
    }
  )
}

async function writeChunk(
  { chunks }: ChunkPipelineDeps,
  { upload, writer, stop, onWritten }: PipedUpload,
  chunk: FilledChunk
): Promise<void> {
  const { index, buffer } = chunk
  let bytesFree = false
  try {
    const written = await chunks.write({
      upload,
      writer,
      index,
      bytes: bytesOf(chunk),
      signal: stop.signal
    })
    bytesFree = written.bytesFree
    await onWritten(index, written)
  } finally {
    if (!bytesFree) buffer.spoil() // a stream that never got its answer may still refer to them
    buffer.release()
  }
}
