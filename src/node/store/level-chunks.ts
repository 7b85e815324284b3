import { join } from 'node:path'
import type { PeerbinError } from '../../errors.ts'
import type { Clock, ListOptions, ReadOptions, StoreUsage } from '../../interfaces.ts'
import { chunkIdFromDigest, digestOf } from '../../protocol/ids.ts'
import { looksLikeManifest } from '../../protocol/manifest.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'
import { ChunkIndex, UNREADABLE, type FoundRecord } from './chunk-index.ts'
import { isHeld, type ChunkRecord } from './chunk-record.ts'
import { checkCapacity, verificationIsOld } from './chunk-rules.ts'
import { KeyedLock } from '../../runtime/keyed-lock.ts'
import { LevelReads } from './level-reads.ts'
import { LevelStock } from './level-stock.ts'
import { openError, storeError, withRemedy } from './leveldb.ts'
import { marked } from './opening-mark.ts'
import { noteOrphans } from './orphans.ts'
import { Reclaimer } from './reclaimer.ts'
import { SliceTable } from './slice-table.ts'
import { takeStock, type Findings } from './take-stock.ts'

export interface LevelChunksDeps {
  readonly folder: string
  readonly clock: Clock
  readonly capacityBytes: number
  readonly freeSpace: () => Promise<number>
  readonly onFailure: (failure: PeerbinError) => void
  /** Told, in words for an operator, when the opening before this one did not come to its end. */
  readonly onCutOpening: (text: string) => void
}

interface Parts {
  readonly index: ChunkIndex
  readonly slices: SliceTable
}

/** What LevelChunkStore does while it is open. Arguments have been checked. */
export class LevelChunks {
  readonly #deps: LevelChunksDeps
  readonly #index: ChunkIndex
  readonly #slices: SliceTable
  readonly #reclaimer: Reclaimer
  readonly #locks = new KeyedLock<ChunkId>()
  readonly #stock: LevelStock
  readonly #reads: LevelReads
  #nextSequence: number

