/** Uploads: opened, filled chunk by chunk, committed or given up. */

import type { Membership } from '../cluster/membership.ts'
import { hostsMinOf } from '../cluster/placement.ts'
import type { Config } from '../config.ts'
import { PeerbinError, hasCode } from '../errors.ts'
import type { CommittedFile, CopiesRule, CopyRecord, MetadataStore, UploadSpace } from '../metadata-store.ts'
import { BLOCKS_PER_PAGE_MAX } from '../protocol/limits.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import { failpoints } from '../runtime/failpoints.ts'
import type { ChunkId, Generation, Member, PeerId, Receipt } from '../types.ts'
import type { CopyCheck } from './copy-check.ts'
import { isOver } from './files/owned.ts'
import { spaceOf } from './files/quota.ts'
import { inParallel } from '../runtime/in-parallel.ts'
import type { Inventory } from './inventory/inventory.ts'
import type { Repair } from './repair/repair.ts'
import type { RecentChunks } from './recent-chunks.ts'
import type { StoreTime } from './store-time.ts'
import type { TrimWatch } from './trim-watch.ts'

/** Receipts in doubt that are looked up together, and nodes asked together; nearly all are believed at once. */
const RECEIPTS_AT_ONCE = 16
const NODES_AT_ONCE = 8

/**
 * Lacking chunks of one commit that are looked at together; and rounds of that (more come up when the edge asks again), or of asking about receipts whose copies are trimmed
 * meanwhile.
 */
const LACKING_MAX = 1024
const ROUNDS_MAX = 8
/** Files end all the time, by being fetched or by expiring; nobody knows which is next. */
const SPACE_RETRY_AFTER_MS = 10 * 60 * 1000
/** Repair makes a missing copy in about so long. */
const COPIES_RETRY_AFTER_MS = 500

type Request<K extends keyof ControlMessages> = RequestOf<ControlMessages, K>
type Response<K extends keyof ControlMessages> = ResponseOf<ControlMessages, K>

export interface UploadServiceDeps {
  trims: TrimWatch
  check: Pick<CopyCheck, 'areHeld'>
  self: PeerId
  store: MetadataStore
  membership: Membership
  time: StoreTime
  recent: RecentChunks
  inventory: Pick<Inventory, 'verify' | 'recheck'>
  repair: Pick<Repair, 'drainOf' | 'urge'>
  config: Config
  /** Told when references were dropped, so that the collector need not wait for its round. */
  onGarbage: () => void
}

/** Whether the copies of a chunk stand for its bytes, so that none need be sent. */
export interface PresenceRule {
  generation: Generation
  copiesMin: number
  hostsMin: number
  /** Nodes whose copies count: they are active now, and not being emptied. */
  staying: readonly Member[]
}

/**
 * A copy counts when its node lives and gave the receipt in its present life: a node that started again may have come back with an older disk or an
 * empty one, and is believed only once it has taken the chunk again.
 */
export function isPresent(copies: readonly CopyRecord[], rule: PresenceRule): boolean {
  const boots = new Map<PeerId, number>(rule.staying.map((member) => [member.peer, member.boot]))
  const counted = copies.filter(
    (copy) => copy.generation === rule.generation && boots.get(copy.peer) === copy.boot
  )
  const peers = new Set(counted.map((copy) => copy.peer))
  const hosts = new Set(counted.map((copy) => copy.host))
  return peers.size >= rule.copiesMin && hosts.size >= rule.hostsMin
}

export class UploadService {
  readonly #deps: UploadServiceDeps

  constructor(deps: UploadServiceDeps) {
    this.#deps = deps
  }

