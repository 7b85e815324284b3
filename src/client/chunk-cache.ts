/**
 * Chunks that are being read: each is fetched from a node once for all who read it at the moment, and kept for a while for those who come next. Its bytes are verified before anybody
 * gets them. Who may read which file was decided before (the controller has named its chunks): a chunk is handed to readers of the file it was fetched for, and of no other.
 */

import { hasCode, PeerbinError } from '../errors.ts'
import type { Clock, Timer } from '../interfaces.ts'
import type { PlacedChunk } from '../protocol/messages.ts'
import { abortScope, abortable } from '../runtime/deadline.ts'
import type { ChunkFetcher } from './chunk-fetcher.ts'
import type { ChunkBuffer, ChunkMemory } from './chunk-memory.ts'
import { IdleChunks } from './idle-chunks.ts'
import type { ChunkOwner } from './list-chunks.ts'

export interface ChunkCacheDeps {
  readonly fetcher: Pick<ChunkFetcher, 'fetch'>
  /** Of what is in the hands of readers or on its way to them; what is kept takes up `keptBytesMax` beside it. */
  readonly memory: ChunkMemory
  readonly clock: Clock
  readonly keptBytesMax: number
  readonly keptMs: number
  /** A chunk that has been read for so long is given to others that wait for memory (`edge.slowMs`). */
  readonly slowMs: number
}

export interface WantedChunk {
  readonly file: ChunkOwner
  readonly placed: PlacedChunk
  /** Others are likely to read the file too. */
  readonly isKept: boolean
}

/** Since the start. */
export interface ChunkCacheStats {
  /** Chunks that came from nodes. */
  fetched: number
  /** Chunks that were kept, and read again. */
  hits: number
  /** Readers that came while a chunk was on its way to another one, or in its hands. */
  joined: number
  /** What is kept now. */
  keptBytes: number
}

/** What one reader has of a chunk. */
export interface HeldChunk {
  /** Resolves once the bytes are there; rejects with what fetching them failed with. */
  readonly ready: Promise<void>
  /** Only once it is ready, and until it is released. Not to be changed. */
  readonly bytes: Uint8Array
  /**
   * Others may have the memory when they wait for it: `onWanted` is called then, at most once, and is to release it soon. For a reader that waits for somebody outside; `keep` takes it
   * back. It is wanted only when all who hold it offer it.
   * @param onWanted `isSlow`: this reader has had it for `slowMs`
   */
  offer(onWanted: (isSlow: boolean) => void): void
  keep(): void
  /** Idempotent. */
  release(): void
}

const keyOf = (file: ChunkOwner, { id }: PlacedChunk): string =>
  `${typeof file === 'string' ? file : `upload ${file.upload}`} ${id}`

export class ChunkCache {
  readonly #deps: ChunkCacheDeps
  readonly #shared = new Map<string, SharedChunk>()
  readonly #idle: IdleChunks
  readonly #stats = { fetched: 0, hits: 0, joined: 0 }

  constructor(deps: ChunkCacheDeps) {
    const { clock, memory, keptBytesMax, keptMs } = deps
    this.#deps = deps
    const onGone = (bytes: Uint8Array): void => memory.recycle(bytes)
    this.#idle = new IdleChunks({ clock, bytesMax: keptBytesMax, keptMs, onGone })
  }

