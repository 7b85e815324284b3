/** What goes wrong with uploads that go on later, in our words. */

import { ERRORS } from '@tus/server'
import { PeerbinError, hasCode } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'

/** Errors of the library are constants: a status and a line of text. */
const KNOWN = new Map<unknown, ErrorCode>([
  [ERRORS.INVALID_OFFSET, 'offset-mismatch'],
  [ERRORS.FILE_NOT_FOUND, 'upload-unknown'],
  [ERRORS.FILE_NO_LONGER_EXISTS, 'upload-gone'],
  [ERRORS.ERR_SIZE_EXCEEDED, 'too-large'],
  [ERRORS.ERR_MAX_SIZE_EXCEEDED, 'too-large'],
  [ERRORS.INVALID_LENGTH, 'length-required'],
  [ERRORS.UNSUPPORTED_CREATION_DEFER_LENGTH_EXTENSION, 'length-required'],
  [ERRORS.UNSUPPORTED_CONCATENATION_EXTENSION, 'bad-request'],
  [ERRORS.ERR_LOCK_TIMEOUT, 'upload-busy'],
  [ERRORS.ABORTED, 'upload-incomplete']
])

const BY_STATUS: Record<number, ErrorCode> = { 404: 'upload-unknown', 413: 'too-large' }

/** What the library threw, or what our store threw through it. */
export function asTusError(error: unknown): PeerbinError {
  if (error instanceof PeerbinError) return renamed(error)
  const known = KNOWN.get(error)
  if (known !== undefined) return new PeerbinError(known)
  const status =
    typeof error === 'object' && error !== null && 'status_code' in error ? Number(error.status_code) : 500
  return status >= 500 ? new PeerbinError('internal', '', { cause: error }) : ofStatus(status, '')
}

/** What the library answered by itself, headers that it does not take above all. */
export const ofStatus = (status: number, text: string): PeerbinError =>
  new PeerbinError(BY_STATUS[status] ?? 'bad-request', text.trim())

/** Somebody else took the upload over, or ended it, since it was looked at: HEAD says how it stands now. */
const renamed = (error: PeerbinError): PeerbinError =>
  hasCode(error, 'upload-closed', 'upload-conflict')
    ? new PeerbinError('offset-mismatch', '', { cause: error })
    : error

const LOCK_RETRY_AFTER_MS = 2000

/** Of a part they are refusals for good to those clients, as all between 400 and 499 are but 409 and 423: a laptop that slept in the middle would be at its end. */
const PASSING: readonly ErrorCode[] = ['upload-stalled', 'rate-limited', 'too-many-transfers']

/**
 * Clients made with tus-js-client take any failure of HEAD but 423 for the loss of the upload, forget its address and begin a new one: at each edge that stops, at each limit that
 * is reached. So what may pass is told them as a lock; of a part, what they would give up over and is over soon.
 */
export function asLocked(error: PeerbinError, method: string): PeerbinError {
  const isPassing = method === 'HEAD' ? error.retryable : PASSING.includes(error.code)
  if (method === 'GET' || !isPassing || error.status === 423) return error
  const { retryAfterMs = LOCK_RETRY_AFTER_MS } = error
  return new PeerbinError('upload-busy', '', { cause: error, retryAfterMs })
}
