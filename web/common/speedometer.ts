/** How fast it goes, over the last seconds, so that the time left does not jump; and what to say of it, not too often for ears. */

import { remainingText } from './times.ts'

const WINDOW_MS = 5000

interface Moment {
  readonly at: number
  readonly bytes: number
}

export class Speedometer {
  #moments: Moment[] = []

  /** @param bytes done so far @param now ms */
  note(bytes: number, now: number): void {
    const last = this.#moments.at(-1)
    // what was counted before is sent again
    if (last !== undefined && bytes < last.bytes) this.#moments = []
    this.#moments.push({ at: now, bytes })
    while (this.#moments.length > 2 && now - (this.#moments[0]?.at ?? now) > WINDOW_MS) this.#moments.shift()
  }

  /** After a pause what was before says nothing. */
  reset(): void {
    this.#moments = []
  }

  /** Bytes a second; undefined when that cannot be said yet. */
  get perSecond(): number | undefined {
    const [first] = this.#moments
    const last = this.#moments.at(-1)
    if (first === undefined || last === undefined || last.at - first.at < 500) return undefined
    const speed = ((last.bytes - first.bytes) * 1000) / (last.at - first.at)
    return speed > 0 ? speed : undefined
  }

  /** What is left of so many bytes, in words. */
  left(total: number): string | undefined {
    const speed = this.perSecond
    const last = this.#moments.at(-1)
    if (speed === undefined || last === undefined) return undefined
    return remainingText(Math.max(1000, ((total - last.bytes) / speed) * 1000))
  }
}
