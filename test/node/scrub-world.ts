/** A scrubber on a store in memory and a clock that moves only when it is told to. */

import type { Test } from 'tap'
import { defaultConfig, type Config } from '../../src/config.ts'
import { NEVER_SCRUBBED, Scrubber, type ScrubState } from '../../src/node/scrubber.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { memoryCell, type Cell } from '../../src/runtime/cell.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { WorkerLoop } from '../../src/runtime/worker-loop.ts'
import type { ChunkId, ChunkInfo } from '../../src/types.ts'
import { G1, someChunk } from '../conformance/chunk-store-kit.ts'
import { FaultyChunkStore } from '../kit/faulty-chunk-store.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'

export const HOUR = 60 * 60 * 1000
export const DAY = 24 * HOUR

export class ScrubWorld {
  readonly clock = new ManualClock()
  readonly memory = new MemoryChunkStore({ clock: this.clock })
  readonly store = new FaultyChunkStore({ store: this.memory })
  readonly config: Config['scrub']
  readonly rotten: ChunkId[] = []
  /** True time (not the wall clock) of each read that reached the store. */
  readonly reads = new Map<ChunkId, number[]>()
  readonly state: Cell<ScrubState> = memoryCell(NEVER_SCRUBBED)
  clientsBusy = 0
  scrubber: Scrubber
  #loop: WorkerLoop

  constructor(t: Test, config: Partial<Config['scrub']> = {}) {
    this.config = { ...defaultConfig().scrub, ...config }
    this.scrubber = this.#newScrubber()
    this.#loop = this.#newLoop()
    this.store.after = (operation, id) => {
      if (operation === 'get' && id !== undefined) this.readsOf(id).push(this.clock.monotonic())
    }
    t.teardown(() => this.stop())
  }

  async start(): Promise<void> {
    await this.store.open()
    await this.#loop.start()
  }

  async stop(): Promise<void> {
    await this.#loop.stop()
    await this.store.close()
  }

  /** Another process on the same disk. */
  async restart(): Promise<void> {
    await this.stop()
    this.scrubber = this.#newScrubber()
    this.#loop = this.#newLoop()
    await this.start()
  }

  /** A pass over everything, as an operator asks for it. */
  scrubNow(): void {
    this.scrubber.start()
    this.#loop.nudge()
  }

  async add(count: number, size = 1000): Promise<ChunkInfo[]> {
    const infos: ChunkInfo[] = []
    for (let index = 0; index < count; index++) {
      const { id, bytes } = someChunk(size)
      infos.push(await this.memory.put(id, bytes, G1))
    }
    return infos
  }

  readsOf(id: ChunkId): number[] {
    const reads = this.reads.get(id) ?? []
    this.reads.set(id, reads)
    return reads
  }

  get readCount(): number {
    return [...this.reads.values()].reduce((sum, reads) => sum + reads.length, 0)
  }

  /** What a controller concludes. */
  get isOverdue(): boolean {
    return this.clock.now() - this.scrubber.scrubbedAt() > this.config.intervalMs
  }

  #newScrubber(): Scrubber {
    return new Scrubber({
      store: this.store,
      clock: this.clock,
      random: seededRandom(11),
      logger: silentLogger,
      config: this.config,
      clientsBusy: () => this.clientsBusy,
      onRotten: ({ id }) => this.rotten.push(id),
      state: this.state
    })
  }

  #newLoop(): WorkerLoop {
    return new WorkerLoop(this.scrubber, {
      clock: this.clock,
      random: seededRandom(12),
      logger: silentLogger
    })
  }
}
