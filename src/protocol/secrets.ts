/** Secrets of share links: made here, stored as hashes only. */

import { createHash, timingSafeEqual } from 'node:crypto'
import type { Random } from '../interfaces.ts'
import type { LinkToken, SecretHash } from '../types.ts'

/** 144 random bits: 24 characters of base64url without padding (requirement L2 asks for 128). */
export const TOKEN_BYTES = 18
/** 256 random bits: a claim secret is the right to the bytes. */
const CLAIM_BYTES = 32

export const TOKEN_LENGTH = 24
export const CLAIM_LENGTH = 43

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

export const newLinkToken = (random: Random): LinkToken => base64url(random.bytes(TOKEN_BYTES)) as LinkToken
/** The secret with which a sender revokes a link: as long as a token. */
export const newDeleteSecret = (random: Random): string => base64url(random.bytes(TOKEN_BYTES))
export const newClaimSecret = (random: Random): string => base64url(random.bytes(CLAIM_BYTES))

const TOKEN_PATTERN = /^[A-Za-z0-9_-]{24}$/
const CLAIM_PATTERN = /^[A-Za-z0-9_-]{43}$/

export const isLinkToken = (text: string): text is LinkToken => TOKEN_PATTERN.test(text)
export const isClaimSecret = (text: string): boolean => CLAIM_PATTERN.test(text)

/** What is stored and compared in place of a secret. */
export const hashSecret = (secret: string): SecretHash =>
  createHash('sha256').update(secret, 'utf8').digest('hex') as SecretHash

/** Comparison in constant time. */
export function sameHash(left: SecretHash, right: SecretHash): boolean {
  const a = Buffer.from(left, 'utf8')
  const b = Buffer.from(right, 'utf8')
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
