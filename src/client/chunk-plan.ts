/** Which parts of which chunks make up a range of a file. */

import { PeerbinError } from '../errors.ts'
import { CHUNKS_PER_PAGE_MAX } from '../protocol/limits.ts'
import type { PlacedChunk } from '../protocol/messages.ts'
import type { ByteRange } from '../types.ts'
import type { ControllerClient } from './controller-client.ts'
import { listChunks } from './list-chunks.ts'
import type { ChunkOwner } from './list-chunks.ts'

/** A chunk, and the half-open range of its own bytes that is wanted. */
export interface PlannedChunk {
  placed: PlacedChunk
  start: number
  end: number
}

export interface ChunkPlanDeps {
  readonly controller: ControllerClient
  readonly file: ChunkOwner
  readonly chunkCount: number
  /** Chunks from index 0. */
  readonly firstPage: readonly PlacedChunk[]
  readonly range: ByteRange
  readonly signal: AbortSignal
}

/**
 * Walks the file's chunks from the first, page by page. A position can only be found by adding up sizes (a sync client cuts by content); a
 * page covers up to 1 GiB, so that the walk is short even for large files.
 */
export class ChunkPlan {
  readonly #deps: ChunkPlanDeps
  #page: readonly PlacedChunk[]
  #inPage = 0
  #index = 0
  /** Position in the file at which the chunk `#index` begins. */
  #position = 0
  #next: PlannedChunk | undefined

  constructor(deps: ChunkPlanDeps) {
    this.#deps = deps
    this.#page = deps.firstPage
  }

  /** The next chunk without taking it; undefined at the end of the range. @throws `chunk-unavailable` when the file has gone meanwhile. */
  async peek(): Promise<PlannedChunk | undefined> {
    const { range, chunkCount } = this.#deps
    while (this.#next === undefined && this.#position < range.end && this.#index < chunkCount) {
      const placed = await this.#placed()
      const start = Math.max(0, range.start - this.#position)
      const end = Math.min(placed.sizeBytes, range.end - this.#position)
      this.#position += placed.sizeBytes
      this.#index++
      this.#inPage++
      if (start < end) this.#next = { placed, start, end }
    }
    if (this.#next === undefined && this.#position < range.end) {
      throw new PeerbinError('internal', 'the chunks of a file end before its range does')
    }
    return this.#next
  }

  /** Takes what `peek` showed. */
  take(): void {
    this.#next = undefined
  }

  async #placed(): Promise<PlacedChunk> {
    if (this.#inPage >= this.#page.length) await this.#turnPage()
    const placed = this.#page[this.#inPage]
    if (placed === undefined) throw new PeerbinError('chunk-unavailable', 'The file is not there any more.')
    if (placed.index !== this.#index)
      throw new PeerbinError('protocol-violation', 'a page of chunks has gaps')
    return placed
  }

  async #turnPage(): Promise<void> {
    const { controller, file, signal } = this.#deps
    this.#page = await listChunks(controller, file, this.#index, CHUNKS_PER_PAGE_MAX, { signal })
    this.#inPage = 0
  }
}
