/** Reads a file out of the cluster: verified bytes in order, fetched ahead while memory is free. */

import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Clock, Logger } from '../interfaces.ts'
import type { ChunkMessages, PlacedChunk } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { Budget } from '../runtime/budget.ts'
import { abortScope, abortable, throwIfAborted } from '../runtime/deadline.ts'
import type { ByteRange } from '../types.ts'
import { ChunkCache } from './chunk-cache.ts'
import type { ChunkCacheStats, HeldChunk } from './chunk-cache.ts'
import { ChunkFetcher } from './chunk-fetcher.ts'
import { ChunkMemory } from './chunk-memory.ts'
import type { ChunkBuffer } from './chunk-memory.ts'
import { ChunkPlan } from './chunk-plan.ts'
import type { PlannedChunk } from './chunk-plan.ts'
import type { ControllerClient } from './controller-client.ts'
import type { ChunkOwner } from './list-chunks.ts'

/** Bytes are handed out in pieces of this size: what a slow recipient holds of our memory, and shows progress by. */
const PIECE_BYTES = 64 * 1024
/** Pieces in the hands of readers take up this part of what chunks may, beside it. */
const PIECES_SHARE = 4

export interface ReadRequest {
  /** A file, or what an upload has of one. */
  file: ChunkOwner
  sizeBytes: number
  chunkCount: number
  /** Chunks from index 0, as the claim's answer brought them. */
  firstPage: readonly PlacedChunk[]
  range: ByteRange
  /** Others are likely to read the file too: its chunks are kept for a while (decision 0016). Default: false. */
  isKept?: boolean
  /** Whether others that wait for memory come first: it is one of many connections that somebody has. Asked at each turn. */
  isLate?: () => boolean
  signal?: AbortSignal
}

/** A chunk that is there, or on its way. */
interface Ahead {
  readonly planned: PlannedChunk
  readonly chunk: HeldChunk
}