  async open(message: Request<'openUpload'>): Promise<Response<'openUpload'>> {
    const { store, time } = this.#deps
    this.assertWritable()
    const now = time.now()
    const { role, bytesMax: bytes = 0, owner, ...rest } = message
    const space = { bytes, ...(await this.#spaceFor(role, owner)) }
    const upload = { ...rest, owner: owner && { user: owner.user, path: owner.path } }
    try {
      await store.openUpload({ ...upload, space, openedAt: now, expiresAt: now + this.#ttlMs(upload.plan) })
    } catch (error) {
      if (!hasCode(error, 'space-full')) throw error
      if (upload.owner !== undefined) throw new PeerbinError('quota-exceeded', '', { cause: error })
      throw new PeerbinError('space-full', '', { cause: error, retryAfterMs: SPACE_RETRY_AFTER_MS })
    }
    return { now, resumable: upload.plan !== undefined }
  }

  /** Whose space an upload takes, and how much of it there is. @throws `path-conflict`, `path-taken` early: before the bytes of a user's file are sent that has nowhere to go */
  async #spaceFor(
    role: Request<'openUpload'>['role'] = 'anonymous',
    owner: Request<'openUpload'>['owner']
  ): Promise<Pick<UploadSpace, 'key' | 'bytesMax'>> {
    const { store, config } = this.#deps
    if (owner === undefined) {
      const { spaceBytesMax } = config[role]
      return { key: 'anonymous', bytesMax: spaceBytesMax === 0 ? undefined : spaceBytesMax }
    }
    const { user, path, onlyNew = false } = owner
    const { entry, isBlocked } = await store.findEntry(user, path)
    if (isBlocked) throw new PeerbinError('path-conflict')
    const isThere = entry !== undefined && entry.current.file !== null && !isOver(this.#deps, entry)
    if (onlyNew && isThere) throw new PeerbinError('path-taken')
    return {
      key: `user:${user}`,
      bytesMax: await spaceOf(store, config, { user, path })
    }
  }

  /** How long an upload lives on without a further chunk. @param resumable of one that goes on later: its plan, or who writes it */
  #ttlMs(resumable: string | undefined): number {
    const { uploadTtlMs, resumableTtlMs } = this.#deps.config.controller
    return resumable === undefined ? uploadTtlMs : resumableTtlMs
  }

  /** Turns an upload away before its bytes are sent, when they could not be stored. */
  assertWritable(): void {
    const { membership, config } = this.#deps
    const active = membership.active('node')
    const writable = active.filter((node) => node.state === 'active')
    const { copiesMin } = config.replication
    if (writable.length >= copiesMin) return
    const full = active.filter((node) => node.state === 'full')
    if (writable.length + full.length >= copiesMin) {
      throw new PeerbinError('cluster-full', '', { details: { full: full.length } })
    }
    throw new PeerbinError('not-enough-nodes', '', {
      retryAfterMs: config.heartbeat.suspectAfterMs,
      details: { active: writable.length, needed: copiesMin }
    })
  }

  async reserve(message: Request<'reserveChunk'>): Promise<Response<'reserveChunk'>> {
    const { self, store, membership, time, recent, config } = this.#deps
    const expiresAt = time.now() + this.#ttlMs(message.writer)
    const { generation, copies } = await store.reserveChunk({ ...message, expiresAt })
    if (failpoints.armed) await failpoints.hit('upload.reserve.afterCommit', self)
    const present = isPresent(copies, {
      generation,
      copiesMin: config.replication.copiesMin,
      hostsMin: hostsMinOf(membership.nodeHosts()),
      staying: this.staying()
    })
    // bytes are on their way now, and further copies with them
    if (!present) recent.touch(message.chunk)
    return { generation, present }
  }

  async recordReceipts(
    { receipts }: Request<'recordReceipts'>,
    signal: AbortSignal
  ): Promise<Response<'recordReceipts'>> {
    const { trims, inventory } = this.#deps
    let waiting = receipts
    for (let round = 0; waiting.length > 0 && round < ROUNDS_MAX; round++) {
      for (const receipt of waiting) await trims.settled(receipt)
      const since = trims.last
      const believed = await this.#believed(waiting, signal)
      // in the turn in which the others are handed to the store: a trim that begins later finds their records
      const late = new Set(believed.filter((receipt) => trims.isTrimmedSince(receipt, since)))
      await this.#record(believed.filter((receipt) => !late.has(receipt)))
      waiting = [...late]
    }
    for (const { peer } of waiting) inventory.recheck(peer)
    return {}
  }

  async #record(receipts: Receipt[]): Promise<void> {
    const { store, recent, membership, inventory } = this.#deps
    if (receipts.length > 0) await store.recordReceipts(receipts)
    for (const { chunk, peer, boot } of receipts) {
      recent.touch(chunk)
      // given before the node started again, and recorded when its inventory may have been compared already
      if (boot < (membership.get(peer)?.boot ?? 0)) inventory.recheck(peer)
    }
  }

  /** A copy that was trimmed since its receipt was given is gone; a node that was given the chunk again says that it holds it. */
  async #believed(receipts: readonly Receipt[], signal: AbortSignal): Promise<readonly Receipt[]> {
    const { trims, inventory } = this.#deps
    const doubtful = receipts.filter((receipt) => trims.mayBeTrimmed(receipt))
    if (doubtful.length === 0) return receipts
    const recorded = await inParallel(doubtful, RECEIPTS_AT_ONCE, (receipt) => this.#isRecorded(receipt))
    const unproved = Map.groupBy(
      doubtful.filter((_receipt, index) => recorded[index] !== true),
      ({ peer }) => peer
    )
    const refused = await inParallel([...unproved], NODES_AT_ONCE, async ([peer, asked]) => {
      const held = await this.#areHeld(peer, asked, signal)
      const missing = asked.filter((_receipt, index) => held[index] !== true)
      if (missing.length > 0) inventory.recheck(peer) // it may only have been unreachable
      return missing
    })
    const missing = new Set(refused.flat())
    return receipts.filter((receipt) => !missing.has(receipt))
  }

  async #areHeld(peer: PeerId, copies: readonly Receipt[], signal: AbortSignal): Promise<boolean[]> {
    const { check, membership, config } = this.#deps
    if (membership.get(peer)?.liveness !== 'active') return [] // it counts only once its inventory was compared
    // an edge waits for as long as one request to the controller may take
    return await check.areHeld(peer, copies, signal, Math.ceil(config.controller.requestTimeoutMs / 4))
  }

  /** A trim would have taken the record away, so that this one was made since. */
  async #isRecorded({ peer, chunk, generation, boot }: Receipt): Promise<boolean> {
    const known = await this.#deps.store.findChunk(chunk)
    return (
      known?.copies.some(
        (copy) => copy.peer === peer && copy.generation === generation && copy.boot >= boot
      ) ?? false
    )
  }

