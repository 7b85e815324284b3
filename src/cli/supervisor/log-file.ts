import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { PeerbinError } from '../../errors.ts'

/** A log that is larger at a start is moved to `<name>.log.1`, in place of the one before. */
const LOG_BYTES_MAX = 10_000_000

export interface LogFile {
  /** Descriptor, for the standard output and error of a child process. */
  readonly fd: number
  close(): void
}

/** Opens a log for appending, readable by its owner only. @throws `local-file` */
export function openLogFile(path: string): LogFile {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    if (size > LOG_BYTES_MAX) renameSync(path, `${path}.1`)
    const fd = openSync(path, 'a', 0o600)
    return { fd, close: () => closeSync(fd) }
  } catch (error) {
    throw new PeerbinError('local-file', `cannot write the log ${path}`, { cause: error })
  }
}
