/** Keys of programs: `pbk_` and 256 random bits. What begins so can be found in files where it should not be, and revoked. */

import type { Random } from '../../interfaces.ts'

const KEY_BYTES = 32
const PATTERN = /^pbk_[A-Za-z0-9_-]{43}$/

export const newKey = (random: Random): string =>
  `pbk_${Buffer.from(random.bytes(KEY_BYTES)).toString('base64url')}`

export const isKey = (text: string): boolean => PATTERN.test(text)
