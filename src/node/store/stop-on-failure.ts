import { PeerbinError, hasCode, type ErrorCode } from '../../errors.ts'
import type { ChunkStore, SignalOptions } from '../../interfaces.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../types.ts'
import { ForwardingChunkStore } from './forwarding.ts'

/** Refusals that say nothing about the disk: the caller's fault, the caller's wish, or a bound that was kept. */
const REFUSALS: readonly ErrorCode[] = [
  'bad-request',
  'chunk-corrupt',
  'chunk-too-large',
  'store-full',
  'busy',
  'aborted',
  'deadline-exceeded',
  'shutting-down'
]

/**
 * After a write that failed nobody knows what is on the disk: the kernel reports a failed fsync once and then forgets the pages, and LevelDB may go on
 * writing behind a record that its recovery will not read past. So from then on nothing that writes is acknowledged, those under way
 * included, until the process has started again. Reads go on, for they are verified.
 */
export class StopOnFailure extends ForwardingChunkStore {
  readonly #onFailure: (failure: PeerbinError) => void
  #failure: PeerbinError | undefined

  /** @param deps `onFailure` is called once, with what happened first; it must not throw. */
  constructor(deps: { readonly store: ChunkStore; readonly onFailure: (failure: PeerbinError) => void }) {
    super(deps.store)
    this.#onFailure = deps.onFailure
  }

  /** What stopped it, if something has. */
  get failure(): PeerbinError | undefined {
    return this.#failure
  }

  override put(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    options?: SignalOptions
  ): Promise<ChunkInfo> {
    return this.#write(() => this.inner.put(id, bytes, generation, options))
  }

  override raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    return this.#write(() => this.inner.raise(id, generation))
  }

  override delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#write(() => this.inner.delete(id, generation))
  }

  override dropQuarantined(before: number, limit: number): Promise<number> {
    return this.#write(() => this.inner.dropQuarantined(before, limit))
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseAfterFailure()
    const answer = await work().catch((error: unknown) => {
      if (!hasCode(error, ...REFUSALS)) this.#fail(error)
      throw error
    })
    this.#refuseAfterFailure() // another write failed while this one ran: its sync may have covered up for that
    return answer
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = hasCode(error, 'store-failed')
      ? error
      : new PeerbinError('store-failed', '', { cause: error })
    this.#onFailure(this.#failure)
  }

  #refuseAfterFailure(): void {
    if (this.#failure === undefined) return
    throw new PeerbinError(
      'store-failed',
      'An earlier write failed; the node takes nothing until it is restarted.',
      {
        cause: this.#failure
      }
    )
  }
}