  private constructor(deps: LevelChunksDeps, parts: Parts, findings: Findings) {
    const { clock, freeSpace, onFailure } = deps
    this.#deps = deps
    this.#index = parts.index
    this.#slices = parts.slices
    this.#stock = new LevelStock(clock, findings)
    this.#reads = new LevelReads({ ...parts, stock: this.#stock, locks: this.#locks, clock, onFailure })
    this.#nextSequence = findings.last + 1
    let sequences: Float64Array | undefined = findings.sequences
    this.#reclaimer = new Reclaimer({
      ...parts,
      clock,
      freeSpace,
      onFailure,
      noteOrphans: async (signal) => {
        if (sequences !== undefined) await noteOrphans(parts, sequences, findings.last, signal)
        sequences = undefined // megabytes that nobody needs any more
      }
    })
    this.#reclaimer.nudge()
  }

  /** @throws `data-in-use`, `data-incompatible`, `store-failed` */
  static async open(deps: LevelChunksDeps): Promise<LevelChunks> {
    const open = (): Promise<LevelChunks> => LevelChunks.#open(deps)
    return await marked(deps.folder, open, deps.onCutOpening).catch((error: unknown) => {
      throw withRemedy(error, deps.folder)
    })
  }

  static async #open(deps: LevelChunksDeps): Promise<LevelChunks> {
    const { folder } = deps
    await using opened = new AsyncDisposableStack()
    const index = opened.adopt(await ChunkIndex.open(join(folder, 'chunks')), (part) => part.close())
    const slices = opened.adopt(await SliceTable.open(join(folder, 'slices')), (part) => part.close())
    const findings = await takeStock(index, slices).catch((error: unknown) => {
      throw openError(error, folder)
    })
    opened.move()
    return new LevelChunks(deps, { index, slices }, findings)
  }

  /** Ends what goes on by itself. */
  async stop(): Promise<void> {
    await this.#reclaimer.stop()
  }

  /** After `stop`, and when nothing else is under way. */
  async close(): Promise<void> {
    try {
      await this.#slices.close()
    } finally {
      await this.#index.close()
    }
  }

  async reclaim(): Promise<void> {
    await this.#reclaimer.run()
  }

  put(id: ChunkId, bytes: Uint8Array, generation: Generation, signal?: AbortSignal): Promise<ChunkInfo> {
    return this.#locks.run(id, async () => {
      throwIfAborted(signal)
      const digest = digestOf(id)
      const found = await this.#index.get(digest)
      const old = found === UNREADABLE ? undefined : found
      if (isHeld(old) && (await this.#holds(old, bytes))) {
        const now = this.#deps.clock.now()
        if (generation <= old.generation && !verificationIsOld(old, now)) return infoOf(id, old)
        const manifest = looksLikeManifest(bytes)
        const raised = { ...old, generation: greater(old, generation), verifiedAt: now, manifest }
        await this.#index.put(digest, raised)
        return infoOf(id, raised)
      }
      return await this.#store(id, bytes, generation, found, signal)
    })
  }

  /** See ChunkStore.get. */
  get(id: ChunkId, options: ReadOptions): Promise<Uint8Array> {
    return this.#reads.get(id, options)
  }

  async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    const record = await this.#index.get(digestOf(id))
    return record === UNREADABLE || !isHeld(record) ? undefined : infoOf(id, record)
  }

  raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    return this.#locks.run(id, async () => {
      const digest = digestOf(id)
      const record = await this.#index.get(digest)
      if (record === UNREADABLE || !isHeld(record)) return undefined
      const raised = { ...record, generation: greater(record, generation) }
      if (raised.generation > record.generation) await this.#index.put(digest, raised)
      return infoOf(id, raised)
    })
  }

  delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#locks.run(id, async () => {
      const found = await this.#index.get(digestOf(id))
      if (found === undefined) return true
      // nothing can be read by a damaged record, so nothing is lost with it
      if (found !== UNREADABLE && found.generation > generation) return false
      await this.#forget(id, found)
      return true
    })
  }

  /** @param options `limit` was checked */
  async list(options: ListOptions): Promise<ChunkInfo[]> {
    const { limit, manifests = false } = options
    const after = options.after === undefined ? undefined : digestOf(options.after)
    const infos: ChunkInfo[] = []
    const pageRecords = manifests ? undefined : limit
    for await (const { digest, record } of this.#index.records({ after, pageRecords })) {
      if (record === UNREADABLE || !isHeld(record)) continue
      const id = chunkIdFromDigest(digest)
      if (!manifests) infos.push(infoOf(id, record))
      else if (await this.#reads.isManifest(id, record)) infos.push({ ...infoOf(id, record), manifest: true })
      if (infos.length === limit) break
    }
    return infos
  }

  /** @param limit was checked */
  async dropQuarantined(before: number, limit: number): Promise<number> {
    if (this.#stock.quarantined === 0) return 0
    const isRipe = (id: ChunkId, found: FoundRecord | undefined): found is FoundRecord => {
      const since = this.#stock.quarantinedSince(id, found)
      return since !== undefined && since < before
    }
    let dropped = 0
    for await (const { digest, record } of this.#index.records()) {
      const id = chunkIdFromDigest(digest)
      if (!isRipe(id, record)) continue
      await this.#locks.run(id, async () => {
        const found = await this.#index.get(digest)
        if (!isRipe(id, found)) return
        await this.#forget(id, found)
        dropped++
      })
      if (dropped === limit) break
    }
    return dropped
  }

  async usage(): Promise<StoreUsage> {
    const diskBytes = await this.#deps.freeSpace().catch((error: unknown) => {
      throw storeError(error, 'ask for free space')
    })
    return this.#stock.usage(this.#deps.capacityBytes, diskBytes)
  }

  /** Writes a chunk that is not there, or is there but rotten (`found`); inside its lock. */
  async #store(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    found: FoundRecord | undefined,
    signal: AbortSignal | undefined
  ): Promise<ChunkInfo> {
    const now = this.#deps.clock.now()
    const old = found === UNREADABLE ? undefined : found
    const grows = Math.max(0, bytes.byteLength - (old?.sizeBytes ?? 0))
    checkCapacity(old === undefined ? this.#deps.capacityBytes : 0, this.#stock.takenBytes, grows)
    this.#stock.coming(grows)
    try {
      const record: ChunkRecord = {
        sizeBytes: bytes.byteLength,
        sequence: this.#nextSequence++,
        generation: old === undefined ? generation : greater(old, generation),
        storedAt: now,
        verifiedAt: now,
        manifest: looksLikeManifest(bytes),
        quarantinedAt: undefined
      }
      await this.#slices.append(record.sequence, bytes, signal)
      await this.#index.put(digestOf(id), record, { replaces: old?.sequence })
      this.#stock.change(id, found, record)
      if (old !== undefined) this.#reclaimer.nudge()
      return infoOf(id, record)
    } finally {
      this.#stock.coming(-grows)
    }
  }

  /** Removes a record, and its slices behind it; inside the lock of the chunk. */
  async #forget(id: ChunkId, found: FoundRecord): Promise<void> {
    await this.#index.remove(digestOf(id), found === UNREADABLE ? undefined : found.sequence)
    this.#stock.change(id, found, undefined)
    this.#reclaimer.nudge()
  }

  /** Whether what is stored is what came, which has been checked against the id: cheaper than a hash. */
  async #holds(record: ChunkRecord, bytes: Uint8Array): Promise<boolean> {
    if (record.sizeBytes !== bytes.byteLength) return false
    const stored = await this.#slices.read(record.sequence, record.sizeBytes)
    return stored !== undefined && Buffer.compare(stored, bytes) === 0
  }
}

const greater = (record: ChunkRecord, generation: Generation): number =>
  Math.max(record.generation, generation)

const infoOf = (id: ChunkId, record: ChunkRecord): ChunkInfo => ({
  id,
  sizeBytes: record.sizeBytes,
  generation: record.generation as Generation,
  storedAt: record.storedAt,
  verifiedAt: record.verifiedAt,
  manifest: record.manifest ?? false
})
