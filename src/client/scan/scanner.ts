/** What looks at a file while it passes: a program or clamd. */

/** One file being looked at. */
export interface ScanSession {
  /** Resolves when the scanner has taken the bytes, which may change then. Rejects when it cannot be fed any more. */
  write(bytes: Uint8Array): Promise<void>
  /** That was all: the verdict. Rejects when there is none. */
  end(): Promise<Verdict>
  /** Gives up, at once and without a word. Idempotent; harmless after the end. */
  abort(): void
}

/** `signature`: what the scanner calls that which it found. */
export type Verdict = { clean: true } | { clean: false; signature: string }

export interface Scanner {
  /** Rejects when the scanner cannot be reached. */
  open(signal: AbortSignal): Promise<ScanSession>
}

/** Signatures are for the log and for people: one short line. */
export const signatureOf = (text: string): string =>
  text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 120)
