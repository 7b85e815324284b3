/** One file of a batch, as its sender announced it, and its bytes. */

import type { FastifyReply } from 'fastify'
import { hasCode } from '../../errors.ts'
import { batchPath } from '../../pools.ts'
import type { BatchFile, BatchFileState, BatchId, PoolId } from '../../pools.ts'
import { asking } from '../accounts/actor.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import type { UploadPass } from '../limits/address-limits.ts'
import { uploadBytesMax } from '../user-files/limits.ts'
import { storePoolBytes } from './store-bytes.ts'

export interface BatchPlace {
  readonly actor: Actor
  readonly pool: PoolId
  readonly batch: BatchId
  readonly index: number
}

export interface AwaitedFile {
  readonly file: BatchFile
  readonly state: BatchFileState
  /** When the batch is given up unless it goes on, ms of the controller's time. */
  readonly expiresAt: number
}

/** @throws `batch-unknown`, `batch-closed`, `file-unknown`, `permission-denied` */
export async function awaitedFile(
  { controller }: Pick<EdgeContext, 'controller'>,
  { actor, pool, batch, index }: BatchPlace
): Promise<AwaitedFile> {
  return await controller.call('getBatchFile', { actor: asking(actor), pool, batch, index })
}

/**
 * Stores the bytes of a file that is awaited. Somebody may bring the same ones at the same time: then either has.
 * @throws what storePoolBytes does
 */
export async function storeBatchFile(
  context: EdgeContext,
  reply: FastifyReply,
  place: BatchPlace,
  { file, expiresAt }: AwaitedFile,
  { source, pass }: { readonly source: AsyncIterable<Uint8Array>; readonly pass: UploadPass }
): Promise<void> {
  const { actor, pool, batch, index } = place
  try {
    await storePoolBytes(context, reply, {
      actor,
      pool,
      path: batchPath(batch, index),
      mediaType: file.mediaType,
      source,
      sizeBytes: file.sizeBytes,
      limitBytes: uploadBytesMax(context, actor),
      digests: { sha256: file.sha256 },
      expires: { at: expiresAt },
      pass,
      stillWanted: async () => await awaitedFile(context, place)
    })
  } catch (error) {
    if (!hasCode(error, 'path-taken', 'version-conflict')) throw error
    const { state } = await awaitedFile(context, place)
    if (state === 'declared') throw error
  }
}
