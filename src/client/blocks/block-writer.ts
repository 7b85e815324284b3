/** Stores blocks: chunks of files that come later. */

import { PeerbinError, hasCode } from '../../errors.ts'
import type { BlockRef } from '../../metadata-store.ts'
import { blockIdOf } from '../../protocol/block-id.ts'
import { chunkIdOf } from '../../protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { abortScope, sleep } from '../../runtime/deadline.ts'
import type { ChunkId, Generation, Receipt, UserId } from '../../types.ts'
import { ChunkMemory } from '../chunk-memory.ts'
import type { ResumableWriterDeps } from '../resume/resumable-writer.ts'
import { guardSource } from '../source-guard.ts'
import { commitBlocks } from './commit-blocks.ts'
import type { BlockFile, BlockOutcome } from './commit-blocks.ts'

/** Pause before a block is staged again, where the controller says nothing of it. */
const RETRY_MS = 500
/** Blocks that are asked for in one step of the metadata: others get their turn in between. */
const BLOCKS_PER_QUESTION = 250
/** A block whose reservation was let go while its bytes were on their way is sent again, once. */
const ATTEMPTS_MAX = 2

export interface BlockWriterDeps extends ResumableWriterDeps {
  /** Fewest bytes of the blocks of a file but its last; default: BLOCK_BYTES_MIN. The simulator's files are small. */
  readonly blockBytesMin?: number | undefined
}

export interface BlockSource {
  readonly source: AsyncIterable<Uint8Array>
  /** Length of the block, where the sender gave one. */
  readonly declaredBytes?: number | undefined
  /** Hex digest that it must have. */
  readonly sha256?: string | undefined
  readonly signal: AbortSignal
}

export class BlockWriter {
  readonly #deps: BlockWriterDeps
  readonly #memory: ChunkMemory
  readonly #background = new Set<Promise<void>>()

  constructor(deps: BlockWriterDeps) {
    this.#deps = deps
    const { memory: budget, clock, config } = deps
    this.#memory = new ChunkMemory({ budget, clock, waitMs: config.edge.memoryWaitMs })
  }

  /**
   * Reads a block and stores it, as `put` does.
   * @throws `empty-file`, `chunk-too-large`, `upload-incomplete`, `upload-stalled`, `busy` (no memory in time), and what `put` does
   */
  async receive(user: UserId, { source, declaredBytes, sha256, signal }: BlockSource): Promise<BlockRef> {
    const { chunks, clock, config } = this.#deps
    if (declaredBytes === 0) throw new PeerbinError('empty-file')
    if ((declaredBytes ?? 1) > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
    chunks.checkNodes()
    using stop = abortScope(signal)
    const buffer = await this.#memory.lease(declaredBytes ?? CHUNK_BYTES_MAX, stop.signal)
    let bytesFree = false
    try {
      const { stallMs, rateMinBytes } = config.edge
      let sizeBytes = 0
      for await (const piece of guardSource(source, { clock, stallMs, rateMinBytes, signal: stop.signal })) {
        if (sizeBytes + piece.byteLength > buffer.sizeBytes) throw new PeerbinError('chunk-too-large')
        buffer.bytes.set(piece, sizeBytes)
        sizeBytes += piece.byteLength
      }
      if (sizeBytes === 0) throw new PeerbinError('empty-file')
      if (sizeBytes < (declaredBytes ?? 0)) throw new PeerbinError('upload-incomplete')
      const put = await this.#put(user, buffer.bytes.subarray(0, sizeBytes), sha256, stop.signal)
      bytesFree = put.bytesFree
      return put.block
    } finally {
      if (!bytesFree) buffer.spoil() // a stream that never got its answer may still refer to them
      buffer.release()
    }
  }

  /**
   * Stores a block of 1 to CHUNK_BYTES_MAX bytes, which must not change until the call has settled. Resolves when it is durable on enough nodes and the user's. The bytes go to the nodes unless
   * the user has the block: whether others have it makes no difference.
   *
   * @throws `checksum-mismatch` for another digest, `quota-exceeded`, `blocks-full`, `not-enough-nodes`, `cluster-full`, `copies-missing`, `no-controller`, the signal's reason
   */
  async put(
    user: UserId,
    bytes: Uint8Array,
    { sha256, signal }: { sha256?: string | undefined; signal: AbortSignal }
  ): Promise<BlockRef> {
    return (await this.#put(user, bytes, sha256, signal)).block
  }

  /** Which of these the user has to send; the others are kept. */
  async missing(user: UserId, blocks: readonly ChunkId[], signal: AbortSignal): Promise<ChunkId[]> {
    const missing: ChunkId[] = []
    for (let from = 0; from < blocks.length; from += BLOCKS_PER_QUESTION) {
      const page = blocks.slice(from, from + BLOCKS_PER_QUESTION)
      const answer = await this.#deps.controller.call('queryBlocks', { user, chunks: page }, { signal })
      missing.push(...answer.missing)
    }
    return missing
  }

  /** Makes a version of a user's file of blocks that the user possesses. @throws what commitBlocks does */
  async commit(file: BlockFile): Promise<BlockOutcome> {
    return await commitBlocks({ ...this.#deps, memory: this.#memory, background: this.#background }, file)
  }

  /** Resolves when nothing of failed commits is being given up any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#background)
  }

  async #put(
    user: UserId,
    bytes: Uint8Array,
    sha256: string | undefined,
    signal: AbortSignal
  ): Promise<{ block: BlockRef; bytesFree: boolean }> {
    const { controller, chunks } = this.#deps
    const chunk = chunkIdOf(bytes)
    if (sha256 !== undefined && chunk !== blockIdOf(sha256)) throw new PeerbinError('checksum-mismatch')
    const sizeBytes = bytes.byteLength
    const block = { chunk, sizeBytes }
    let bytesFree = true
    for (let attempt = 1; ; attempt++) {
      const { generation, staged } = await controller.call(
        'reserveBlock',
        { user, chunk, sizeBytes },
        { signal }
      )
      if (staged) return { block, bytesFree }
      const sent = await chunks.send({ chunk, generation, bytes, signal })
      bytesFree &&= sent.bytesFree
      try {
        await this.#stage({ user, chunk, generation, receipts: sent.receipts }, signal)
        return { block, bytesFree }
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX || !hasCode(error, 'upload-unknown')) throw error
      }
    }
  }

  /** As commitUpload: copies that were there may be doubted for a moment. */
  async #stage(
    message: { user: UserId; chunk: ChunkId; generation: Generation; receipts: Receipt[] },
    signal: AbortSignal
  ): Promise<void> {
    const { controller, clock, config } = this.#deps
    const endsAt = clock.monotonic() + config.controller.commitWaitMs
    for (;;) {
      try {
        await controller.call('stageBlock', message, { signal })
        return
      } catch (error) {
        const pauseMs = hasCode(error, 'copies-missing') ? (error.retryAfterMs ?? RETRY_MS) : Infinity
        if (clock.monotonic() + pauseMs >= endsAt) throw error
        await sleep(clock, pauseMs, signal)
      }
    }
  }
}
