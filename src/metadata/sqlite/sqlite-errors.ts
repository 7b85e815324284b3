/** Errors of `node:sqlite`, by SQLite's result codes: https://www.sqlite.org/rescode.html */

/** The low byte is the primary code, the rest says more. */
export interface SqliteError extends Error {
  code: 'ERR_SQLITE_ERROR'
  errcode: number
}

const BUSY = 5
const LOCKED = 6
const CORRUPT = 11
const FULL = 13
const NOT_A_DATABASE = 26

export const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'

const isPrimary = (error: unknown, ...codes: number[]): boolean =>
  isSqliteError(error) && codes.includes(error.errcode & 0xff)

/** Another connection holds the file. */
export const isInUse = (error: unknown): boolean => isPrimary(error, BUSY, LOCKED)
export const isDamaged = (error: unknown): boolean => isPrimary(error, CORRUPT, NOT_A_DATABASE)
export const isDiskFull = (error: unknown): boolean => isPrimary(error, FULL)