export class FileReader {
  readonly #pieces: ChunkMemory
  readonly #chunks: ChunkCache
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
    const { memoryWaitMs: waitMs, memoryWaitersMax, slowMs } = config.edge
    const memory = new ChunkMemory({ budget: deps.memory, clock, waitMs })
    const piecesBytes = Math.max(PIECE_BYTES, Math.floor(deps.memory.total / PIECES_SHARE))
    const pieces = new Budget(piecesBytes, memoryWaitersMax)
    this.#pieces = new ChunkMemory({ budget: pieces, clock, waitMs, unitBytes: PIECE_BYTES })
    const fetcher = new ChunkFetcher({ ...deps, memory, config: config.replication })
    const { cacheBytes: keptBytesMax, cacheMs: keptMs } = config.edge
    this.#chunks = new ChunkCache({ fetcher, memory, clock, keptBytesMax, keptMs, slowMs })
    this.#controller = deps.controller
    this.#chunksAhead = config.edge.chunksAhead
  }

  /** What became of the chunks that were asked for. */
  get chunkStats(): ChunkCacheStats {
    return this.#chunks.stats
  }

  /**
   * The bytes of the range, in order, in pieces of at most 64 KiB. A piece is valid until the next one is asked for. Ending the generator, and aborting the
   * signal, give all memory back.
   *
   * Pieces are copies: whoever is slow to take one holds that, and not its chunk. A chunk that takes its readers longer than `edge.slowMs` is given to those that
   * wait for memory; when a reader comes for more that was slow, it waits its turn behind them, and the chunk is fetched again, unless it was kept.
   *
   * @throws `chunk-unavailable`, `busy` (no memory in time), the signal's reason.
   */
  async *read(request: ReadRequest): AsyncGenerator<Uint8Array, void, undefined> {
    using scope = abortScope(request.signal)
    const { signal } = scope
    const held = new Held(request.isLate)
    const onAbort = (): void => held.giveAllBack()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const plan = new ChunkPlan({ ...request, controller: this.#controller, signal })
      for (;;) {
        await this.#fill(held, plan, request, signal)
        const head = held.ahead[0]
        if (head === undefined) return
        const { chunk } = head
        await abortable(chunk.ready, signal)
        throwIfAborted(signal)
        held.take()
        const { placed, end } = head.planned
        let { start } = head.planned
        const pieceBytes = Math.min(PIECE_BYTES, end - start)
        if (held.piece === undefined) {
          // while many readers are slow there may be none for long: whoever waits for one keeps no chunk from others
          held.offer(() => held.giveBack(head.planned))
          held.piece = await this.#pieces.lease(pieceBytes, signal, held.late)
          throwIfAborted(signal)
          held.keep()
          if (held.chunk === undefined) continue // the chunk again; the piece is kept, as its turn has come
        }
        while (start < end && held.chunk !== undefined) {
          throwIfAborted(signal)
          const size = Math.min(pieceBytes, end - start)
          held.piece.bytes.set(chunk.bytes.subarray(start, start + size))
          start += size
          const rest = { placed, start, end }
          if (start === end && held.ahead.length === 0) held.releaseChunk()
          else held.offer((isSlow) => held.giveBack(rest, isSlow))
          yield held.piece.bytes.subarray(0, size)
          held.keep()
        }
        held.releasePiece() // asked for the next bytes, the reader is done with these
        held.releaseChunk()
      }
    } finally {
      held.giveAllBack()
      signal.removeEventListener('abort', onAbort)
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
  async #fill(held: Held, plan: ChunkPlan, request: ReadRequest, signal: AbortSignal): Promise<void> {
    const { ahead, again } = held
    const { file, isKept = false } = request
    while (ahead.length <= this.#chunksAhead) {
      const planned = again[0] ?? (await plan.peek())
      if (planned === undefined) return
      const wanted = { file, placed: planned.placed, isKept }
      const chunk =
        ahead.length === 0 ? await this.#chunks.hold(wanted, signal, held.late) : this.#chunks.tryHold(wanted)
      if (chunk === undefined) return
      if (again.shift() === undefined) plan.take()
      ahead.push({ planned, chunk })
    }
  }
}

/** What one read holds, and what of it was given to others. */
class Held {
  /** On their way or there already, in order. */
  readonly ahead: Ahead[] = []
  /** Chunks that were given back before they were read, in order; they come before those of the plan. */
  readonly again: PlannedChunk[] = []
  /** The one that is being read. */
  chunk: HeldChunk | undefined
  /** The piece that was handed out. */
  piece: ChunkBuffer | undefined
  /** This reader has held others up. */
  #isSlow = false
  readonly #isLate: () => boolean

  constructor(isLate: () => boolean = () => false) {
    this.#isLate = isLate
  }

  /** Others that wait come first. */
  get late(): boolean {
    return this.#isSlow || this.#isLate()
  }

  /** The first of those ahead is read from now on. */
  take(): void {
    this.chunk = this.ahead.shift()?.chunk
  }

  /** Others may have all of it but the piece. @param onWanted is to give it back */
  offer(onWanted: (isSlow: boolean) => void): void {
    this.chunk?.offer(onWanted)
    for (const { chunk } of this.ahead) chunk.offer(onWanted)
  }

  keep(): void {
    this.chunk?.keep()
    for (const { chunk } of this.ahead) chunk.keep()
  }

  /**
   * Others wait for memory: all but the piece, which is in the reader's hands.
   * @param rest of the chunk that is being read
   * @param isSlow others have waited for this reader
   */
  giveBack(rest: PlannedChunk, isSlow = false): void {
    this.#isSlow ||= isSlow
    const planned = this.ahead.map((ahead) => ahead.planned)
    this.again.unshift(...(rest.start < rest.end ? [rest] : []), ...planned)
    this.#releaseAhead()
    this.releaseChunk()
  }

  releaseChunk(): void {
    this.chunk?.release()
    this.chunk = undefined
  }

  releasePiece(): void {
    this.piece?.release()
    this.piece = undefined
  }

  giveAllBack(): void {
    this.#releaseAhead()
    this.releaseChunk()
    this.piece?.spoil() // a socket may still refer to it
    this.releasePiece()
  }

  #releaseAhead(): void {
    for (const { chunk } of this.ahead.splice(0)) chunk.release()
  }
}

/**
 * Gives what was read ahead, then the rest. Not a generator: that would keep its first piece, and with it the memory of a whole chunk, alive for
 * as long as the download runs (measured: 4 MiB for each download under way).
 */
export class PreparedBytes implements AsyncGenerator<Uint8Array, void, undefined> {
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
