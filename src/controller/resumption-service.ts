/** Uploads that go on later: where they stand, who goes on with them, how far they have come. */

import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { FoundUpload, MetadataStore, OwedChunk } from '../metadata-store.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { UploadId } from '../types.ts'
import type { Inventory } from './inventory/inventory.ts'
import type { Repair } from './repair/repair.ts'
import type { StoreTime } from './store-time.ts'
import type { UploadService } from './upload-service.ts'

/** Pieces behind an offset that are looked at together: an edge checks in every few chunks. */
const PIECES_MAX = 1024
/** Repair makes a missing copy in about so long. */
const COPIES_RETRY_AFTER_MS = 1000

type Request<K extends keyof ControlMessages> = RequestOf<ControlMessages, K>
type Response<K extends keyof ControlMessages> = ResponseOf<ControlMessages, K>

export interface ResumptionServiceDeps {
  store: MetadataStore
  time: StoreTime
  uploads: Pick<UploadService, 'rule' | 'assertWritable'>
  inventory: Pick<Inventory, 'verify'>
  repair: Pick<Repair, 'urge'>
  config: Config
  /** Told when references were dropped. */
  onGarbage: () => void
}

export class ResumptionService {
  readonly #deps: ResumptionServiceDeps

  constructor(deps: ResumptionServiceDeps) {
    this.#deps = deps
  }

  /** @throws `copies-missing`, `not-enough-nodes`, `cluster-full`: as it stands a sender would be told to send again what is there already */
  async find({ upload }: Request<'findUpload'>, signal: AbortSignal): Promise<Response<'findUpload'>> {
    const { time, config } = this.#deps
    const found = (await this.#find(upload, signal)) ?? null
    const now = time.now()
    if (found?.state !== 'open') return { found, now }
    const idleMs = Math.max(0, now + config.controller.resumableTtlMs - found.expiresAt)
    return { found: { ...found, idleMs }, now }
  }

  /** @throws as find; `upload-unknown`, `upload-closed` */
  async resume(message: Request<'resumeUpload'>, signal: AbortSignal): Promise<Response<'resumeUpload'>> {
    const { store, time, uploads, onGarbage } = this.#deps
    await this.#find(message.upload, signal)
    for (;;) {
      const { isLast, ...resumed } = await store.resumeUpload({ ...message, rule: uploads.rule() })
      onGarbage()
      if (isLast) return { ...resumed, now: time.now() }
    }
  }

  /** Copies whose nodes started again since are asked for, so that they count as well. */
  async checkpoint(
    message: Request<'checkpointUpload'>,
    signal: AbortSignal
  ): Promise<Response<'checkpointUpload'>> {
    const { store, time, uploads, config } = this.#deps
    const checkIn = async () =>
      await store.checkpointUpload({
        ...message,
        expiresAt: time.now() + config.controller.resumableTtlMs,
        rule: uploads.rule()
      })
    const kept = await checkIn()
    if (kept.chunkCount >= message.chunkCount) return kept
    const doubtful = await this.#doubtful(message.upload, kept.chunkCount)
    if (doubtful.length === 0) return kept
    await this.#deps.inventory.verify(doubtful, signal)
    return await checkIn()
  }

  /**
   * The upload as it stands, once those that hold its newest pieces were asked. A piece that had its copies, and has one of them still, is waited for: the others are made
   * again, while whoever is told a smaller offset sends it once more.
   */
  async #find(upload: UploadId, signal: AbortSignal): Promise<FoundUpload | undefined> {
    const { store, uploads, inventory, repair } = this.#deps
    const found = await store.findUpload(upload, uploads.rule())
    if (found?.state !== 'open' || !found.hasMore) return found
    const doubtful = await this.#doubtful(upload, found.chunkCount)
    if (doubtful.length === 0) return found
    await inventory.verify(doubtful, signal)
    const again = await store.findUpload(upload, uploads.rule())
    if (again?.state !== 'open' || !again.hasMore) return again
    const lacking = await this.#doubtful(upload, again.chunkCount)
    if (lacking.length === 0) return again
    uploads.assertWritable() // too few nodes: they come back, and what they hold with them
    const living = new Set(uploads.rule().boots.map(({ peer, boot }) => `${peer} ${boot}`))
    const healing = lacking.filter(({ copies }) =>
      copies.some(({ peer, boot }) => living.has(`${peer} ${boot}`))
    )
    if (healing.length === 0) return again
    repair.urge(healing.map(({ chunk }) => chunk))
    throw new PeerbinError('copies-missing', '', {
      retryAfterMs: COPIES_RETRY_AFTER_MS,
      details: { chunks: healing.length }
    })
  }

  /** Pieces behind an offset that had as many copies as they need once. Those of chunks on their way have fewer. */
  async #doubtful(upload: UploadId, from: number): Promise<OwedChunk[]> {
    const { store, uploads } = this.#deps
    const rule = uploads.rule()
    const lacking = await store.listLacking(upload, rule, PIECES_MAX, from)
    return lacking.filter(({ copies }) => copies.length >= rule.copiesMin)
  }
}
