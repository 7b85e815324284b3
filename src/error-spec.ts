/** What errors.ts says of a code, and exit codes of the CLI. */

export interface ErrorSpec {
  /** HTTP status the edge answers with. */
  status: number
  /** Whether the same request may succeed later without being changed. */
  retryable: boolean
  /** Exit code of the CLI: see EXIT. */
  exit: number
  /** One sentence for a person, without details. */
  text: string
}

/** Exit codes of the CLI. Documented in docs/errors.md, with 130: ended by Ctrl-C, as shells have it. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  integrity: 5,
  busy: 6,
  local: 7
} as const

export const spec = (status: number, retryable: boolean, exit: number, text: string): ErrorSpec => ({
  status,
  retryable,
  exit,
  text
})
