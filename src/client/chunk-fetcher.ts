/** Gets one chunk from whichever node gives it: verified, hedged, and tried elsewhere when a node fails. */

import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError, asPeerbinError } from '../errors.ts'
import type { Clock, Logger } from '../interfaces.ts'
import { matchesId } from '../protocol/ids.ts'
import type { ChunkMessages, PlacedChunk } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { abortScope, sleep, throwIfAborted } from '../runtime/deadline.ts'
import type { Liveness, PeerId } from '../types.ts'
import type { ChunkBuffer, ChunkMemory } from './chunk-memory.ts'
import type { ControllerClient } from './controller-client.ts'
import { listChunks } from './list-chunks.ts'
import type { ChunkOwner } from './list-chunks.ts'

/** Every recorded copy is tried so many times before the read fails. */
const ROUNDS_MAX = 3
/** Pause before the second round; the next one is twice as long. A node that restarts needs about so long. */
const ROUND_PAUSE_MS = 300
/** Reports of bad copies on their way at once; the next reader of a copy finds it too. */
const REPORTS_MAX = 16
const RETRY_AFTER_MS = 2000

type Copy = PlacedChunk['copies'][number]

export interface ChunkFetcherDeps {
  readonly rpc: RpcCaller<ChunkMessages>
  readonly controller: ControllerClient
  readonly membership: Membership
  readonly memory: ChunkMemory
  readonly clock: Clock
  readonly config: Config['replication']
  readonly logger: Logger
}

export interface FetchRequest {
  readonly file: ChunkOwner
  readonly placed: PlacedChunk
  /** Of the chunk's size. It belongs to the fetch from now on, which gives it back when it fails. */
  readonly buffer: ChunkBuffer
  readonly signal: AbortSignal
}

export class ChunkFetcher {
  readonly #deps: ChunkFetcherDeps
  /** Requests under way by node: the least busy one is asked first. */
  readonly #busy = new Map<PeerId, number>()
  #reports = 0
  #turn = 0

  constructor(deps: ChunkFetcherDeps) {
    this.#deps = deps
  }

  /**
   * Resolves with the buffer that holds the chunk's bytes, verified against its id: the request's, or another one that took its place.
   *
   * @throws `chunk-unavailable` when no recorded copy can be had after several rounds; the signal's reason.
   */
  async fetch({ file, placed, buffer, signal }: FetchRequest): Promise<ChunkBuffer> {
    let current = placed
    let fetched: ChunkBuffer | undefined
    try {
      for (let round = 1; ; round++) {
        try {
          fetched = await this.#round(current, buffer, signal)
          return fetched
        } catch (caught) {
          throwIfAborted(signal)
          const error = asPeerbinError(caught)
          const fields = { chunk: placed.id, code: error.code, round, copies: current.copies.length }
          this.#deps.logger.warn('no copy of a chunk could be read', fields)
          if (round === ROUNDS_MAX) {
            throw new PeerbinError('chunk-unavailable', '', { cause: error, retryAfterMs: RETRY_AFTER_MS })
          }
        }
        await sleep(this.#deps.clock, ROUND_PAUSE_MS * 2 ** (round - 1), signal)
        current = await this.#placedAgain(file, current, signal)
      }
    } finally {
      if (fetched === undefined) buffer.release()
    }
  }

  /** Each copy once. A second node is asked beside the first when that is slow, if there is memory for both answers. */
  async #round(placed: PlacedChunk, buffer: ChunkBuffer, signal: AbortSignal): Promise<ChunkBuffer> {
    using stop = abortScope(signal)
    using pause = abortScope(stop.signal)
    const queue = this.#inOrder(placed.copies)
    const first = this.#lane(placed, queue, buffer, stop.signal)
    const second = this.#hedge(placed, queue, stop.signal, pause.signal)
    first.catch(() => pause.abort(new PeerbinError('aborted'))) // nothing is left to be hedged
    let winner: ChunkBuffer | undefined
    try {
      winner = await Promise.any([first, second])
      return winner
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error
    } finally {
      stop.abort(new PeerbinError('aborted', 'another node was faster'))
      const unless = (kept: ChunkBuffer | undefined) => (late: ChunkBuffer) => {
        if (late !== kept) late.release()
      }
      // losers end by the signal; what they hold is given back when they have
      second.then(unless(winner), () => undefined)
      if (winner !== undefined && winner !== buffer) {
        first.then(
          () => buffer.release(),
          () => buffer.release()
        )
      }
    }
  }

