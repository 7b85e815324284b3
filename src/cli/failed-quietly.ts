import type { PeerbinError } from '../errors.ts'

/** A failure that was reported already (one of several files, say); only its exit code is left to give. */
export class FailedQuietly extends Error {
  readonly reason: PeerbinError

  constructor(reason: PeerbinError) {
    super(reason.message, { cause: reason })
    this.reason = reason
  }
}
