/** What happened in a schedule: the last events in words, and a hash over all of them. */

import { hash32 } from './chance.ts'

/** Events kept in words. */
const KEPT_MAX = 1000

export class Trace {
  readonly #now: () => number
  readonly #kept: string[] = []
  #low = 0
  #high = 0
  #count = 0

  /** @param now virtual milliseconds from the start */
  constructor(now: () => number) {
    this.#now = now
  }

  /** An event that a person wants to see. */
  note(text: string): void {
    this.mix(text)
    this.#kept.push(`${(this.#now() / 1000).toFixed(3).padStart(9)} s  ${text}`)
    if (this.#kept.length > KEPT_MAX) this.#kept.shift()
  }

  /** An event that only has to be the same in every run of the seed. */
  mix(text: string): void {
    const word = hash32(text, Math.floor(this.#now() * 1000) ^ this.#low)
    this.#low = (Math.imul(this.#low ^ word, 0x01000193) + this.#count) >>> 0
    this.#high = Math.imul(this.#high, 31) + word + this.#low
    this.#high >>>= 0
    this.#count++
  }

  get events(): readonly string[] {
    return this.#kept
  }

  get count(): number {
    return this.#count
  }

  /** 16 characters of hex. Equal runs have equal hashes. */
  get hash(): string {
    return (this.#high.toString(16).padStart(8, '0') + this.#low.toString(16).padStart(8, '0')).slice(0, 16)
  }
}
