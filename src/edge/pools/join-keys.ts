/** Join keys: `pbjoin_` and 256 random bits. Whoever has one may join; only its hash is kept. */

import type { Random } from '../../interfaces.ts'

const KEY_BYTES = 32
const PATTERN = /^pbjoin_[A-Za-z0-9_-]{43}$/

export const newJoinKey = (random: Random): string =>
  `pbjoin_${Buffer.from(random.bytes(KEY_BYTES)).toString('base64url')}`

export const isJoinKey = (text: string): boolean => PATTERN.test(text)
