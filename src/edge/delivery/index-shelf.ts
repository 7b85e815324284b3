/** Indexes of bundles that are being looked at or downloaded: each is read once for all who need it, and all of them together take up so much memory and no more. */

import { ENTRIES_MAX, checkIndex } from '../../bundle/index.ts'
import type { BundleIndex } from '../../bundle/index.ts'
import { ZipLayout } from '../../bundle/zip-layout.ts'
import type { ControllerClient } from '../../client/controller-client.ts'
import type { FileReader } from '../../client/file-reader.ts'
import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { CHUNKS_PER_PAGE_MAX, INDEX_BYTES_MAX } from '../../protocol/limits.ts'
import type { PlacedChunk } from '../../protocol/messages.ts'
import { payloadBytesOf } from '../../protocol/payload.ts'
import { Budget } from '../../runtime/budget.ts'
import type { Lease } from '../../runtime/budget.ts'
import { abortable, deadline, throwIfAborted } from '../../runtime/deadline.ts'
import type { FileId, FileRecord } from '../../types.ts'

/** What an index takes up once it is read, for each of its bytes: its text, its paths, and the directory of the archive. */
const MEMORY_FACTOR = 3
/** And for each entry: the objects that it becomes, which are more than its text where paths are short. */
const ENTRY_MEMORY_BYTES = 320
/** `{"path":"a","size":0,"crc32":"00000000"},`: an index that has not been read yet may have so many of them. */
const ENTRY_TEXT_BYTES_MIN = 41
/** Of what the edge has for chunks, so much beside it. Never less than the largest index takes. */
const MEMORY_SHARE = 2
/** How long somebody waits while others hold all of it; then later is better. */
const WAIT_MS = 10_000
const RETRY_MS = 5000
/** Indexes that nobody uses at the moment and that are kept for the next who asks. */
const IDLE_MAX = 256

/** Memory that an index of so many bytes takes up at most. */
export const indexMemory = (indexBytes: number): number =>
  indexBytes * MEMORY_FACTOR +
  Math.min(ENTRIES_MAX, Math.ceil(indexBytes / ENTRY_TEXT_BYTES_MIN)) * ENTRY_MEMORY_BYTES

/** An index in use; dispose of it when what it was needed for is over. */
export interface HeldIndex extends Disposable {
  readonly index: BundleIndex
  /** The archive that is made of it. */
  readonly layout: ZipLayout
}

interface ReadIndex {
  readonly index: BundleIndex
  readonly layout: ZipLayout
}

interface Shelved {
  /** Not ended when the first who asked goes away: others may have come to wait for it. */
  readonly read: Promise<ReadIndex>
  /** Ends the wait for memory, when nobody waits any more. */
  readonly given: AbortController
  /** Once there is memory for it. */
  lease: Lease | undefined
  holders: number
}

export interface IndexShelfDeps {
  readonly reader: FileReader
  readonly controller: ControllerClient
  readonly clock: Clock
  readonly config: Config
}

/** A file with an index that is not encrypted, as a claim or a link names it. */
export type Bundle = Pick<FileRecord, 'id' | 'sizeBytes' | 'indexBytes' | 'chunkCount'>

export class IndexShelf {
  readonly #deps: IndexShelfDeps
  readonly #memory: Budget
  /** The one that was used last is last. */
  readonly #shelved = new Map<FileId, Shelved>()

  constructor(deps: IndexShelfDeps) {
    this.#deps = deps
    const { memoryBytes, memoryWaitersMax } = deps.config.edge
    const total = Math.max(Math.floor(memoryBytes / MEMORY_SHARE), indexMemory(INDEX_BYTES_MAX))
    this.#memory = new Budget(total, memoryWaitersMax)
  }

  /** Bytes that indexes take up now. */
  get usedBytes(): number {
    return this.#memory.used
  }

