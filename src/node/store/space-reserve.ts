import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import type { ChunkStore, SignalOptions, StoreUsage } from '../../interfaces.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'
import { freeSpaceOf } from './disk-space.ts'
import { ForwardingChunkStore } from './forwarding.ts'
import { storeError } from './leveldb.ts'

/** Name of the file in the store's folder that can be deleted by hand. */
export const BALLAST_NAME = 'ballast'
const WRITE_BYTES = 1024 * 1024

/**
 * Keeps a reserve of free space, for LevelDB cannot even open again on a full disk, and needs room to give space back. Below the reserve new chunks
 * are answered with `store-full`; chunks that are there already, raises, reads and deletes go on: what those write is small. A ballast file is the last resort of
 * an operator whose disk was filled by something else.
 */
export class SpaceReserve extends ForwardingChunkStore {
  readonly #folder: string
  readonly #reserveBytes: number
  readonly #ballastBytes: number
  readonly #freeSpace: () => Promise<number>
  /** Bytes of puts that were let in and have not settled: the file system does not count them yet. */
  #comingBytes = 0

  /** @param deps `folder`: where the store is, made by its `open`; `freeSpace`: bytes free there; `ballastBytes` 0: none. */
  constructor(deps: {
    readonly store: ChunkStore
    readonly folder: string
    readonly reserveBytes: number
    readonly ballastBytes: number
    readonly freeSpace?: () => Promise<number>
  }) {
    super(deps.store)
    this.#folder = deps.folder
    this.#reserveBytes = deps.reserveBytes
    this.#ballastBytes = deps.ballastBytes
    this.#freeSpace = deps.freeSpace ?? (() => freeSpaceOf(deps.folder))
  }

  override async open(): Promise<void> {
    await this.inner.open()
    try {
      await this.#keepBallast()
    } catch (error) {
      await this.inner.close()
      throw storeError(error, `write ${join(this.#folder, BALLAST_NAME)}`)
    }
  }

  override async put(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    options?: SignalOptions
  ): Promise<ChunkInfo> {
    const room = (await this.#room()) - this.#comingBytes
    // a chunk that is there takes no space, and its generation must be raised even on a full disk
    if (room < bytes.byteLength && (await this.inner.stat(id)) === undefined) {
      throw new PeerbinError('store-full', '', { details: { reserveBytes: this.#reserveBytes } })
    }
    this.#comingBytes += bytes.byteLength
    try {
      return await this.inner.put(id, bytes, generation, options)
    } finally {
      this.#comingBytes -= bytes.byteLength
    }
  }

  override async usage(): Promise<StoreUsage> {
    const [usage, room] = await Promise.all([this.inner.usage(), this.#room()])
    return { ...usage, freeBytes: Math.max(0, Math.min(usage.freeBytes, room)) }
  }

  /** Free space above the reserve; may be negative. */
  async #room(): Promise<number> {
    const free = await this.#freeSpace().catch((error: unknown) => {
      throw storeError(error, 'ask for free space')
    })
    return free - this.#reserveBytes
  }

  /** Makes the ballast, or makes it as large as it should be; never at the cost of the reserve. */
  async #keepBallast(): Promise<void> {
    const path = join(this.#folder, BALLAST_NAME)
    const size = await stat(path).then(
      (found) => found.size,
      () => 0 // not there, or not to be read: then writing it says why
    )
    if (size === this.#ballastBytes) return
    await rm(path, { force: true })
    if (this.#ballastBytes === 0 || (await this.#room()) < this.#ballastBytes) return
    const file = await open(path, 'w')
    try {
      const zeros = new Uint8Array(WRITE_BYTES)
      for (let left = this.#ballastBytes; left > 0; left -= WRITE_BYTES) {
        await file.writeFile(zeros.subarray(0, Math.min(left, WRITE_BYTES)))
      }
    } finally {
      await file.close()
    }
  }
}
