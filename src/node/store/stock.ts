import type { StoreUsage } from '../../interfaces.ts'

/** What counts of a chunk: its size, and whether it is in quarantine. */
export interface Counted {
  sizeBytes: number
  /** Undefined: it is held. */
  quarantinedAt: number | undefined
}

/** What a store holds, counted: kept with every change, so that `usage` asks nobody. */
export class Stock {
  #chunks = 0
  #usedBytes = 0
  #quarantined = 0
  #quarantinedBytes = 0
  #comingBytes = 0

  get quarantined(): number {
    return this.#quarantined
  }

  /** Everything that takes space, and what puts under way will take. */
  get takenBytes(): number {
    return this.#usedBytes + this.#quarantinedBytes + this.#comingBytes
  }

  /** A chunk was what `from` says and is what `to` says; undefined: not there. */
  change(from: Counted | undefined, to: Counted | undefined): void {
    if (from !== undefined) this.#add(from, -1)
    if (to !== undefined) this.#add(to, 1)
  }

  /** Counts bytes of a put that has not settled. */
  coming(bytes: number): void {
    this.#comingBytes += bytes
  }

  /** @param capacityBytes 0: what the disk has, and has free (`diskBytes`) */
  usage(capacityBytes: number, diskBytes: number): StoreUsage {
    const counts = { chunks: this.#chunks, usedBytes: this.#usedBytes, quarantined: this.#quarantined }
    const storedBytes = this.#usedBytes + this.#quarantinedBytes
    if (capacityBytes === 0) {
      return { ...counts, capacityBytes: storedBytes + diskBytes, freeBytes: diskBytes }
    }
    const freeBytes = Math.min(Math.max(0, capacityBytes - storedBytes), diskBytes)
    return { ...counts, capacityBytes, freeBytes }
  }

  #add({ sizeBytes, quarantinedAt }: Counted, sign: 1 | -1): void {
    if (quarantinedAt === undefined) {
      this.#chunks += sign
      this.#usedBytes += sign * sizeBytes
    } else {
      this.#quarantined += sign
      this.#quarantinedBytes += sign * sizeBytes
    }
  }
}
