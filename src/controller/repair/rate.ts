/** Copies of the last half minute or so count; older ones fade. */
const FADE_MS = 30_000
/** After so long without a copy it starts anew. */
const IDLE_MS = 5 * FADE_MS

/** Bytes a second, as an exponentially fading average. It is right from the first moment on: what it does not know yet it does not count as zero. */
export class Rate {
  #bytes = 0
  #at = 0
  #addedAt = 0
  #since: number | undefined

  /** @param nowMs monotonic @param tookMs how long these bytes took */
  add(bytes: number, nowMs: number, tookMs: number): void {
    if (this.#since === undefined || nowMs - this.#addedAt > IDLE_MS) {
      this.#bytes = 0
      this.#since = nowMs - tookMs
      this.#at = this.#since
    }
    this.#fade(nowMs)
    this.#bytes += bytes
    this.#addedAt = nowMs
  }

  bytesPerSecond(nowMs: number): number {
    if (this.#since === undefined) return 0
    this.#fade(nowMs)
    const weightMs = FADE_MS * (1 - Math.exp(-(nowMs - this.#since) / FADE_MS))
    return weightMs <= 0 ? 0 : Math.round((this.#bytes / weightMs) * 1000)
  }

  #fade(nowMs: number): void {
    this.#bytes *= Math.exp(-(nowMs - this.#at) / FADE_MS)
    this.#at = nowMs
  }
}
