import { join } from 'node:path'
import { hasCode, type PeerbinError } from '../../errors.ts'
import type { Clock, ListOptions, StoreUsage } from '../../interfaces.ts'
import { chunkIdFromDigest, digestOf, matchesId } from '../../protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { looksLikeManifest } from '../../protocol/manifest.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'
import { ChunkIndex, UNREADABLE, type FoundRecord } from './chunk-index.ts'
import type { ChunkRecord } from './chunk-record.ts'
import { checkCapacity, checkRange, corrupt, notFound, verificationIsOld } from './chunk-rules.ts'
import { KeyedLock } from './keyed-lock.ts'
import { openError, storeError } from './leveldb.ts'
import { noteOrphans } from './orphans.ts'
import { Reclaimer } from './reclaimer.ts'
import { SliceTable } from './slice-table.ts'
import type { Counted } from './stock.ts'
import { LOST, takeStock, type Findings } from './take-stock.ts'

/** A read begins again when the chunk was replaced or removed meanwhile; more often than this nobody does that. */
const READ_ATTEMPTS = 8

export interface LevelChunksDeps {
  readonly folder: string
  readonly clock: Clock
  readonly capacityBytes: number
  readonly freeSpace: () => Promise<number>
  readonly onFailure: (failure: PeerbinError) => void
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
  readonly #stock: Findings['stock']
  /** Chunks whose record is damaged, and when that was found: they count as in quarantine since then. */
  readonly #unreadable: Map<ChunkId, number>
  #nextSequence: number

  private constructor(deps: LevelChunksDeps, parts: Parts, findings: Findings) {
    const { clock, freeSpace, onFailure } = deps
    this.#deps = deps
    this.#index = parts.index
    this.#slices = parts.slices
    this.#stock = findings.stock
    this.#unreadable = new Map(findings.unreadable.map((id) => [id, clock.now()]))
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

  async get(
    id: ChunkId,
    range: { offset?: number | undefined; length?: number | undefined },
    signal?: AbortSignal
  ): Promise<Uint8Array> {
    const digest = digestOf(id)
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const record = await this.#index.get(digest)
      if (record === undefined) throw notFound(id)
      if (record === UNREADABLE) this.#count(id, record)
      if (record === UNREADABLE || !isHeld(record)) throw corrupt(id)
      const { start, end } = checkRange(record.sizeBytes, range)
      // a second read, for the first may have failed on its way from the disk
      const bytes = (await this.#verified(id, record)) ?? (await this.#verified(id, record))
      throwIfAborted(signal)
      if (bytes !== undefined) {
        await this.#noteVerified(id, digest, record, bytes)
        return bytes.subarray(start, end)
      }
      if (await this.#quarantine(id, digest, record)) throw corrupt(id)
      // else it was replaced or removed meanwhile
    }
    throw corrupt(id)
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
      else if (await this.#isManifest(id, record)) infos.push({ ...infoOf(id, record), manifest: true })
      if (infos.length === limit) break
    }
    return infos
  }

  /** @param limit was checked */
  async dropQuarantined(before: number, limit: number): Promise<number> {
    if (this.#stock.quarantined === 0) return 0
    const isRipe = (id: ChunkId, found: FoundRecord | undefined): found is FoundRecord => {
      const since = found === UNREADABLE ? this.#unreadable.get(id) : found?.quarantinedAt
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
      this.#change(id, found, record)
      if (old !== undefined) this.#reclaimer.nudge()
      return infoOf(id, record)
    } finally {
      this.#stock.coming(-grows)
    }
  }

  /** Removes a record, and its slices behind it; inside the lock of the chunk. */
  async #forget(id: ChunkId, found: FoundRecord): Promise<void> {
    await this.#index.remove(digestOf(id), found === UNREADABLE ? undefined : found.sequence)
    this.#change(id, found, undefined)
    this.#reclaimer.nudge()
  }

  /** Whether what is stored is what came, which has been checked against the id: cheaper than a hash. */
  async #holds(record: ChunkRecord, bytes: Uint8Array): Promise<boolean> {
    if (record.sizeBytes !== bytes.byteLength) return false
    const stored = await this.#slices.read(record.sequence, record.sizeBytes)
    return stored !== undefined && Buffer.compare(stored, bytes) === 0
  }

  /** The bytes of a chunk when they match its id. */
  async #verified(id: ChunkId, record: ChunkRecord): Promise<Uint8Array | undefined> {
    const bytes = await this.#slices.read(record.sequence, record.sizeBytes)
    return bytes !== undefined && matchesId(id, bytes) ? bytes : undefined
  }

