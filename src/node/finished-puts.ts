import { KeyedLock } from '../runtime/keyed-lock.ts'
import type { ChunkId, Generation } from '../types.ts'

/** Chunks whose last put is remembered, about 3 MB. Of those forgotten it is only known that their last put was not after a certain one. */
export const PUTS_REMEMBERED_MAX = 16_384

/**
 * Every put of this process goes through here, so that a surplus copy can be trimmed without losing a chunk that was given to this node again
 * meanwhile: puts that ended are counted, and a trim names the count that the controller saw before it decided.
 */
export class FinishedPuts {
  readonly #rememberedMax: number
  readonly #locks = new KeyedLock<ChunkId>()
  /** Puts of each chunk that have begun and not ended. */
  readonly #underWay = new Map<ChunkId, number>()
  /** The count at each chunk's last finished put, the oldest first. */
  readonly #last = new Map<ChunkId, number>()
  /** No chunk that is not in `last` was put after so many. */
  #floor = 0
  #count = 0
  #greatest = 0 as Generation

  constructor(rememberedMax = PUTS_REMEMBERED_MAX) {
    this.#rememberedMax = rememberedMax
  }

  /** Puts that have ended since the process began, failed ones included: nobody knows what those left behind. */
  get count(): number {
    return this.#count
  }

  /** Greatest generation that was put, or tried to be, since the process began. */
  get greatestGeneration(): Generation {
    return this.#greatest
  }

  /** Does what makes the chunk held (or held at a greater generation); it has ended, and is counted, before this settles. */
  async put<T>(chunk: ChunkId, generation: Generation, work: () => Promise<T>): Promise<T> {
    if (generation > this.#greatest) this.#greatest = generation
    this.#underWay.set(chunk, (this.#underWay.get(chunk) ?? 0) + 1)
    return await this.#locks.run(chunk, async () => {
      try {
        return await work()
      } finally {
        this.#finish(chunk)
      }
    })
  }

  /**
   * Does `remove` unless a put of the chunk is under way, or ended after the first `puts`; while it runs none can begin. Answers what `remove` does, or
   * false when it was not called.
   */
  async removeUnlessPut(chunk: ChunkId, puts: number, remove: () => Promise<boolean>): Promise<boolean> {
    if (this.#isPutSince(chunk, puts)) return false // without waiting behind that put
    return await this.#locks.run(chunk, async () => {
      return this.#isPutSince(chunk, puts) ? false : await remove()
    })
  }

  #isPutSince(chunk: ChunkId, puts: number): boolean {
    return this.#underWay.has(chunk) || (this.#last.get(chunk) ?? this.#floor) > puts
  }

  #finish(chunk: ChunkId): void {
    this.#count++
    this.#last.delete(chunk) // the newest stands last
    this.#last.set(chunk, this.#count)
    const left = (this.#underWay.get(chunk) ?? 1) - 1
    if (left === 0) this.#underWay.delete(chunk)
    else this.#underWay.set(chunk, left)
    const oldest = this.#last.entries().next()
    if (this.#last.size <= this.#rememberedMax || oldest.done === true) return
    const [forgotten, count] = oldest.value
    this.#last.delete(forgotten)
    this.#floor = count
  }
}
