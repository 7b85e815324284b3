import { bytesOf } from '../chunker.ts'
import type { FilledChunk } from '../chunker.ts'
import type { RunningDigests } from './running-digests.ts'

/** Chunks between two check-ins: what has to be read back and hashed again after an edge was lost is at most so much, 64 MiB. */
const CHUNKS_PER_CHECKPOINT = 16

interface Mark {
  chunkCount: number
  checkpoint: string
}

/** Digests go ahead of what is durable; how far both have come is what a check-in is made of. */
export class PartProgress {
  readonly #digests: RunningDigests
  readonly #done = new Set<number>()
  readonly #marks: Mark[] = []
  /** Chunks before this one are all durable. */
  #durable: number
  #seen: number
  readonly #chunksPerCheckpoint: number

  constructor(digests: RunningDigests, firstIndex: number, chunksPerCheckpoint = CHUNKS_PER_CHECKPOINT) {
    this.#digests = digests
    this.#durable = firstIndex
    this.#seen = firstIndex
    this.#chunksPerCheckpoint = chunksPerCheckpoint
  }

  /** Chunks that were seen, those before this part included. */
  get chunkCount(): number {
    return this.#seen
  }

  /** A pipeline stage: passes chunks on unchanged. */
  async *watch(chunks: AsyncIterable<FilledChunk>): AsyncGenerator<FilledChunk> {
    for await (const chunk of chunks) {
      this.#digests.update(bytesOf(chunk))
      this.#seen = chunk.index + 1
      if (this.#seen % this.#chunksPerCheckpoint === 0)
        this.#marks.push({ chunkCount: this.#seen, checkpoint: this.#digests.save() })
      yield chunk
    }
  }

  /** A chunk is durable now. Answers where to check in, when all up to there are. */
  written(index: number): Mark | undefined {
    this.#done.add(index)
    while (this.#done.delete(this.#durable)) this.#durable++
    const reached = this.#marks.filter(({ chunkCount }) => chunkCount <= this.#durable)
    this.#marks.splice(0, reached.length)
    return reached.at(-1)
  }
}