  /** Marks a chunk as rotten that was read by this record; false when it has another by now. */
  async #quarantine(id: ChunkId, digest: Uint8Array, read: ChunkRecord): Promise<boolean> {
    return await this.#locks.run(id, async () => {
      const found = await this.#index.get(digest)
      if (found === undefined || (found !== UNREADABLE && found.sequence !== read.sequence)) return false
      if (found === UNREADABLE || !isHeld(found)) return true
      const rotten = { ...found, quarantinedAt: this.#deps.clock.now() }
      try {
        await this.#index.put(digest, rotten)
        this.#change(id, found, rotten)
      } catch (error) {
        // it is rotten all the same, and the next read finds that out again; that nothing can be written is heard otherwise
        this.#deps.onFailure(storeError(error, 'quarantine a chunk'))
      }
      return true
    })
  }

  /**
   * Moves `verifiedAt` now and then, and notes what an old record does not know yet. Not synced: after a power cut a scrub reads the chunk
   * once more.
   */
  async #noteVerified(id: ChunkId, digest: Uint8Array, read: ChunkRecord, bytes: Uint8Array): Promise<void> {
    const now = this.#deps.clock.now()
    if (!verificationIsOld(read, now) && read.manifest !== undefined) return
    await this.#locks.run(id, async () => {
      const record = await this.#index.get(digest)
      if (record === UNREADABLE || !isHeld(record) || record.sequence !== read.sequence) return
      const noted = { ...record, verifiedAt: now, manifest: looksLikeManifest(bytes) }
      try {
        await this.#index.put(digest, noted, { sync: false })
      } catch (error) {
        // the bytes are good whether or not this can be written
        this.#deps.onFailure(storeError(error, 'note that a chunk was verified'))
      }
    })
  }

  /**
   * Whether a held chunk looks like a manifest. Records of version 1 do not say: such a chunk is read, verified, and then its record says so.
   * A recovery asks this, and must not miss a manifest; a chunk of full size is none, for a manifest is a list of at most 100,000 entries.
   */
  async #isManifest(id: ChunkId, record: ChunkRecord): Promise<boolean> {
    if (record.manifest !== undefined) return record.manifest
    if (record.sizeBytes === CHUNK_BYTES_MAX) return false
    try {
      return looksLikeManifest(await this.get(id, {}))
    } catch (error) {
      if (hasCode(error, 'chunk-corrupt', 'chunk-not-found')) return false // it is not held any more
      throw error
    }
  }

  #change(id: ChunkId, from: FoundRecord | undefined, to: ChunkRecord | undefined): void {
    this.#stock.change(this.#count(id, from), to)
    this.#unreadable.delete(id)
  }

  /** How a chunk is counted. One whose record has become unreadable was counted as held: its size is not known now, and stays in `usedBytes`. */
  #count(id: ChunkId, found: FoundRecord | undefined): Counted | undefined {
    if (found !== UNREADABLE) return found
    if (!this.#unreadable.has(id)) {
      this.#unreadable.set(id, this.#deps.clock.now())
      this.#stock.change({ sizeBytes: 0, quarantinedAt: undefined }, LOST)
    }
    return LOST
  }
}

const isHeld = (record: ChunkRecord | undefined): record is ChunkRecord =>
  record !== undefined && record.quarantinedAt === undefined

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
