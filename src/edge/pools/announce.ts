/** Announces a batch at the controller, page by page, and says what of it is missing. */

import { POOL_FILES_BYTES_MAX, POOL_FILES_PER_PAGE_MAX } from '../../protocol/limits.ts'
import { batchDigest } from '../../protocol/pool-batches.ts'
import type { BatchFile, BatchFileState, BatchId, BatchRecord, PoolId } from '../../pools.ts'
import { asking } from '../accounts/actor.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { batchAnswer } from './answers.ts'
import type { BatchAnswer } from './answers.ts'
import type { BatchManifest } from './manifest.ts'

/** Files that an answer names whose bytes are awaited. */
const MISSING_MAX = 1000
/** What an entry of a message has beside its texts: its keys, its numbers, its hash. */
const FILE_OVERHEAD_BYTES = 200

export interface Asked {
  readonly actor: Actor
  readonly pool: PoolId
  readonly signal: AbortSignal
}

/** As the codec writes it, or a little more. */
function messageBytes({ name, mediaType, metadata }: BatchFile): number {
  let bytes = FILE_OVERHEAD_BYTES + Buffer.byteLength(name) + mediaType.length
  for (const [key, value] of Object.entries(metadata))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value) + 6
  return bytes
}

/** Pages that fit into messages. */
export function* pagesOf(files: readonly BatchFile[]): Generator<BatchFile[], void, undefined> {
  let page: BatchFile[] = []
  let bytes = 0
  for (const file of files) {
    const size = messageBytes(file)
    if (page.length === POOL_FILES_PER_PAGE_MAX || (page.length > 0 && bytes + size > POOL_FILES_BYTES_MAX)) {
      yield page
      page = []
      bytes = 0
    }
    page.push(file)
    bytes += size
  }
  if (page.length > 0) yield page
}

export interface Announced {
  readonly batch: BatchRecord
  /** It was announced by this request, and not there before. */
  readonly isNew: boolean
}

/** @throws what openBatch and declareFiles say */
export async function announce(
  { controller }: Pick<EdgeContext, 'controller'>,
  { actor, pool, signal }: Asked,
  { batch: id, clientTime, files }: BatchManifest
): Promise<Announced> {
  const inBatch = { actor: asking(actor), pool, batch: id }
  const opened = await controller.call(
    'openBatch',
    {
      ...inBatch,
      files: files.length,
      bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      digest: batchDigest(files),
      clientTime
    },
    { signal }
  )
  let { batch } = opened
  const isNew = batch.state === 'open' && batch.declared === 0
  // pages come in order: what is declared is what stands before
  if (batch.state === 'open' && batch.declared < files.length)
    for (const page of pagesOf(files.slice(batch.declared)))
      ({ batch } = await controller.call('declareFiles', { ...inBatch, files: page }, { signal }))
  return { batch, isNew }
}

/** A batch with the first of the files that are awaited. */
export async function batchWithMissing(
  { controller }: Pick<EdgeContext, 'controller'>,
  { actor, pool, signal }: Asked,
  id: BatchId
): Promise<BatchAnswer> {
  const asked = { actor: asking(actor), pool, batch: id, missing: true, limit: POOL_FILES_PER_PAGE_MAX }
  const first = await controller.call('getBatch', asked, { signal })
  const missing: Array<BatchFile & { state: BatchFileState }> = [...first.files]
  let { next } = first
  while (next !== null && missing.length < MISSING_MAX) {
    const page = await controller.call('getBatch', { ...asked, after: next }, { signal })
    missing.push(...page.files)
    next = page.next
  }
  return batchAnswer(first.batch, first.batch.state === 'open' ? missing.slice(0, MISSING_MAX) : [])
}
