/** Pages of a file's chunks, with the copies a reader should try. */

import type { Membership } from '../cluster/membership.ts'
import type { CopyRecord, MetadataStore } from '../metadata-store.ts'
import { CHUNKS_PER_PAGE_MAX } from '../protocol/limits.ts'
import type { PlacedChunk } from '../protocol/messages.ts'
import type { ChunkId, FileChunk, FileId, UploadId } from '../types.ts'

/** Copies named per chunk. A page of 256 chunks stays below the limit for a header (256 KiB), and nobody needs more to find one. */
const COPIES_MAX = 6

const LIVENESS_RANK = { active: 0, suspect: 1, down: 2 } as const
const UNKNOWN_RANK = 3

export interface FileChunksDeps {
  store: MetadataStore
  membership: Membership
  /** Told which chunks a reader asked for. */
  onRead: (chunks: readonly ChunkId[]) => void
}

export class FileChunks {
  readonly #deps: FileChunksDeps

  constructor(deps: FileChunksDeps) {
    this.#deps = deps
  }

  /** Chunks from position `from` on, at most `limit`; empty when there are none. */
  async page(file: FileId, from: number, limit: number = CHUNKS_PER_PAGE_MAX): Promise<PlacedChunk[]> {
    const { store, onRead } = this.#deps
    const chunks = await store.listFileChunks(file, from, limit)
    onRead(chunks.map(({ id }) => id))
    return this.#placed(chunks)
  }

  /** The same of an open upload: whoever goes on with one, or looks at one that is made of blocks, reads what it has. */
  async uploadPage(upload: UploadId, from: number, limit: number): Promise<PlacedChunk[]> {
    return this.#placed(await this.#deps.store.listUploadChunks(upload, from, limit))
  }

  #placed(chunks: ReadonlyArray<FileChunk & { index: number; copies: CopyRecord[] }>): PlacedChunk[] {
    return chunks.map(({ index, id, sizeBytes, generation, copies }) => ({
      index,
      id,
      sizeBytes,
      generation,
      copies: this.#ranked(copies)
    }))
  }

  /** Copies on living nodes first; otherwise in the order they are stored, so that readers see the same list. */
  #ranked(copies: readonly CopyRecord[]): CopyRecord[] {
    const rank = ({ peer }: CopyRecord): number => {
      const member = this.#deps.membership.get(peer)
      return member === undefined ? UNKNOWN_RANK : LIVENESS_RANK[member.liveness]
    }
    return copies.toSorted((a, b) => rank(a) - rank(b)).slice(0, COPIES_MAX)
  }
}
