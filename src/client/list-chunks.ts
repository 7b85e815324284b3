import type { PlacedChunk } from '../protocol/messages.ts'
import type { FileId, UploadId } from '../types.ts'
import type { ControllerCallOptions, ControllerClient } from './controller-client.ts'

/** Whose chunks: a file's, or those that an open upload has so far. */
export type ChunkOwner = FileId | { readonly upload: UploadId }

/** A page of chunks in order, from index `from`; empty when there are none (any more). */
export async function listChunks(
  controller: ControllerClient,
  owner: ChunkOwner,
  from: number,
  limit: number,
  options: ControllerCallOptions
): Promise<PlacedChunk[]> {
  const { chunks } =
    typeof owner === 'string'
      ? await controller.call('listFileChunks', { file: owner, from, limit }, options)
      : await controller.call('listUploadChunks', { upload: owner.upload, from, limit }, options)
  return chunks
}
