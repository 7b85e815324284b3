import type { ChunkStore } from '../interfaces.ts'
import type { ScrubReport } from '../protocol/messages.ts'
import { throwIfAborted } from '../runtime/deadline.ts'
import type { ChunkId, ChunkInfo } from '../types.ts'

/** Records taken from the store in one go. */
const PAGE = 1000

/** How far reading has come; part of ScrubReport. */
export type ScrubCounts = Pick<ScrubReport, 'checkedChunks' | 'checkedBytes' | 'totalChunks' | 'rotten'>

export const noCounts = (): ScrubCounts => ({ checkedChunks: 0, checkedBytes: 0, totalChunks: 0, rotten: 0 })

export function countRead(counts: ScrubCounts, chunk: ChunkInfo, isRotten: boolean): void {
  counts.checkedChunks++
  counts.checkedBytes += chunk.sizeBytes
  if (isRotten) counts.rotten++
}

/** Every record of a store in order of digest, page by page. */
export async function* allChunks(store: ChunkStore, signal: AbortSignal): AsyncGenerator<ChunkInfo> {
  let page = await store.list({ limit: PAGE })
  while (page.length > 0) {
    throwIfAborted(signal)
    yield* page
    const after = page.at(-1)?.id
    page = after === undefined ? [] : await store.list({ after, limit: PAGE })
  }
}

/** A pass over every chunk that was held when it began, in order of digest. */
export class ScrubPass {
  /** This machine's wall clock. */
  readonly startedAt: number
  readonly counts = noCounts()
  readonly #store: ChunkStore
  readonly #now: () => number
  #after: ChunkId | undefined
  #page: ChunkInfo[] = []

  /** @param now the wall clock; it may have been set back since chunks were verified */
  constructor(store: ChunkStore, startedAt: number, now: () => number) {
    this.#store = store
    this.startedAt = startedAt
    this.#now = now
  }

  /**
   * The next chunk to read, the same until `goOn`; undefined at the end. What was verified since the pass began counts as read, unless that is in the future: such a record says
   * nothing of when it was.
   */
  async next(signal: AbortSignal): Promise<ChunkInfo | undefined> {
    for (;;) {
      throwIfAborted(signal)
      if (this.#page.length === 0 && !(await this.#turn())) return undefined
      const chunk = this.#page.at(-1)
      if (chunk === undefined || chunk.verifiedAt <= this.startedAt || chunk.verifiedAt > this.#now())
        return chunk
      // one that came since has nothing to do with this pass
      if (chunk.storedAt <= this.startedAt) this.count(chunk, false)
      this.goOn()
    }
  }

  /** The chunk that `next` gave is done with. */
  goOn(): void {
    this.#page.pop()
  }

  count(chunk: ChunkInfo, isRotten: boolean): void {
    countRead(this.counts, chunk, isRotten)
    this.counts.totalChunks = Math.max(this.counts.totalChunks, this.counts.checkedChunks)
  }

  /** Takes the next page; false at the end. */
  async #turn(): Promise<boolean> {
    const after = this.#after
    if (after === undefined) this.counts.totalChunks = (await this.#store.usage()).chunks
    const page = await this.#store.list({ limit: PAGE, ...(after === undefined ? {} : { after }) })
    const last = page.at(-1)?.id
    if (last === undefined) this.counts.totalChunks = this.counts.checkedChunks
    else this.#after = last
    this.#page = page.toReversed() // taken from the end
    return page.length > 0
  }
}
