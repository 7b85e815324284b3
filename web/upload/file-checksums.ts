/** CRC-32 of each file, computed while the payload goes by from its beginning; and one figure for all that went by, to notice that files have changed. */

import { crc32, crcText } from '../../src/bundle/crc32.ts'

/** All bytes before `at` gave `value`. */
export interface Mark {
  /** In the plain payload. */
  readonly at: number
  readonly value: string
}

export const START: Mark = { at: 0, value: '' }

export class FileChecksums {
  /** Of each file, as far as it went by. */
  readonly #crcs: number[]
  readonly #ends: readonly number[]
  #position = 0
  /** The file in which the position is. */
  #current = 0

  /** @param sizes of the files, in the order of the payload */
  constructor(sizes: readonly number[]) {
    this.#crcs = sizes.map(() => 0)
    let end = 0
    this.#ends = sizes.map((size) => (end += size))
  }

  /** Plain bytes that went by. */
  get position(): number {
    return this.#position
  }

  get crcs(): readonly number[] {
    return this.#crcs
  }

  get mark(): Mark {
    const crcs = this.#crcs.slice(0, this.#current + 1).map(crcText)
    return { at: this.#position, value: crcText(crc32(new TextEncoder().encode(crcs.join('')))) }
  }

  /** Takes bytes in that begin at `start`, which is not behind the position; what has gone by already is passed over. */
  take(start: number, bytes: Uint8Array): void {
    if (start > this.#position) throw new RangeError('bytes were left out')
    for (let used = this.#position - start; used < bytes.byteLength;) {
      const end = this.#ends[this.#current]
      if (end === undefined) throw new RangeError('bytes behind the end')
      if (end === this.#position) {
        this.#current++
        continue
      }
      const part = bytes.subarray(used, used + end - this.#position)
      this.#crcs[this.#current] = crc32(part, this.#crcs[this.#current])
      this.#position += part.byteLength
      used += part.byteLength
    }
  }
}
