/** What people and programs call a session or a key. */

import { PeerbinError } from '../../errors.ts'
import { SESSION_NAME_LENGTH_MAX } from '../../protocol/limits.ts'

/** Control characters, direction marks, unpaired surrogates and blanks of every kind. */
const INVISIBLE = /[\p{C}\p{Z}]+/gu

/** One line that can be shown; what is too long is cut. */
export const labelOf = (text: string): string =>
  text.toWellFormed().replace(INVISIBLE, ' ').trim().slice(0, SESSION_NAME_LENGTH_MAX).toWellFormed()

/** The same, of a name that somebody chose. @throws `invalid-field` when nothing of it is left, or it is too long */
export function cleanLabel(text: string, field: string): string {
  const label = text.normalize('NFC').replace(INVISIBLE, ' ').trim()
  if (label.length >= 1 && label.length <= SESSION_NAME_LENGTH_MAX) return label
  throw new PeerbinError('invalid-field', `${field}: 1 to ${SESSION_NAME_LENGTH_MAX} characters are needed`, {
    details: { field }
  })
}
