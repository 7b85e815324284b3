/** What went wrong with a file of this machine, as errors that the engine of a synced folder knows. */

import { hasCode, PeerbinError } from '../../errors.ts'

export const errnoOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** Nothing is there (any more), or something of another kind. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EEXIST', 'ENOTEMPTY'])
/** No space, the user's share of the disk is used up, or a file system that takes no file of this size. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

export function localError(error: unknown, path: string): PeerbinError {
  if (hasCode(error)) return error
  const errno = errnoOf(error)
  const options = { cause: error, details: { path, errno } }
  if (GONE.has(errno)) return new PeerbinError('local-changed', '', options)
  if (FULL.has(errno)) return new PeerbinError('local-full', '', options)
  return new PeerbinError('local-file', '', options)
}

/** Runs a step on a file. @throws local-changed, local-full, local-file */
export async function onFile<T>(path: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw localError(error, path)
  }
}
