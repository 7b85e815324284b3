import type { Clock, StoreUsage } from '../../interfaces.ts'
import type { ChunkId } from '../../types.ts'
import { UNREADABLE, type FoundRecord } from './chunk-index.ts'
import type { Counted, Stock } from './stock.ts'
import { LOST, type Findings } from './take-stock.ts'

/** What a LevelDB store holds, counted; it also knows whose record is damaged, for that says nothing itself. */
export class LevelStock {
  readonly #clock: Clock
  readonly #stock: Stock
  /** Chunks whose record is damaged, and when that was found: they count as in quarantine since then. */
  readonly #unreadable: Map<ChunkId, number>

  constructor(clock: Clock, findings: Findings) {
    this.#clock = clock
    this.#stock = findings.stock
    this.#unreadable = new Map(findings.unreadable.map((id) => [id, clock.now()]))
  }

  get quarantined(): number {
    return this.#stock.quarantined
  }

  get takenBytes(): number {
    return this.#stock.takenBytes
  }

  /** Counts bytes of a put that has not settled. */
  coming(bytes: number): void {
    this.#stock.coming(bytes)
  }

  usage(capacityBytes: number, diskBytes: number): StoreUsage {
    return this.#stock.usage(capacityBytes, diskBytes)
  }

  /** The record of a chunk was `from` and is `to`; undefined: there is none. */
  change(id: ChunkId, from: FoundRecord | undefined, to: Counted | undefined): void {
    this.#stock.change(from === UNREADABLE ? this.lost(id) : from, to)
    this.#unreadable.delete(id)
  }

  /** The record of a chunk turned out to be damaged. It was counted as held; its size is not known now, and stays in `usedBytes`. */
  lost(id: ChunkId): Counted {
    if (!this.#unreadable.has(id)) {
      this.#unreadable.set(id, this.#clock.now())
      this.#stock.change({ sizeBytes: 0, quarantinedAt: undefined }, LOST)
    }
    return LOST
  }

  /** Since when a chunk is in quarantine; undefined: it is not. */
  quarantinedSince(id: ChunkId, found: FoundRecord | undefined): number | undefined {
    return found === UNREADABLE ? this.#unreadable.get(id) : found?.quarantinedAt
  }
}
