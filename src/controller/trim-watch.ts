import type { Clock } from '../interfaces.ts'
import type { ChunkId, Generation, PeerId } from '../types.ts'

/** Trims remembered; the oldest are forgotten first. */
const TRIMS_MAX = 50_000

type Copy = { readonly peer: PeerId; readonly chunk: ChunkId }

interface Trim {
  readonly sinceMs: number
  readonly generation: Generation
  /** Of its beginning; once it is over, of its end. */
  number: number
  /** Undefined once it is over. */
  running: Promise<unknown> | undefined
}

/**
 * Copies that were trimmed a while ago. What a node said of such a copy before the trim (a receipt that is still on its way, a list of what it holds) would make a copy
 * count that is gone. So it is believed only after the node was asked again, once the trim is over.
 *
 * Beginnings and ends of trims are numbered in one row: who notes the last number before a node is asked can tell later, in the very turn in which the answer is handed to the
 * store, whether a trim of that copy came between. A trim that begins after that turn takes the record away again.
 */
export class TrimWatch {
  readonly #clock: Clock
  readonly #rememberMs: number
  /** In order of their beginning. */
  readonly #trims = new Map<string, Trim>()
  #last = 0
  /** The greatest number of a trim that was forgotten. */
  #forgotten = 0
  /** Receipts up to this generation may be of a copy whose trim nobody remembers. */
  #doubted = 0 as Generation

  /** @param deps.rememberMs so long a trim is remembered */
  constructor(deps: { clock: Clock; rememberMs: number }) {
    this.#clock = deps.clock
    this.#rememberMs = deps.rememberMs
  }

  /** Copies up to this generation may have been trimmed by a process before this one. */
  begin(generation: Generation): void {
    this.#doubt(generation)
  }

  /** Of the last trim that began or ended. */
  get last(): number {
    return this.#last
  }

  /** Does the trim; from before its first step on, what is said of that copy is in doubt. */
  async during<T>(copy: Copy & { readonly generation: Generation }, trim: () => Promise<T>): Promise<T> {
    const key = keyOf(copy)
    const running = trim()
    const entry: Trim = {
      sinceMs: this.#clock.monotonic(),
      generation: copy.generation,
      number: ++this.#last,
      running: running.catch(() => undefined)
    }
    this.#trims.delete(key) // so that it moves to the end
    this.#trims.set(key, entry)
    this.#forget()
    try {
      return await running
    } finally {
      entry.number = ++this.#last
      entry.running = undefined
    }
  }

  /** Resolves when no trim of that copy is under way. */
  async settled(copy: Copy): Promise<void> {
    const key = keyOf(copy)
    for (let trim = this.#trims.get(key); trim?.running !== undefined; trim = this.#trims.get(key))
      await trim.running
  }

  /** Whether what the node said of the copy, asked when `last` was `number`, may be of before a trim. */
  isTrimmedSince(copy: Copy, number: number): boolean {
    if (number < this.#forgotten) return true
    const trim = this.#trims.get(keyOf(copy))
    return trim !== undefined && (trim.running !== undefined || trim.number > number)
  }

  /** Whether a receipt of this copy, given nobody knows when, may be of before a trim. */
  mayBeTrimmed(receipt: Copy & { readonly generation: Generation }): boolean {
    this.#forget()
    return receipt.generation <= this.#doubted || this.#trims.has(keyOf(receipt))
  }

  #doubt(generation: Generation): void {
    if (generation > this.#doubted) this.#doubted = generation
  }

  #forget(): void {
    const before = this.#clock.monotonic() - this.#rememberMs
    for (const [key, { sinceMs, generation, number, running }] of this.#trims) {
      if (running !== undefined || (sinceMs > before && this.#trims.size <= TRIMS_MAX)) return
      this.#trims.delete(key)
      this.#forgotten = Math.max(this.#forgotten, number)
      this.#doubt(generation)
    }
  }
}

const keyOf = ({ peer, chunk }: Copy): string => `${peer}/${chunk}`
