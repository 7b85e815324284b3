/** What producers send: announced, page by page, and made visible all at once. The bytes come as any upload does, under the pool's name. */

import { PeerbinError } from '../../errors.ts'
import type { BatchFile, BatchId, BatchRecord, PoolSettings } from '../../pools.ts'
import { POOL_FILES_BYTES_MAX } from '../../protocol/limits.ts'
import { isSelf } from '../accounts/actors.ts'
import { PageRoom } from '../files/page-room.ts'
import type { Acknowledge } from './acknowledge.ts'
import { userOf } from './deps.ts'
import type { PoolDeps, Request, Response } from './deps.ts'
import { poolQuota, poolSpace } from './quota.ts'
import type { Admitted } from './rights.ts'

export interface BatchesDeps extends PoolDeps {
  readonly acknowledge: Acknowledge
}

export class Batches {
  readonly #deps: BatchesDeps

  constructor(deps: BatchesDeps) {
    this.#deps = deps
  }

  async open(
    { actor, pool }: Admitted,
    { batch: id, files, bytes, digest, clientTime }: Request<'openBatch'>,
    signal: AbortSignal
  ): Promise<Response<'openBatch'>> {
    const { store, time, config } = this.#deps
    const { batchFilesMax, batchTtlMs, batchesPerMember: openMax } = config.pools
    const now = time.now()
    mustAgree(clientTime, now, pool.settings)
    if (files > batchFilesMax)
      throw new PeerbinError('batch-too-large', '', { details: { files_max: batchFilesMax } })
    // what is there already has taken its space
    if ((await store.getBatch(pool.id, id)) === undefined) await this.#mustHaveRoom(pool, bytes)
    const batch = await store.openBatch({
      id,
      pool: pool.id,
      member: userOf(actor),
      files,
      bytes,
      digest,
      openedAt: now,
      expiresAt: now + batchTtlMs,
      openMax
    })
    return { batch: await this.#told(batch, signal), now }
  }

  /** Early: the space itself is taken when bytes come. @throws `quota-exceeded` */
  async #mustHaveRoom(pool: Admitted['pool'], bytes: number): Promise<void> {
    const { store, config } = this.#deps
    const quotaBytes = poolQuota(config.pools, pool)
    if (quotaBytes === undefined) return
    const usedBytes = await store.usedSpace(poolSpace(pool.id))
    if (usedBytes + bytes > quotaBytes) throw new PeerbinError('quota-exceeded')
  }

