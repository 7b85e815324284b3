/** Streams of a caller, kept per peer for the next request: a new one costs a round trip and bookkeeping on both sides. */

import { PeerbinError } from '../errors.ts'
import type { ByteStream, Clock, Network, Timer } from '../interfaces.ts'
import { Budget } from '../runtime/budget.ts'
import type { PeerId } from '../types.ts'
import { FrameReader } from './framing.ts'

/** Requests under way at once to one peer; more wait. Below half of STREAMS_PER_PEER_MAX: several roles may share a process. */
export const STREAMS_OPEN_MAX = 192
/** Requests that may wait for one of those. */
const WAITERS_MAX = 4096
/** Idle streams kept per peer: as many as were needed at once. */
export const STREAMS_IDLE_MAX = STREAMS_OPEN_MAX
/** An idle stream is closed after so long: well before the server gives it up. */
export const STREAM_IDLE_MS = 30_000

/** A stream with what belongs to it. */
export interface PooledStream {
  readonly stream: ByteStream
  readonly reader: FrameReader
  /** Whether an earlier request went over it: its hello has been said, and it may have died since. */
  kept: boolean
}

interface IdleStream {
  readonly pooled: PooledStream
  readonly timer: Timer
}

interface PeerStreams {
  readonly budget: Budget
  /** Most recently used last. */
  readonly idle: IdleStream[]
}

export class StreamPool {
  readonly #deps: { readonly network: Network; readonly protocol: string; readonly clock: Clock }
  readonly #peers = new Map<PeerId, PeerStreams>()
  readonly #inUse = new Set<PooledStream>()
  #closed = false

  constructor(deps: { readonly network: Network; readonly protocol: string; readonly clock: Clock }) {
    this.#deps = deps
  }

  /** Runs `work` in one of the places that requests to `peer` have. */
  async within<R>(peer: PeerId, signal: AbortSignal, work: () => Promise<R>): Promise<R> {
    this.#throwIfClosed()
    const { budget } = this.#streamsOf(peer)
    const lease = budget.tryAcquire(1) ?? (await budget.acquire(1, signal))
    try {
      return await work()
    } finally {
      lease.release()
      this.#forgetIfUnused(peer)
    }
  }

  /** A kept stream, or a new one; always a new one when `fresh`. Give it back with `release`, or `discard` it. */
  async take(peer: PeerId, fresh: boolean, signal: AbortSignal): Promise<PooledStream> {
    const idle = fresh ? undefined : this.#streamsOf(peer).idle.pop()
    if (idle !== undefined) {
      idle.timer.cancel()
      this.#inUse.add(idle.pooled)
      return idle.pooled
    }
    const stream = await this.#deps.network.open(peer, this.#deps.protocol, { signal })
    if (this.#closed) {
      stream.abort(new PeerbinError('shutting-down'))
      this.#throwIfClosed()
    }
    const pooled = { stream, reader: new FrameReader(stream), kept: false }
    this.#inUse.add(pooled)
    return pooled
  }

  /** Keeps a stream whose last answer was read to its end. */
  release(pooled: PooledStream): void {
    this.#inUse.delete(pooled)
    const { idle } = this.#streamsOf(pooled.stream.peer)
    if (this.#closed || idle.length >= STREAMS_IDLE_MAX) return this.#end(pooled)
    pooled.kept = true
    const entry = {
      pooled,
      timer: this.#deps.clock.setTimer(STREAM_IDLE_MS, () => this.#retire(entry), { unref: true })
    }
    idle.push(entry)
    // nothing may come on an idle stream: whatever does, the stream is of no use any more
    pooled.reader.lookAhead(() => this.#retire(entry))
  }

  /** Resets a stream that is in an unknown state. */
  discard(pooled: PooledStream, reason: Error): void {
    this.#inUse.delete(pooled)
    pooled.stream.abort(reason)
  }

  /** Resets everything; what is under way rejects. */
  close(): void {
    this.#closed = true
    const reason = new PeerbinError('shutting-down')
    for (const pooled of this.#inUse) pooled.stream.abort(reason)
    for (const { idle } of this.#peers.values()) {
      for (const { pooled, timer } of idle) {
        timer.cancel()
        pooled.stream.abort(reason)
      }
    }
    this.#inUse.clear()
    this.#peers.clear()
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new PeerbinError('shutting-down')
  }

  #streamsOf(peer: PeerId): PeerStreams {
    let streams = this.#peers.get(peer)
    if (streams === undefined) {
      streams = { budget: new Budget(STREAMS_OPEN_MAX, WAITERS_MAX), idle: [] }
      this.#peers.set(peer, streams)
    }
    return streams
  }

  /** Takes a stream out of the idle ones, if it still is one, and ends it. */
  #retire(entry: IdleStream): void {
    const { peer } = entry.pooled.stream
    const idle = this.#peers.get(peer)?.idle
    const index = idle?.indexOf(entry) ?? -1
    if (index < 0) return
    idle?.splice(index, 1)
    entry.timer.cancel()
    this.#end(entry.pooled)
    this.#forgetIfUnused(peer)
  }

  #end(pooled: PooledStream): void {
    pooled.stream.closeWrite().catch((error: unknown) => {
      // it could not be ended in order, most likely because the peer is gone
      pooled.stream.abort(error instanceof Error ? error : new PeerbinError('peer-unreachable'))
    })
  }

  #forgetIfUnused(peer: PeerId): void {
    const streams = this.#peers.get(peer)
    if (streams !== undefined && streams.idle.length === 0 && streams.budget.used === 0) {
      if (streams.budget.waiting === 0) this.#peers.delete(peer)
    }
  }
}
