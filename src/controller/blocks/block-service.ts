/** What users store of files before the files: reserved, staged once durable, and made pieces of uploads that bring no bytes. */

import type { Membership } from '../../cluster/membership.ts'
import { hostsMinOf } from '../../cluster/placement.ts'
import type { Config } from '../../config.ts'
import { PeerbinError, hasCode } from '../../errors.ts'
import type { MetadataStore, SpaceKey } from '../../metadata-store.ts'
import type { BlockMessages, RequestOf, ResponseOf } from '../../protocol/messages.ts'
import type { ChunkId, UserId } from '../../types.ts'
import { quotaOf } from '../files/quota.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Repair } from '../repair/repair.ts'
import type { RecentChunks } from '../recent-chunks.ts'
import type { StoreTime } from '../store-time.ts'
import { isPresent } from '../upload-service.ts'
import type { UploadService } from '../upload-service.ts'

/** Repair makes a missing copy in about so long. */
const COPIES_RETRY_AFTER_MS = 500

type Request<K extends keyof BlockMessages> = RequestOf<BlockMessages, K>
type Response<K extends keyof BlockMessages> = ResponseOf<BlockMessages, K>

export interface BlockServiceDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly membership: Membership
  readonly recent: RecentChunks
  readonly config: Config
  readonly uploads: Pick<UploadService, 'assertWritable' | 'recordReceipts' | 'rule' | 'staying'>
  readonly inventory: Pick<Inventory, 'verify'>
  readonly repair: Pick<Repair, 'urge'>
}

const spaceOf = (user: UserId): SpaceKey => `user:${user}`

export class BlockService {
  readonly #deps: BlockServiceDeps

  constructor(deps: BlockServiceDeps) {
    this.#deps = deps
  }

  async reserve({ user, chunk, sizeBytes }: Request<'reserveBlock'>): Promise<Response<'reserveBlock'>> {
    const { store, time, recent, config, uploads, membership } = this.#deps
    uploads.assertWritable()
    const { generation, copies, staged } = await asQuota(async () =>
      store.reserveBlock({
        space: spaceOf(user),
        chunk,
        sizeBytes,
        bytesMax: await quotaOf(store, config.account, user),
        blocksMax: config.blocks.perUserMax,
        expiresAt: time.now() + config.controller.uploadTtlMs
      })
    )
    const present = isPresent(copies, {
      generation,
      copiesMin: config.replication.copiesMin,
      hostsMin: hostsMinOf(membership.nodeHosts()),
      staying: uploads.staying()
    })
    // only of what is the user's own it makes a difference whether the nodes have it
    if (staged && present) return { generation, staged: true }
    recent.touch(chunk)
    return { generation, staged: false }
  }

  async stage(
    { user, chunk, generation, receipts }: Request<'stageBlock'>,
    signal: AbortSignal
  ): Promise<Response<'stageBlock'>> {
    const { store, inventory, repair, uploads } = this.#deps
    if (receipts.length > 0) await uploads.recordReceipts({ receipts }, signal)
    const tried = async (): Promise<boolean> => {
      try {
        const expiresAt = this.#stagedUntil()
        const rule = uploads.rule()
        await store.stageBlock({ space: spaceOf(user), chunk, generation, expiresAt, rule })
        return true
      } catch (error) {
        if (hasCode(error, 'copies-missing')) return false
        throw error
      }
    }
    if (await tried()) return {}
    // a node may have started again since it gave its receipt: it is asked at once
    const known = await store.findChunk(chunk)
    if (known !== undefined) await inventory.verify([known], signal)
    if (await tried()) return {}
    repair.urge([chunk])
    throw new PeerbinError('copies-missing', '', { retryAfterMs: COPIES_RETRY_AFTER_MS })
  }

  async query({ user, chunks }: Request<'queryBlocks'>): Promise<Response<'queryBlocks'>> {
    const expiresAt = this.#stagedUntil()
    const owned = new Set<ChunkId>(
      await this.#deps.store.ownedBlocks({ space: spaceOf(user), chunks, expiresAt })
    )
    return { missing: chunks.filter((chunk) => !owned.has(chunk)) }
  }

  async begin(message: Request<'beginBlockUpload'>): Promise<Response<'beginBlockUpload'>> {
    const { store, time, config, uploads } = this.#deps
    const { upload, file, user, path, sizeBytes, blocks, ...named } = message
    uploads.assertWritable()
    const now = time.now()
    const committed = await store.findCommitted(file)
    if (committed !== undefined) {
      const { path: committedTo, ...version } = committed
      // an answer would say that there is a file where none was made
      if ((committedTo ?? path) !== path) throw otherCommit()
      const sha256 = (await store.getFile(file))?.sha256 ?? null
      return { now, missing: [], committed: { ...version, sha256 } }
    }
    if ((await store.findEntry(user, path)).isBlocked) throw new PeerbinError('path-conflict')
    const bytesMax = await quotaOf(store, config.account, user)
    // without an owner: of one that was left behind nothing need be told, since its sender repeats it
    const opened = { id: upload, ...named, openedAt: now, expiresAt: now + config.controller.uploadTtlMs }
    const space = { key: spaceOf(user), bytes: sizeBytes, bytesMax, fromBlocks: true }
    await asQuota(() => store.openUpload({ ...opened, space }))
    const { missing } = await this.take({ upload, from: 0, blocks })
    if (missing.length > 0) await store.abandonUpload(upload)
    return { now, missing }
  }

  async take({ upload, from, blocks }: Request<'takeBlocks'>): Promise<Response<'takeBlocks'>> {
    const { store, time, config } = this.#deps
    const expiresAt = time.now() + config.controller.uploadTtlMs
    return await store.takeBlocks({ upload, from, blocks, expiresAt, stagedUntil: this.#stagedUntil() })
  }

  #stagedUntil(): number {
    return this.#deps.time.now() + this.#deps.config.blocks.stageMs
  }
}

const otherCommit = (): PeerbinError =>
  new PeerbinError('upload-conflict', 'the id of this commit was of another file')

/** @throws `quota-exceeded` in place of `space-full` */
async function asQuota<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (hasCode(error, 'space-full')) throw new PeerbinError('quota-exceeded', '', { cause: error })
    throw error
  }
}
