import type { EventWatch } from '../metadata-store.ts'

/** Tells whoever waits for events that there are newer ones. */
export class WrittenEvents implements EventWatch {
  readonly #listeners = new Set<() => void>()
  #seq = -1

  onWritten(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0
  }

  /** The newest has this `seq` now. */
  reached(seq: number): void {
    if (seq === this.#seq) return
    this.#seq = seq
    for (const listener of this.#listeners) listener()
  }
}