  /**
   * @throws `copies-missing` with the time after which a repeat may succeed: nodes that started again since they gave their receipts are asked at once
   * whether they still hold their copies, and what is missing then is made.
   */
  async commit(message: Request<'commitUpload'>, signal: AbortSignal): Promise<Response<'commitUpload'>> {
    const { self } = this.#deps
    if (failpoints.armed) await failpoints.hit('upload.commit.beforeStore', self)
    const file = (await this.#tryCommit(message)) ?? (await this.#commitVerified(message, signal))
    if (message.fromBlocks === true) await this.#releaseBlocks(message)
    if (failpoints.armed) await failpoints.hit('upload.commit.afterStore', self)
    const { entry, version, ...record } = file
    return {
      file: record,
      isProtected: message.link?.password !== undefined,
      needsProof: message.link?.proofHash !== undefined,
      ...(entry !== undefined && { entry, version })
    }
  }

  /**
   * A node that is being emptied may be switched off as soon as nothing that had a reference by then needs it. A chunk that gets its first one later must not lean on it.
   */
  staying(): Member[] {
    const { membership, repair } = this.#deps
    // its heartbeat says so a little later than an operator decides it
    const isDraining = ({ peer, state }: Member): boolean =>
      state === 'draining' || repair.drainOf(peer) !== null
    return membership.active('node').filter((node) => !isDraining(node))
  }

  /** What counts now: copies on nodes that are active and stay, recorded in the boots they are in. */
  rule(): CopiesRule {
    const { membership, config } = this.#deps
    return {
      copiesMin: config.replication.copiesMin,
      hostsMin: hostsMinOf(membership.nodeHosts()),
      boots: this.staying().map(({ peer, boot }) => ({ peer, boot }))
    }
  }

  /** The commit has let those of the first page go. Of the rest each is a file's now, too; what is left of them here goes with its time. */
  async #releaseBlocks({ file, chunkCount }: Request<'commitUpload'>): Promise<void> {
    const limit = BLOCKS_PER_PAGE_MAX
    for (let from = limit; from < chunkCount; from += limit)
      await this.#deps.store.releaseBlocks({ file, from, limit })
  }

  /** Of a file from blocks: their place it takes at its commit, and no more than its user has. @throws `invalid-field` for one that is no user's */
  async #limitOf({
    fromBlocks = false,
    entry
  }: Request<'commitUpload'>): Promise<{ bytesMax: number | undefined } | undefined> {
    if (!fromBlocks) return undefined
    if (entry === undefined) throw new PeerbinError('invalid-field', 'fromBlocks: of a user’s file only')
    const { store, config } = this.#deps
    return { bytesMax: await spaceOf(store, config, entry) }
  }

  /** Undefined when copies are missing. */
  async #tryCommit(message: Request<'commitUpload'>): Promise<CommittedFile | undefined> {
    try {
      const { store, config } = this.#deps
      const { deleteGraceMs: graceMs } = config.account
      const entry = message.entry && { ...message.entry, graceMs }
      const fromBlocks = await this.#limitOf(message)
      return await store.commitUpload({ ...message, fromBlocks, entry, ...this.rule() })
    } catch (error) {
      if (hasCode(error, 'copies-missing')) return undefined
      if (hasCode(error, 'space-full')) throw new PeerbinError('quota-exceeded', '', { cause: error })
      throw error
    }
  }

  async #commitVerified(message: Request<'commitUpload'>, signal: AbortSignal): Promise<CommittedFile> {
    const { store, inventory, repair } = this.#deps
    let lacking: ChunkId[] = []
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const page = await store.listLacking(message.upload, this.rule(), LACKING_MAX)
      const before = new Set(lacking)
      lacking = page.map(({ chunk }) => chunk)
      if (round > 0 && lacking.every((chunk) => before.has(chunk))) break // asking did not help these
      await inventory.verify(page, signal)
    }
    const file = await this.#tryCommit(message)
    if (file !== undefined) return file
    repair.urge(lacking) // before everything else
    throw new PeerbinError('copies-missing', '', {
      retryAfterMs: COPIES_RETRY_AFTER_MS,
      details: { chunks: lacking.length }
    })
  }

  async abandon({ upload, failure: why }: Request<'abandonUpload'>): Promise<Response<'abandonUpload'>> {
    const { store, time } = this.#deps
    const failure = why && { ...why, now: time.now() }
    const abandoned = await store.abandonUpload(upload, { failure })
    if (abandoned) this.#deps.onGarbage()
    return { abandoned }
  }
}
