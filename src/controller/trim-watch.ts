import type { Clock } from '../interfaces.ts'
import type { ChunkId, PeerId, Receipt } from '../types.ts'

/** Trims remembered; the oldest are forgotten first. An inventory finds what a forgotten one leaves wrong. */
const TRIMS_MAX = 50_000

interface Trim {
  readonly sinceMs: number
  /** Undefined once it is over. */
  running: Promise<unknown> | undefined
}

/**
 * Copies that were trimmed a while ago. A receipt of such a copy that was given before the trim can still be on its way (an edge sends them again before it commits),
 * and would make a copy count that is gone. So receipts for these are believed only after the node was asked, once the trim is over.
 */
export class TrimWatch {
  readonly #clock: Clock
  readonly #rememberMs: number
  /** In order of their beginning. */
  readonly #trims = new Map<string, Trim>()

  /** @param deps.rememberMs longest that a receipt can be on its way: as long as an upload lives without progress */
  constructor(deps: { clock: Clock; rememberMs: number }) {
    this.#clock = deps.clock
    this.#rememberMs = deps.rememberMs
  }

  /** Does the trim; from before its first step on, receipts for that copy are in doubt. */
  async during<T>(peer: PeerId, chunk: ChunkId, trim: () => Promise<T>): Promise<T> {
    const key = keyOf(peer, chunk)
    const running = trim()
    const entry: Trim = { sinceMs: this.#clock.monotonic(), running: running.catch(() => undefined) }
    this.#trims.delete(key) // so that it moves to the end
    this.#trims.set(key, entry)
    this.#forget()
    try {
      return await running
    } finally {
      entry.running = undefined
    }
  }

  /** Whether the receipt may be of a copy that was trimmed since; resolves when no trim of it is under way. */
  async isDoubtful({ peer, chunk }: Receipt): Promise<boolean> {
    this.#forget()
    const key = keyOf(peer, chunk)
    let trim = this.#trims.get(key)
    if (trim === undefined) return false
    for (; trim?.running !== undefined; trim = this.#trims.get(key)) await trim.running
    return true
  }

  #forget(): void {
    const before = this.#clock.monotonic() - this.#rememberMs
    for (const [key, { sinceMs, running }] of this.#trims) {
      if (running !== undefined || (sinceMs > before && this.#trims.size <= TRIMS_MAX)) return
      this.#trims.delete(key)
    }
  }
}

const keyOf = (peer: PeerId, chunk: ChunkId): string => `${peer}/${chunk}`
