/** Names of users: how they are written, and what they are compared by. */

import { PeerbinError } from '../errors.ts'
import { USER_NAME_KEY_LENGTH_MAX, USER_NAME_LENGTH_MAX } from './limits.ts'

/** Letters with their marks, digits, and `._-@+` and blanks between them. Fillers and selectors are letters and marks that nobody sees. */
const NAME_PATTERN = /^(?:(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{Nd}._\-@+ ])+$/u
/** Something that can be read stands in it, and it does not begin with a mark for the character before. */
const READABLE_PATTERN = /^[^\p{M}]*[\p{L}\p{Nd}]/u

const spaced = (text: string): string => text.trim().replace(/ +/g, ' ')

/**
 * A name from outside in the one spelling that is kept: NFC, without blanks around it, one blank between words.
 * @param field name of the field, for the message
 * @throws `invalid-field` for what is no name
 */
export function cleanUserName(text: string, field = 'username'): string {
  // what is far too long is not looked at any closer
  const name = text.length > 4 * USER_NAME_LENGTH_MAX ? '' : spaced(text.normalize('NFC'))
  if (isUserName(name)) return name
  throw new PeerbinError(
    'invalid-field',
    `${field}: a name has 1 to ${USER_NAME_LENGTH_MAX} letters, digits, blanks and characters of . _ - @ +`,
    { details: { field } }
  )
}

/** Whether a name is as cleanUserName leaves it. */
export const isUserName = (name: string): boolean =>
  name.length <= USER_NAME_LENGTH_MAX &&
  NAME_PATTERN.test(name) &&
  READABLE_PATTERN.test(name) &&
  spaced(name.normalize('NFC')) === name &&
  userNameKey(name).length <= USER_NAME_KEY_LENGTH_MAX

/**
 * What names are compared by: no two users share one. NFKC and without case; by way of capitals, which make one of letters that small letters keep
 * apart (`ß` and `ss`, both sigmas); and that again, because what is composed at the end can have another case still. Idempotent.
 */
export const userNameKey = (name: string): string => folded(folded(name))

const folded = (text: string): string =>
  text.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC')

/** The same for what somebody typed to be recognised, or to search by: a name or not. */
export const typedNameKey = (text: string): string => userNameKey(spaced(text))
