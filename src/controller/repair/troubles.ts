import type { Clock } from '../../interfaces.ts'
import type { PeerId } from '../../types.ts'

/** Pairs of a few dozen nodes; when there are more, the oldest are forgotten. */
const PAIRS_MAX = 4096

/**
 * Copies that failed a moment ago, from whom to whom. A failure between two nodes does not say whose it is: so it is the pair that is left alone, and a target is
 * only when nobody is left who could give it something.
 */
export class Troubles {
  readonly #clock: Clock
  readonly #leaveMs: number
  readonly #untilMs = new Map<string, number>()

  /** @param deps.leaveMs what failed is left alone for so long: longer than an attempt takes, so that the next one remembers it */
  constructor(deps: { readonly clock: Clock; readonly leaveMs: number }) {
    this.#clock = deps.clock
    this.#leaveMs = deps.leaveMs
  }

  /** @param from undefined: nobody should give it anything */
  note(from: PeerId | undefined, to: PeerId): void {
    const key = keyOf(from, to)
    this.#untilMs.delete(key)
    this.#untilMs.set(key, this.#clock.monotonic() + this.#leaveMs)
    const oldest = this.#untilMs.keys().next()
    if (this.#untilMs.size > PAIRS_MAX && oldest.done === false) this.#untilMs.delete(oldest.value)
  }

  has(from: PeerId, to: PeerId): boolean {
    return this.#isNoted(keyOf(from, to)) || this.#isNoted(keyOf(undefined, to))
  }

  #isNoted(key: string): boolean {
    const untilMs = this.#untilMs.get(key)
    if (untilMs === undefined) return false
    if (untilMs > this.#clock.monotonic()) return true
    this.#untilMs.delete(key)
    return false
  }
}

const keyOf = (from: PeerId | undefined, to: PeerId): string => `${from ?? ''}>${to}`