  get stats(): ChunkCacheStats {
    return { ...this.#stats, keptBytes: this.#idle.bytes }
  }

  /**
   * Resolves when there is memory for it, and it is on its way.
   * @param late see Budget.acquire. Whoever comes for the same chunk and is not late waits for both
   * @throws `busy`; the signal's reason
   */
  async hold(wanted: WantedChunk, signal: AbortSignal, late: boolean): Promise<HeldChunk> {
    const key = keyOf(wanted.file, wanted.placed)
    const known = this.#shared.get(key)
    try {
      return await this.#held(known, key, wanted, signal, late)
    } catch (error) {
      // the one who waited for memory before has waited in vain; this one's time is not over
      if (known === undefined || signal.aborted || !hasCode(error, 'busy')) throw error
      return await this.#held(this.#shared.get(key), key, wanted, signal, late)
    }
  }

  /** At once, or undefined: for what is useful only while memory is free. */
  tryHold(wanted: WantedChunk): HeldChunk | undefined {
    const key = keyOf(wanted.file, wanted.placed)
    const known = this.#shared.get(key)
    // who waits for memory must hold none: those who have it might wait for each other
    if (known !== undefined) return known.isLeased ? this.#join(known, wanted) : undefined
    const buffer = this.#deps.memory.tryLease(wanted.placed.sizeBytes)
    return buffer && this.#begin(key, wanted, buffer).join(wanted)
  }

  async #held(
    known: SharedChunk | undefined,
    key: string,
    wanted: WantedChunk,
    signal: AbortSignal,
    late: boolean
  ): Promise<HeldChunk> {
    const shared = known ?? this.#begin(key, wanted, undefined, late)
    const held = known === undefined ? shared.join(wanted) : this.#join(shared, wanted)
    if (!late) shared.hasten()
    try {
      await abortable(shared.leased, signal)
      return held
    } catch (error) {
      held.release()
      throw error
    }
  }

  #join(shared: SharedChunk, wanted: WantedChunk): HeldChunk {
    this.#stats.joined++
    return shared.join(wanted)
  }

  #begin(key: string, wanted: WantedChunk, buffer: ChunkBuffer | undefined, late = false): SharedChunk {
    const shared = new SharedChunk({
      slowMs: this.#deps.slowMs,
      clock: this.#deps.clock,
      late,
      isKept: this.#idle.has(key),
      lease: (signal, isLate) => this.#deps.memory.lease(wanted.placed.sizeBytes, signal, isLate),
      fill: (empty, signal) => this.#fill(key, wanted, empty, signal),
      onEnd: (full, isKept) => {
        if (this.#shared.get(key) === shared) this.#shared.delete(key)
        if (full === undefined) return
        if (isKept) this.#idle.put(key, full.detach())
        full.release()
      }
    })
    this.#shared.set(key, shared)
    shared.begin(buffer)
    return shared
  }

  async #fill(
    key: string,
    { file, placed }: WantedChunk,
    buffer: ChunkBuffer,
    signal: AbortSignal
  ): Promise<ChunkBuffer> {
    const kept = this.#idle.take(key)
    if (kept === undefined) {
      const fetched = await this.#deps.fetcher.fetch({ file, placed, buffer, signal })
      this.#stats.fetched++
      return fetched
    }
    this.#stats.hits++
    buffer.adopt(kept)
    return buffer
  }
}

interface SharedChunkDeps {
  readonly slowMs: number
  readonly clock: Clock
  readonly late: boolean
  /** It was kept before. */
  readonly isKept: boolean
  lease(signal: AbortSignal, late: boolean): Promise<ChunkBuffer>
  fill(empty: ChunkBuffer, signal: AbortSignal): Promise<ChunkBuffer>
  /** Nobody holds it any more, or it could not be had. @param full its bytes, where they came */
  onEnd(full: ChunkBuffer | undefined, isKept: boolean): void
}

/** One chunk on its way or in the hands of readers. It goes when the last of them does, and is nobody's in particular: the first one may go before the others. */
class SharedChunk {
  readonly #deps: SharedChunkDeps
  readonly #stop = abortScope()
  readonly #leased = Promise.withResolvers<void>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #offers = new Map<object, (isSlow: boolean) => void>()
  /** Those who hold it, and since when. */
  readonly #holders = new Map<object, number>()
  /** Ends a wait among those who are late. */
  #waiting: ReturnType<typeof abortScope> | undefined
  #late: boolean
  #isLeased = false
  #isKept: boolean
  #isOver = false
  #isOffered = false
  #buffer: ChunkBuffer | undefined
  #patience: Timer | undefined
  #isOld = false

