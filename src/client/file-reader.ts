/** Reads a file out of the cluster: verified bytes in order, fetched ahead while memory is free. */

import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Clock, Logger } from '../interfaces.ts'
import { FRAME_BYTES_MAX } from '../protocol/limits.ts'
import type { ChunkMessages, PlacedChunk } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import type { Budget } from '../runtime/budget.ts'
import { abortScope, throwIfAborted } from '../runtime/deadline.ts'
import type { ByteRange, FileId } from '../types.ts'
import { ChunkFetcher } from './chunk-fetcher.ts'
import { ChunkMemory } from './chunk-memory.ts'
import type { ChunkBuffer } from './chunk-memory.ts'
import { ChunkPlan } from './chunk-plan.ts'
import type { PlannedChunk } from './chunk-plan.ts'
import type { ControllerClient } from './controller-client.ts'

/** Bytes are handed out in pieces of this size: a slow recipient then shows progress long before a whole chunk has gone. */
const PIECE_BYTES = FRAME_BYTES_MAX

export interface ReadRequest {
  file: FileId
  sizeBytes: number
  chunkCount: number
  /** Chunks from index 0, as the claim's answer brought them. */
  firstPage: readonly PlacedChunk[]
  range: ByteRange
  signal?: AbortSignal
}

/** A chunk on its way. */
interface Fetch {
  readonly planned: PlannedChunk
  readonly done: Promise<ChunkBuffer>
}

export class FileReader {
  readonly #memory: ChunkMemory
  readonly #fetcher: ChunkFetcher
  readonly #controller: ControllerClient
  readonly #chunksAhead: number

  constructor(deps: {
    readonly rpc: RpcCaller<ChunkMessages>
    readonly controller: ControllerClient
    readonly membership: Membership
    readonly memory: Budget
    readonly clock: Clock
    readonly config: Config
    readonly logger: Logger
  }) {
    const { config, clock } = deps
    this.#memory = new ChunkMemory({ budget: deps.memory, clock, waitMs: config.edge.memoryWaitMs })
    this.#fetcher = new ChunkFetcher({ ...deps, memory: this.#memory, config: config.replication })
    this.#controller = deps.controller
    this.#chunksAhead = config.edge.chunksAhead
  }

  /**
   * The bytes of the range, in order, in pieces of at most 256 KiB. A piece is valid until the next one is asked for. Ending the generator, and aborting the
   * signal, give all memory back.
   *
   * @throws `chunk-unavailable`, `busy` (no memory in time), the signal's reason.
   */
  async *read(request: ReadRequest): AsyncGenerator<Uint8Array, void, undefined> {
    using scope = abortScope(request.signal)
    const { signal } = scope
    const ahead: Fetch[] = []
    let current: ChunkBuffer | undefined
    const giveBack = (): void => {
      // what is still arriving is given back when it has ended
      for (const { done } of ahead.splice(0))
        void done.then((buffer) => buffer.release()).catch(() => undefined)
      current?.spoil() // a socket may still refer to the piece that was handed out last
      current?.release()
      current = undefined
    }
    signal.addEventListener('abort', giveBack, { once: true })
    try {
      const plan = new ChunkPlan({ ...request, controller: this.#controller, signal })
      for (;;) {
        await this.#fill(ahead, plan, request.file, signal)
        const head = ahead[0]
        if (head === undefined) return
        current = await head.done
        ahead.shift()
        throwIfAborted(signal) // an abort just now has given back what it knew of: not this one
        const { start, end } = head.planned
        for (let from = start; from < end; from += PIECE_BYTES) {
          throwIfAborted(signal)
          yield current.bytes.subarray(from, Math.min(end, from + PIECE_BYTES))
        }
        current.release() // asked for the next bytes, the reader is done with these
        current = undefined
      }
    } finally {
      giveBack()
      scope.abort(new PeerbinError('aborted', 'the reader has gone'))
    }
  }

  /**
   * As `read`, but resolves only once the first bytes are in hand, so that a failure can still be told in place of them. Whoever
   * gets the generator must end it (read it to its end, or call `return`), or abort the signal.
   */
  async prepare(request: ReadRequest): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
    const bytes = this.read(request)
    return new PreparedBytes(await bytes.next(), bytes)
  }

  /** Begins fetches: the next chunk in any case, waiting its turn for memory; those behind it only when memory is free. */
  async #fill(ahead: Fetch[], plan: ChunkPlan, file: FileId, signal: AbortSignal): Promise<void> {
    while (ahead.length <= this.#chunksAhead) {
      const planned = await plan.peek()
      if (planned === undefined) return
      const { placed } = planned
      const buffer =
        ahead.length === 0
          ? await this.#memory.lease(placed.sizeBytes, signal)
          : this.#memory.tryLease(placed.sizeBytes)
      if (buffer === undefined) return
      plan.take()
      const done = this.#fetcher.fetch({ file, placed, buffer, signal })
      done.catch(() => undefined) // its turn may never come; when it does, the error is thrown there
      ahead.push({ planned, done })
    }
  }
}

/**
 * Gives what was read ahead, then the rest. Not a generator: that would keep its first piece, and with it the memory of a whole chunk, alive for
 * as long as the download runs (measured: 4 MiB for each download under way).
 */
class PreparedBytes implements AsyncGenerator<Uint8Array, void, undefined> {
  #first: IteratorResult<Uint8Array, void> | undefined
  readonly #rest: AsyncGenerator<Uint8Array, void, undefined>

  constructor(first: IteratorResult<Uint8Array, void>, rest: AsyncGenerator<Uint8Array, void, undefined>) {
    this.#first = first
    this.#rest = rest
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    const first = this.#first
    this.#first = undefined
    return first ?? (await this.#rest.next())
  }

  async return(): Promise<IteratorResult<Uint8Array, void>> {
    this.#first = undefined
    return await this.#rest.return()
  }

  async throw(error: unknown): Promise<IteratorResult<Uint8Array, void>> {
    this.#first = undefined
    return await this.#rest.throw(error)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
