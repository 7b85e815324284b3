/** Blocks: chunks that a user stores before the file they are for, as part of the control protocol. docs/protocol.md explains them. */

import { z } from 'zod'
import { BLOCKS_PER_PAGE_MAX, CHUNK_BYTES_MAX, FILE_CHUNKS_MAX } from '../limits.ts'
import * as s from '../schema.ts'
import { receipt } from './shapes.ts'

const noBodies = { requestBody: false, responseBody: false } as const

const user = s.userId
const sizeBytes = z.int().min(1).max(CHUNK_BYTES_MAX)
const chunks = z.array(s.chunkId).max(BLOCKS_PER_PAGE_MAX)
const blocks = z
  .array(z.object({ chunk: s.chunkId, sizeBytes }))
  .min(1)
  .max(BLOCKS_PER_PAGE_MAX)
/** A block's node and those it passed it on to. */
const RECEIPTS_MAX = 16

export const blockMessages = {
  /** `staged`: the user has it, with all its copies, and nothing need be sent. Whether others have it is not told. @throws `quota-exceeded`, `blocks-full`, `not-enough-nodes`, `cluster-full` */
  reserveBlock: {
    request: z.object({ user, chunk: s.chunkId, sizeBytes }),
    response: z.object({ generation: s.generation, staged: z.boolean() }),
    ...noBodies
  },
  /** Its bytes are durable: the user possesses it from now on. @throws `copies-missing`; `upload-unknown` when the reservation is over */
  stageBlock: {
    request: z.object({
      user,
      chunk: s.chunkId,
      generation: s.generation,
      receipts: z.array(receipt).max(RECEIPTS_MAX)
    }),
    response: z.object({}),
    ...noBodies
  },
  /** Which of these the user has to send; the others are kept from now on as if they had been sent now. */
  queryBlocks: {
    request: z.object({ user, chunks: chunks.min(1) }),
    response: z.object({ missing: chunks }),
    ...noBodies
  },
  /**
   * Opens an upload of the user whose first pieces are these blocks. `missing`: those that the user does not possess; then nothing is opened. `committed`: the file is there already, and this is a
   * repeat. @throws as openUpload
   */
  beginBlockUpload: {
    request: z.object({
      upload: s.uploadId,
      file: s.fileId,
      user,
      path: s.entryPath,
      name: s.fileName,
      mediaType: s.mediaType,
      metadata: s.metadata,
      sizeBytes: z.int().min(1),
      blocks
    }),
    response: z.object({
      now: s.timeMs,
      missing: chunks,
      committed: z
        .object({ entry: s.entryId, version: z.int().min(1), sha256: s.sha256Hex.nullable() })
        .optional()
    }),
    ...noBodies
  },
  /** Further blocks of such an upload, the first at index `from`. `missing`: as there, and none was taken. */
  takeBlocks: {
    request: z.object({ upload: s.uploadId, from: z.int().min(0).max(FILE_CHUNKS_MAX), blocks }),
    response: z.object({ missing: chunks }),
    ...noBodies
  }
} as const
