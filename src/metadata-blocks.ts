/**
 * What the metadata does with blocks: chunks that a user has stored before the file they are for. Part of the seam of metadata-store.ts, whose rules hold here too.
 *
 * A space (that is: its user) possesses a chunk when a block of it is staged there, or when it is in content that counts there. A reservation is no possession, and neither is the digest.
 */

import type { VersionRef } from './metadata-entries.ts'
import type { CopiesRule, Reservation, SpaceKey } from './metadata-records.ts'
import type { ChunkId, FileId, Generation, UploadId } from './types.ts'

export interface BlockRef {
  chunk: ChunkId
  sizeBytes: number
}

export interface ReserveBlock extends BlockRef {
  space: SpaceKey
  /** For files, open uploads and blocks of the space together; undefined: there is no limit. */
  bytesMax: number | undefined
  /** Blocks of the space, reserved ones included. */
  blocksMax: number
  /** Kept until then at least. */
  expiresAt: number
}

export interface StageBlock {
  space: SpaceKey
  chunk: ChunkId
  /** That of the reservation. */
  generation: Generation
  expiresAt: number
  rule: CopiesRule
}

export interface TakeBlocks {
  /** Open, and of the space whose blocks these are. */
  upload: UploadId
  /** Index of the first. */
  from: number
  blocks: readonly BlockRef[]
  /** The upload is not given up before this. */
  expiresAt: number
  /** Nor are staged blocks that it takes. */
  stagedUntil: number
}

/** What a file became at its commit. */
export interface CommittedVersion extends VersionRef {
  /** Where it was committed to; it may have been moved since. Null: not of blocks. */
  path: string | null
}

export interface BlockRecords {
  /**
   * Counts a reference on the chunk's row, and the block in its space (`space-full`, `blocks-full`), once for each space and chunk, before anything is answered. `staged`: it is possessed already.
   * As with reserveChunk, a chunk that is new or condemned becomes live with a fresh generation. `upload-conflict` for another size.
   */
  reserveBlock(request: ReserveBlock): Promise<Reservation & { staged: boolean }>
  /** Its bytes are durable: from now on the space possesses it. `copies-missing`, and nothing changes, unless the chunk has its copies; `upload-unknown` when the reservation is over. Idempotent. */
  stageBlock(request: StageBlock): Promise<void>
  /** Which of these the space possesses; those that are staged are kept until `expiresAt`. */
  ownedBlocks(request: { space: SpaceKey; chunks: readonly ChunkId[]; expiresAt: number }): Promise<ChunkId[]>
  /**
   * Makes blocks that the space possesses the upload's pieces, each with a reference. `missing`: those that it does not possess; then nothing is changed. Idempotent; the same index with another chunk:
   * `upload-conflict`; a size that is not the chunk's: `invalid-field`.
   */
  takeBlocks(request: TakeBlocks): Promise<{ missing: ChunkId[] }>
  /** Lets staged blocks go that the pieces `from` … `from + limit - 1` of a live file make needless: its content counts. Answers how many went. */
  releaseBlocks(request: { file: FileId; from: number; limit: number }): Promise<number>
  /** One bounded step: blocks whose time is over are let go, with their reference and their space. Answers how many. */
  settleBlocks(now: number, limit: number): Promise<number>
  /** What a file became when it was committed, as long as its upload is remembered. */
  findCommitted(file: FileId): Promise<CommittedVersion | undefined>
}