  /** Waits until the first lane is slow, then works through the same queue with memory of its own. */
  async #hedge(
    placed: PlacedChunk,
    queue: Copy[],
    signal: AbortSignal,
    pause: AbortSignal
  ): Promise<ChunkBuffer> {
    const { clock, config, memory } = this.#deps
    for (;;) {
      await sleep(clock, config.slowReadMs, pause)
      const buffer = queue.length > 0 ? memory.tryLease(placed.sizeBytes) : undefined
      if (buffer === undefined) continue
      try {
        return await this.#lane(placed, queue, buffer, signal)
      } catch (error) {
        buffer.release()
        throw error
      }
    }
  }

  /** One copy after another from the queue into one buffer. */
  async #lane(
    placed: PlacedChunk,
    queue: Copy[],
    buffer: ChunkBuffer,
    signal: AbortSignal
  ): Promise<ChunkBuffer> {
    let lastError = new PeerbinError('chunk-unavailable')
    for (let copy = queue.shift(); copy !== undefined; copy = queue.shift()) {
      throwIfAborted(signal)
      try {
        await this.#read(placed, copy.peer, buffer, signal)
        return buffer
      } catch (error) {
        buffer.spoil() // the answer may still be arriving
        throwIfAborted(signal)
        lastError = asPeerbinError(error)
        this.#report(placed, copy, lastError)
      }
    }
    throw lastError
  }

  /** The whole chunk always: a part of it could not be verified here. */
  async #read(placed: PlacedChunk, peer: PeerId, buffer: ChunkBuffer, signal: AbortSignal): Promise<void> {
    const { rpc, config } = this.#deps
    this.#busy.set(peer, (this.#busy.get(peer) ?? 0) + 1)
    try {
      const { body } = await rpc.call(
        peer,
        'get',
        { id: placed.id, offset: 0 },
        {
          signal,
          timeoutMs: config.getTimeoutMs,
          allocate: (sizeBytes) => {
            if (sizeBytes !== buffer.sizeBytes) {
              throw new PeerbinError('chunk-corrupt', 'the node answered with another size')
            }
            return buffer.bytes
          }
        }
      )
      if (body?.byteLength !== placed.sizeBytes || !matchesId(placed.id, body)) {
        throw new PeerbinError('chunk-corrupt')
      }
    } finally {
      const left = (this.#busy.get(peer) ?? 1) - 1
      if (left === 0) this.#busy.delete(peer)
      else this.#busy.set(peer, left)
    }
  }

  /** Live nodes first; among equals the least busy one, and in turn when that is equal too. A node that is down may be back already. */
  #inOrder(copies: readonly Copy[]): Copy[] {
    const turn = this.#turn++
    return copies
      .map((copy, index) => ({
        copy,
        liveness: LIVENESS_ORDER[this.#deps.membership.get(copy.peer)?.liveness ?? 'down'],
        busy: this.#busy.get(copy.peer) ?? 0,
        turn: (index + turn) % copies.length
      }))
      .sort((a, b) => a.liveness - b.liveness || a.busy - b.busy || a.turn - b.turn)
      .map(({ copy }) => copy)
  }

  /** Copies move while a long download runs. */
  async #placedAgain(file: ChunkOwner, placed: PlacedChunk, signal: AbortSignal): Promise<PlacedChunk> {
    const { controller, config } = this.#deps
    try {
      const options = { signal, timeoutMs: config.getTimeoutMs }
      const [again] = await listChunks(controller, file, placed.index, 1, options)
      return again?.id === placed.id && again.copies.length > 0 ? again : placed
    } catch {
      throwIfAborted(signal)
      return placed // no controller: what was known is the best there is
    }
  }

  /** Best effort: the controller checks with the node before it believes it. */
  #report(placed: PlacedChunk, copy: Copy, error: PeerbinError): void {
    const { code } = error
    if ((code !== 'chunk-not-found' && code !== 'chunk-corrupt') || this.#reports >= REPORTS_MAX) return
    this.#reports++
    const { peer, generation } = copy
    const report = { peer, chunk: placed.id, generation, code }
    this.#deps.logger.warn('a copy is bad', { ...report })
    void this.#deps.controller
      .call('reportBadCopy', report)
      .catch(() => undefined) // the next reader reports it again
      .finally(() => this.#reports--)
  }
}

const LIVENESS_ORDER: Readonly<Record<Liveness, number>> = { active: 0, suspect: 1, down: 2 }
