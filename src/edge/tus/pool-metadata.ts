/** `Upload-Metadata` of an upload that brings a file of a batch: where it belongs. Everything else was said when the batch was announced. */

import type { Config } from '../../config.ts'
import { PeerbinError, hasCode } from '../../errors.ts'
import { batchPath, poolOwner } from '../../pools.ts'
import type { EntryRecord } from '../../types.ts'
import { asking } from '../accounts/actor.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { awaitedFile } from '../pools/batch-files.ts'
import { batchIdOf, indexOf, poolIdOf } from '../pools/fields.ts'
import type { DescribedUpload } from './upload-metadata.ts'
import type { GivenMetadata } from './upload-plan.ts'

/** All three: clients send keys of their own, which mean nothing. */
const KEYS = ['pool', 'batch', 'index'] as const

export const wantsBatch = (given: GivenMetadata): boolean =>
  KEYS.every((key) => typeof given[key] === 'string')

/** @throws `path-taken` where its bytes are there already; `checksum-mismatch` for another length than announced; what awaitedFile does */
export async function describeBatchFile(
  context: Pick<EdgeContext, 'controller'>,
  actor: Actor,
  given: GivenMetadata,
  { lengthBytes, link }: { readonly lengthBytes: number; readonly link: Config['link'] }
): Promise<DescribedUpload> {
  const place = {
    actor,
    pool: poolIdOf(given['pool'] ?? ''),
    batch: batchIdOf(given['batch'] ?? ''),
    index: indexOf(given['index'] ?? '')
  }
  const { file, state, expiresAt } = await awaitedFile(context, place)
  const { index, name, mediaType, sha256, sizeBytes } = file
  const details = { index, name }
  if (state !== 'declared') throw new PeerbinError('path-taken', 'This file is there already.', { details })
  if (lengthBytes !== sizeBytes)
    throw new PeerbinError(
      'checksum-mismatch',
      `The file was announced with ${sizeBytes} bytes, and this one has ${lengthBytes}.`,
      { details }
    )
  const path = batchPath(place.batch, index)
  return {
    name: path.slice(path.lastIndexOf('/') + 1),
    mediaType,
    password: undefined,
    plan: {
      lengthBytes,
      // of a link, which there is none of
      downloads: link.downloads,
      ttlMs: link.ttlMs,
      sha256,
      indexBytes: 0,
      encryption: null,
      // one that ends after the batch was committed by other means changes nothing of it
      entry: { user: poolOwner(place.pool), path, expiresAt, onlyNew: true },
      sender: actor.user,
      given
    }
  }
}

const BATCH_PATH = /^batches\/([0-9a-f-]{36})\/\d+$/

/** Whether an entry is a file of a batch that somebody has sent. */
export async function isSentBy(
  { controller }: Pick<EdgeContext, 'controller'>,
  actor: Actor,
  { owner, path }: Pick<EntryRecord, 'owner' | 'path'>
): Promise<boolean> {
  const [, id] = BATCH_PATH.exec(path) ?? []
  if (id === undefined) return false
  try {
    const asked = { actor: asking(actor), pool: poolIdOf(owner), batch: batchIdOf(id), limit: 0 }
    return (await controller.call('getBatch', asked)).batch.member === actor.user
  } catch (error) {
    // a user's file can have such a path, too
    if (hasCode(error, 'pool-unknown', 'batch-unknown', 'permission-denied')) return false
    throw error
  }
}
