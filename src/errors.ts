/**
 * One error class, one registry. A code is a promise: it crosses the wire, stands in problem+json answers and in docs/errors.md, and is
 * never renamed or reused.
 */

import { ERRORS } from './error-codes.ts'
import type { ErrorCode } from './error-codes.ts'

export { ERRORS, EXIT, isErrorCode } from './error-codes.ts'
export type { ErrorCode } from './error-codes.ts'

export interface PeerbinErrorOptions {
  cause?: unknown
  /** When a retry makes sense, if that is known. */
  retryAfterMs?: number
  /** Small facts for logs and problem+json. Never a secret, a token or a link path. */
  details?: Record<string, string | number | boolean>
}

/** The only error class that peerbin throws on purpose. */
export class PeerbinError extends Error {
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined
  readonly details: Record<string, string | number | boolean>

  /** @param message for a person; when empty, the registry's sentence for `code`. */
  constructor(code: ErrorCode, message = '', options: PeerbinErrorOptions = {}) {
    super(
      message === '' ? ERRORS[code].text : message,
      options.cause === undefined ? {} : { cause: options.cause }
    )
    this.name = 'PeerbinError'
    this.code = code
    this.retryAfterMs = options.retryAfterMs
    this.details = options.details ?? {}
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }

  get exitCode(): number {
    return ERRORS[this.code].exit
  }
}

/** Whether `error` is a PeerbinError with one of `codes` (any code when none is given). */
export const hasCode = (error: unknown, ...codes: ErrorCode[]): error is PeerbinError =>
  error instanceof PeerbinError && (codes.length === 0 || codes.includes(error.code))

/** Turns anything thrown into a PeerbinError; what is not one already becomes `fallback` with the original as cause. */
export function asPeerbinError(error: unknown, fallback: ErrorCode = 'internal'): PeerbinError {
  if (error instanceof PeerbinError) return error
  return new PeerbinError(fallback, '', { cause: error })
}
