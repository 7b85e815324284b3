import type { PeerbinError } from '../../errors.ts'
import { asPeerbinError } from '../../errors.ts'

/** Bytes that break off are stored up to there: the source ends as if it were over, and says afterwards why it was not. */
export class SoftSource {
  #failure: PeerbinError | undefined

  get failure(): PeerbinError | undefined {
    return this.#failure
  }

  /** A pipeline stage behind those that watch over the source. */
  async *soften(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* pieces
    } catch (error) {
      this.#failure = asPeerbinError(error)
    }
  }
}
