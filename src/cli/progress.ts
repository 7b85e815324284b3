import type { Clock } from '../interfaces.ts'
import type { Output } from './context.ts'

/** A person reads no faster. */
const REDRAW_MS = 100
const BAR_WIDTH = 24

/** `12.3 MB` */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes / 1000
  let unit = 0
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(1)} ${units[unit] ?? ''}`
}

/** A line that is drawn over itself, on a terminal only. */
export class Progress {
  readonly #output: Output
  readonly #clock: Clock
  readonly #label: string
  readonly #totalBytes: number
  readonly #format: (amount: number) => string
  readonly #startedAt: number
  readonly #firstBytes: number
  #drawnAt = -Infinity

  /**
   * @param doneBytes what an earlier run did already: it does not count for the speed.
   * @param unit what is counted, when it is not bytes
   */
  constructor(output: Output, clock: Clock, label: string, totalBytes: number, doneBytes = 0, unit?: string) {
    this.#output = output
    this.#clock = clock
    this.#label = label
    this.#totalBytes = totalBytes
    this.#format = unit === undefined ? formatBytes : (amount) => `${amount} ${unit}`
    this.#startedAt = clock.monotonic()
    this.#firstBytes = doneBytes
  }

  update(doneBytes: number): void {
    const now = this.#clock.monotonic()
    if (this.#output.isTTY !== true || now - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = now
    const share = this.#totalBytes === 0 ? 1 : Math.min(1, doneBytes / this.#totalBytes)
    const filled = Math.round(share * BAR_WIDTH)
    const speed = ((doneBytes - this.#firstBytes) * 1000) / Math.max(1, now - this.#startedAt)
    const text = `${this.#label} [${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${Math.floor(share * 100)}% of ${this.#format(this.#totalBytes)}, ${this.#format(Math.round(speed))}/s`
    this.#draw(text)
  }

  /** Says in place of the bar why nothing moves; a line of its own where no person looks. */
  note(text: string): void {
    const line = `${this.#label}: ${text}`
    if (this.#output.isTTY !== true) return this.#output.write(`peerbin: ${line}\n`)
    this.#drawnAt = this.#clock.monotonic()
    this.#draw(line)
  }

  #draw(text: string): void {
    this.#output.write(`\r${text.slice(0, Math.max(20, (this.#output.columns ?? 80) - 1))}\u001B[K`)
  }

  /** Removes the line. */
  end(): void {
    if (this.#output.isTTY === true && this.#drawnAt !== -Infinity) this.#output.write('\r\u001B[K')
  }
}
