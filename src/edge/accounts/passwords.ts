/** Passwords of accounts: what may be one, and what of it goes to the controller (protocol/password.ts: never itself). */

import { PeerbinError } from '../../errors.ts'
import { ACCOUNT_PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX } from '../../protocol/limits.ts'
import { cleanPassword } from '../../protocol/password.ts'
import type { PasswordCost } from '../../protocol/password.ts'
import type { PasswordChallenge } from '../../types.ts'

/**
 * One that somebody chose, in the spelling that is hashed.
 * @throws `invalid-field` unless it has ACCOUNT_PASSWORD_BYTES_MIN to PASSWORD_BYTES_MAX bytes of UTF-8
 */
export function newPassword(text: string, field: string): string {
  const password = knownPassword(text)
  if (password !== undefined) return password
  throw new PeerbinError(
    'invalid-field',
    `${field}: a password has ${ACCOUNT_PASSWORD_BYTES_MIN} to ${PASSWORD_BYTES_MAX} bytes`,
    { details: { field } }
  )
}

/** One that is to be compared; undefined when no account can have it, so that nothing needs to be asked or hashed. */
export function knownPassword(text: string): string | undefined {
  const sizeBytes = Buffer.byteLength(text.normalize('NFC'), 'utf8')
  if (sizeBytes < ACCOUNT_PASSWORD_BYTES_MIN || sizeBytes > PASSWORD_BYTES_MAX || !text.isWellFormed())
    return undefined
  return cleanPassword(text)
}

/** Whether a record was made with less, or more, than is asked for now. */
export const isDated = (challenge: PasswordChallenge, cost: PasswordCost): boolean =>
  challenge.memoryKiB !== cost.memoryKiB ||
  challenge.passes !== cost.passes ||
  challenge.parallelism !== cost.parallelism