  constructor(deps: SharedChunkDeps) {
    this.#deps = deps
    this.#late = deps.late
    this.#isKept = deps.isKept
    // those who hold it look at these, if they are still there
    this.#leased.promise.catch(() => undefined)
    this.#ready.promise.catch(() => undefined)
  }

  /** There is memory for it. */
  get isLeased(): boolean {
    return this.#isLeased
  }

  get leased(): Promise<void> {
    return this.#leased.promise
  }

  /** @param buffer memory for it, where there is some already */
  begin(buffer: ChunkBuffer | undefined): void {
    this.#isLeased = buffer !== undefined
    void this.#run(buffer)
  }

  /** Somebody waits for it who is not late. */
  hasten(): void {
    if (!this.#late) return
    this.#late = false
    this.#waiting?.abort(new PeerbinError('aborted', 'somebody else waits for it too'))
  }

  join({ isKept }: Pick<WantedChunk, 'isKept'>): HeldChunk {
    const holder = {}
    this.#isKept ||= isKept
    this.#holders.set(holder, this.#deps.clock.monotonic())
    this.#keepAll()
    const bytesOf = (): Uint8Array => {
      if (this.#buffer === undefined) throw new PeerbinError('internal', 'a chunk was read that is not there')
      return this.#buffer.bytes
    }
    return {
      ready: this.#ready.promise,
      get bytes() {
        return bytesOf()
      },
      offer: (onWanted) => {
        if (!this.#holders.has(holder)) return
        this.#offers.set(holder, onWanted)
        this.#offer()
      },
      keep: () => {
        if (this.#offers.delete(holder)) this.#keepAll()
      },
      release: () => {
        this.#offers.delete(holder)
        if (!this.#holders.delete(holder)) return
        if (this.#holders.size === 0) this.#end()
        else this.#offer() // the others may have offered it before
      }
    }
  }

  /** Never rejects. */
  async #run(leased: ChunkBuffer | undefined): Promise<void> {
    try {
      const empty = leased ?? (await this.#lease())
      if (this.#isOver) {
        empty.release() // it came when the last who waited had just gone
        return
      }
      this.#isLeased = true
      this.#leased.resolve()
      const full = await this.#deps.fill(empty, this.#stop.signal)
      if (this.#isOver) {
        full.release()
        return
      }
      this.#buffer = full
      this.#ready.resolve()
      this.#grow()
    } catch (error) {
      this.#leased.reject(error)
      this.#ready.reject(error)
      this.#end()
    }
  }

  async #lease(): Promise<ChunkBuffer> {
    for (;;) {
      using waiting = abortScope(this.#stop.signal)
      this.#waiting = waiting
      const late = this.#late
      try {
        return await this.#deps.lease(waiting.signal, late)
      } catch (error) {
        if (this.#isOver || late === this.#late) throw error
      } finally {
        this.#waiting = undefined
      }
    }
  }

  /** From a certain age on it may be given away while its readers wait for others. */
  #grow(): void {
    const { slowMs, clock } = this.#deps
    if (slowMs === Infinity) return
    const grown = (): void => {
      this.#isOld = true
      this.#offer()
    }
    this.#patience = clock.setTimer(slowMs, grown, { unref: true })
  }

  #offer(): void {
    if (!this.#isOld || this.#isOffered || this.#offers.size < this.#holders.size) return
    this.#isOffered = true
    this.#buffer?.offer(0, () => {
      const since = this.#deps.clock.monotonic() - this.#deps.slowMs
      for (const [holder, onWanted] of this.#offers) {
        // giving one back, its reader gives all back that it holds: it may be among them twice
        if (this.#offers.delete(holder)) onWanted((this.#holders.get(holder) ?? Infinity) <= since)
      }
    })
  }

  #keepAll(): void {
    if (!this.#isOffered) return
    this.#isOffered = false
    this.#buffer?.keep()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#patience?.cancel()
    const full = this.#buffer
    this.#buffer = undefined
    this.#deps.onEnd(full, this.#isKept)
    this.#stop.abort(new PeerbinError('aborted', 'nobody reads it any more'))
  }
}
