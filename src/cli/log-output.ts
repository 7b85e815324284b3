import { fstatSync, writeSync } from 'node:fs'

/** Standard error as a process's log. */
const STDERR = 2

/**
 * Where a role's log lines go. A full disk must not end the process that would tell of it: a line that cannot be written is dropped, and the next one is
 * tried. (A stream over a file would be destroyed by its first error, and silent from then on.)
 */
export function logOutput(): { write(line: string): void } {
  if (!fstatSync(STDERR).isFile()) return process.stderr
  return {
    write: (line) => {
      try {
        writeSync(STDERR, line)
      } catch {
        // as said above
      }
    }
  }
}