  /**
   * @param chunks the file's first page of chunks, where it is known
   * @throws `index-invalid`; `busy`; `chunk-unavailable` when no copy can be reached, or the file is not there any more; the signal's reason
   */
  async get(
    file: Bundle,
    chunks: readonly PlacedChunk[] | undefined,
    signal: AbortSignal
  ): Promise<HeldIndex> {
    const shelved = this.#shelved.get(file.id) ?? this.#shelve(file, chunks)
    this.#shelved.delete(file.id)
    this.#shelved.set(file.id, shelved)
    shelved.lease?.keep()
    shelved.holders++
    let isHeld = true
    const letGo = (): void => {
      if (isHeld) this.#letGo(file.id, shelved)
      isHeld = false
    }
    try {
      return { ...(await abortable(shelved.read, signal)), [Symbol.dispose]: letGo }
    } catch (error) {
      letGo()
      throw error
    }
  }

  #shelve(file: Bundle, chunks: readonly PlacedChunk[] | undefined): Shelved {
    const given = new AbortController()
    const work = async (): Promise<ReadIndex> => {
      const lease = await this.#lease(indexMemory(file.indexBytes), given.signal)
      if (given.signal.aborted) lease.release() // it came when the last who waited had just gone
      throwIfAborted(given.signal)
      shelved.lease = lease
      return await this.#read(file, chunks)
    }
    const shelved: Shelved = {
      given,
      lease: undefined,
      holders: 0,
      // begun when the record of it is whole
      read: Promise.resolve().then(work)
    }
    shelved.read.catch(() => this.#drop(file.id, shelved))
    return shelved
  }

  async #lease(amount: number, signal: AbortSignal): Promise<Lease> {
    using limit = deadline(this.#deps.clock, WAIT_MS, signal)
    try {
      return await this.#memory.acquire(amount, limit.signal)
    } catch (error) {
      throwIfAborted(signal)
      throw new PeerbinError('busy', 'too many lists of files are in use', {
        cause: error,
        retryAfterMs: RETRY_MS
      })
    }
  }

  #letGo(id: FileId, shelved: Shelved): void {
    if (--shelved.holders > 0) return
    if (shelved.lease === undefined) {
      this.#drop(id, shelved)
      shelved.given.abort(new PeerbinError('aborted', 'nobody waits for this index any more'))
      return
    }
    shelved.lease.offer(() => this.#drop(id, shelved))
    if (this.#shelved.size <= IDLE_MAX) return
    const idle = [...this.#shelved].find(([, { holders }]) => holders === 0)
    if (idle !== undefined) this.#drop(...idle)
  }

  #drop(id: FileId, shelved: Shelved): void {
    if (this.#shelved.get(id) === shelved) this.#shelved.delete(id)
    shelved.lease?.release()
  }

  async #read(file: Bundle, chunks: readonly PlacedChunk[] | undefined): Promise<ReadIndex> {
    const payloadBytes = payloadBytesOf(file)
    const bytes = new Uint8Array(file.indexBytes)
    let filled = 0
    for await (const piece of this.#deps.reader.read({
      file: file.id,
      sizeBytes: file.sizeBytes,
      chunkCount: file.chunkCount,
      firstPage: chunks ?? (await firstPage(this.#deps.controller, file)),
      range: { start: payloadBytes, end: file.sizeBytes }
    })) {
      bytes.set(piece, filled)
      filled += piece.byteLength
    }
    const index = checkIndex(bytes, payloadBytes)
    return { index, layout: new ZipLayout(index) }
  }
}

/** The beginning of a file's chunks, for whoever has no claim that brought them. */
export async function firstPage(
  controller: Pick<ControllerClient, 'call'>,
  { id }: Pick<FileRecord, 'id'>
): Promise<readonly PlacedChunk[]> {
  const { chunks } = await controller.call('listFileChunks', {
    file: id,
    from: 0,
    limit: CHUNKS_PER_PAGE_MAX
  })
  return chunks
}
