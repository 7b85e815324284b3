import { hasCode, type PeerbinError } from '../../errors.ts'
import type { Clock, ReadOptions } from '../../interfaces.ts'
import { digestOf, matchesId } from '../../protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { looksLikeManifest } from '../../protocol/manifest.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import type { ChunkId } from '../../types.ts'
import { UNREADABLE, type ChunkIndex } from './chunk-index.ts'
import { isHeld, type ChunkRecord } from './chunk-record.ts'
import { checkRange, corrupt, notFound, verificationIsOld } from './chunk-rules.ts'
import type { KeyedLock } from '../../runtime/keyed-lock.ts'
import type { LevelStock } from './level-stock.ts'
import { storeError } from './leveldb.ts'
import type { SliceTable } from './slice-table.ts'

/** A read begins again when the chunk was replaced or removed meanwhile; more often than this nobody does that. */
const READ_ATTEMPTS = 8

export interface LevelReadsDeps {
  readonly index: ChunkIndex
  readonly slices: SliceTable
  readonly stock: LevelStock
  readonly locks: KeyedLock<ChunkId>
  readonly clock: Clock
  readonly onFailure: (failure: PeerbinError) => void
}

/** Verified reads of a LevelDB store, and what they find out: that a chunk is good, or that it is rotten. */
export class LevelReads {
  readonly #deps: LevelReadsDeps

  constructor(deps: LevelReadsDeps) {
    this.#deps = deps
  }

  /** See ChunkStore.get. */
  async get(id: ChunkId, options: ReadOptions): Promise<Uint8Array> {
    const { index, stock } = this.#deps
    const digest = digestOf(id)
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const record = await index.get(digest)
      if (record === undefined) throw notFound(id)
      if (record === UNREADABLE) stock.lost(id)
      if (record === UNREADABLE || !isHeld(record)) throw corrupt(id)
      const { start, end } = checkRange(record.sizeBytes, options)
      // a second read, for the first may have failed on its way from the disk
      const bytes = (await this.#verified(id, record)) ?? (await this.#verified(id, record))
      throwIfAborted(options.signal)
      if (bytes !== undefined) {
        const isOld = options.scrub === true || verificationIsOld(record, this.#deps.clock.now())
        if (isOld || record.manifest === undefined) await this.#noteVerified(id, digest, record, bytes)
        return bytes.subarray(start, end)
      }
      if (await this.#quarantine(id, digest, record)) throw corrupt(id)
      // else it was replaced or removed meanwhile
    }
    throw corrupt(id)
  }

  /**
   * Whether a held chunk looks like a manifest. Records of version 1 do not say: such a chunk is read, verified, and then its record says so.
   * A recovery asks this, and must not miss a manifest; a chunk of full size is none, for a manifest is a list of at most 100,000 entries.
   */
  async isManifest(id: ChunkId, record: ChunkRecord): Promise<boolean> {
    if (record.manifest !== undefined) return record.manifest
    if (record.sizeBytes === CHUNK_BYTES_MAX) return false
    try {
      return looksLikeManifest(await this.get(id, {}))
    } catch (error) {
      if (hasCode(error, 'chunk-corrupt', 'chunk-not-found')) return false // it is not held any more
      throw error
    }
  }

  /** The bytes of a chunk when they match its id. */
  async #verified(id: ChunkId, record: ChunkRecord): Promise<Uint8Array | undefined> {
    const bytes = await this.#deps.slices.read(record.sequence, record.sizeBytes)
    return bytes !== undefined && matchesId(id, bytes) ? bytes : undefined
  }

  /** Marks a chunk as rotten that was read by this record; false when it has another by now. */
  async #quarantine(id: ChunkId, digest: Uint8Array, read: ChunkRecord): Promise<boolean> {
    const { index, stock, locks, clock, onFailure } = this.#deps
    return await locks.run(id, async () => {
      const found = await index.get(digest)
      if (found === undefined || (found !== UNREADABLE && found.sequence !== read.sequence)) return false
      if (found === UNREADABLE || !isHeld(found)) return true
      const rotten = { ...found, quarantinedAt: clock.now() }
      try {
        await index.put(digest, rotten)
        stock.change(id, found, rotten)
      } catch (error) {
        // it is rotten all the same, and the next read finds that out again
        onFailure(storeError(error, 'quarantine a chunk'))
      }
      return true
    })
  }

  /**
   * Moves `verifiedAt`, and notes what an old record does not know yet. Not synced: after a power cut a scrub reads the chunk
   * once more.
   */
  async #noteVerified(id: ChunkId, digest: Uint8Array, read: ChunkRecord, bytes: Uint8Array): Promise<void> {
    const { index, locks, clock, onFailure } = this.#deps
    await locks.run(id, async () => {
      const record = await index.get(digest)
      if (record === UNREADABLE || !isHeld(record) || record.sequence !== read.sequence) return
      const noted = { ...record, verifiedAt: clock.now(), manifest: looksLikeManifest(bytes) }
      try {
        await index.put(digest, noted, { sync: false })
      } catch (error) {
        // the bytes are good whether or not this can be written
        onFailure(storeError(error, 'note that a chunk was verified'))
      }
    })
  }
}