  async declare(
    { actor, pool }: Admitted,
    { batch: id, files }: Request<'declareFiles'>,
    signal: AbortSignal
  ): Promise<Response<'declareFiles'>> {
    const { store, time, config } = this.#deps
    const batch = await this.#own(actor, pool, id)
    const now = time.now()
    mustBePage(files, batch)
    // what was announced in time stays, however late it is said again
    if (batch.declared < batch.files) for (const file of files) mustBeInTime(file, now, pool.settings)
    const declared = await store.declareFiles({
      pool: pool.id,
      batch: id,
      member: batch.member,
      files,
      expiresAt: now + config.pools.batchTtlMs
    })
    return { batch: await this.#told(declared, signal) }
  }

  async get(
    { actor, pool, is }: Admitted,
    { batch: id, after, missing, limit }: Request<'getBatch'>,
    signal: AbortSignal
  ): Promise<Response<'getBatch'>> {
    const { store, time } = this.#deps
    const batch = await this.#known(pool, id)
    if (!is('owner', 'server') && !isSelf(actor, batch.member)) throw new PeerbinError('batch-unknown')
    const request = { pool: pool.id, batch: id, after, missing, limit: limit + 1 }
    const found = limit === 0 ? [] : await store.listBatchFiles(request)
    const files = PageRoom.fitting(found.slice(0, limit))
    return {
      batch: await this.#told(batch, signal),
      files,
      next: files.length < found.length ? (files.at(-1)?.index ?? null) : null,
      now: time.now()
    }
  }

  async file(
    { actor, pool }: Admitted,
    { batch: id, index }: Request<'getBatchFile'>
  ): Promise<Response<'getBatchFile'>> {
    const { store, time, config } = this.#deps
    const batch = await this.#own(actor, pool, id)
    if (batch.state !== 'open') throw new PeerbinError('batch-closed')
    const after = index === 0 ? undefined : index - 1
    const [found] = await store.listBatchFiles({ pool: pool.id, batch: id, after, limit: 1 })
    if (found?.index !== index) throw new PeerbinError('file-unknown')
    const { state, ...file } = found
    const now = time.now()
    const { batchTtlMs } = config.pools
    // a batch of which bytes come does not stand still, nor what there is of it; now and then is enough
    const isLong = batch.expiresAt - now >= batchTtlMs / 2
    const extended = { member: batch.member, files: [], expiresAt: now + batchTtlMs }
    const { expiresAt } = isLong ? batch : await store.declareFiles({ pool: pool.id, batch: id, ...extended })
    return { file, state, expiresAt }
  }

  async commit(
    { actor, pool }: Admitted,
    { batch: id }: Request<'commitBatch'>,
    signal: AbortSignal
  ): Promise<Response<'commitBatch'>> {
    const { store, time } = this.#deps
    const member = userOf(actor)
    await this.#own(actor, pool, id)
    const batch = await store.commitBatch({ pool: pool.id, batch: id, member, now: time.now() })
    return { batch: await this.#told(batch, signal) }
  }

  async abandon(
    { actor, pool, is }: Admitted,
    { batch: id }: Request<'abandonBatch'>
  ): Promise<Response<'abandonBatch'>> {
    const { store, time } = this.#deps
    const batch = is('owner') ? await this.#known(pool, id) : await this.#own(actor, pool, id)
    const given = await store.abandonBatch({ pool: pool.id, batch: id, now: time.now() })
    if (given || batch.state === 'abandoned') return {}
    const now = await store.getBatch(pool.id, id)
    if (now?.state === 'committed') throw new PeerbinError('batch-closed')
    return {}
  }

  /** Whoever is told that a batch is committed may forget its files. */
  async #told(batch: BatchRecord, signal: AbortSignal): Promise<BatchRecord> {
    if (batch.committedAt !== null) await this.#deps.acknowledge.since(batch.committedAt, signal)
    return batch
  }

  /** @throws `batch-unknown` */
  async #known(pool: Admitted['pool'], id: BatchId): Promise<BatchRecord> {
    const batch = await this.#deps.store.getBatch(pool.id, id)
    if (batch === undefined) throw new PeerbinError('batch-unknown')
    return batch
  }

  /** One of whoever asks. @throws `batch-unknown` */
  async #own(actor: Admitted['actor'], pool: Admitted['pool'], id: BatchId): Promise<BatchRecord> {
    const batch = await this.#known(pool, id)
    if (!isSelf(actor, batch.member)) throw new PeerbinError('batch-unknown')
    return batch
  }
}

/** @throws `clock-skewed` */
function mustAgree(clientTime: number, now: number, { toleranceMs }: PoolSettings): void {
  if (Math.abs(clientTime - now) > toleranceMs)
    throw new PeerbinError('clock-skewed', '', { details: { serverTime: now } })
}

/** @throws `timestamp-in-future`, `timestamp-too-old` */
function mustBeInTime(
  { index, name, at }: BatchFile,
  now: number,
  { toleranceMs, maxAgeMs }: PoolSettings
): void {
  if (at > now + toleranceMs) throw new PeerbinError('timestamp-in-future', '', { details: { index, name } })
  if (at < now - maxAgeMs) throw new PeerbinError('timestamp-too-old', '', { details: { index, name } })
}

/** A page by itself: indexes of the batch, each once, and no file twice. @throws `invalid-field`, `duplicate-file`, `batch-too-large` */
function mustBePage(files: readonly BatchFile[], batch: BatchRecord): void {
  const indexes = new Set<number>()
  const names = new Set<string>()
  let bytes = 0
  for (const { index, name, at, sizeBytes } of files) {
    const details = { index, name }
    if (index >= batch.files || indexes.has(index))
      throw new PeerbinError('invalid-field', 'A file of the batch has no index of its own in it.', {
        details
      })
    const key = `${at} ${name}`
    if (names.has(key)) throw new PeerbinError('duplicate-file', '', { details })
    indexes.add(index)
    names.add(key)
    bytes += sizeBytes
    if (bytes > batch.bytes)
      throw new PeerbinError('invalid-field', 'The files have more bytes than the batch was to have.', {
        details
      })
  }
  if (Buffer.byteLength(JSON.stringify(files)) > POOL_FILES_BYTES_MAX)
    throw new PeerbinError('batch-too-large', 'Too much of the batch was announced at once.')
}
