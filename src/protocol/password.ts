/**
 * Passwords of links and of accounts. What is derived from a password by argon2id is its tag; whoever shows the tag has shown the password. Stored is the SHA-256 of the tag
 * only: metadata in the wrong hands open no link, not even to a member of the cluster.
 *
 *   edge                                     controller
 *   the password, and the link's salt and
 *   cost  → argon2id → tag        ───────→   SHA-256 → compared with the record in constant time
 *
 * So the password itself never leaves the edge it was sent to, and the memory and time that argon2id takes are the edge's.
 */

import { argon2, createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { PeerbinError } from '../errors.ts'
import type { Random } from '../interfaces.ts'
import type { PasswordChallenge, PasswordRecord, SecretHash } from '../types.ts'
import { ACCOUNT_PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX } from './limits.ts'
import { sameHash } from './secrets.ts'

const SALT_BYTES = 16
const TAG_BYTES = 32

const derive = promisify(argon2)

/** Cost of argon2id, as the settings have it. */
export type PasswordCost = Pick<PasswordRecord, 'memoryKiB' | 'passes' | 'parallelism'>

/**
 * A password from outside in the one spelling that is hashed: Unicode NFC, so that `é` typed on one machine is `é` typed on another. Nothing is cut off, no space either.
 * @param field name of the field or header, for the message
 * @throws `invalid-field` when it has not 1 to PASSWORD_BYTES_MAX bytes of UTF-8
 */
export const cleanPassword = (text: string, field = 'password'): string => clean(text, field, 1)

/** The same for a new password of an account, which has a shortest length; one that is only compared is cleaned as any. @throws `invalid-field` */
export const cleanAccountPassword = (text: string, field = 'password'): string =>
  clean(text, field, ACCOUNT_PASSWORD_BYTES_MIN)

function clean(text: string, field: string, bytesMin: number): string {
  const password = text.normalize('NFC')
  const sizeBytes = Buffer.byteLength(password, 'utf8')
  if (sizeBytes < bytesMin || sizeBytes > PASSWORD_BYTES_MAX || !password.isWellFormed())
    throw new PeerbinError(
      'invalid-field',
      `${field}: a password has ${bytesMin} to ${PASSWORD_BYTES_MAX} bytes`,
      {
        details: { field }
      }
    )
  return password
}

export const newChallenge = (cost: PasswordCost, random: Random): PasswordChallenge => ({
  v: 1,
  memoryKiB: cost.memoryKiB,
  passes: cost.passes,
  parallelism: cost.parallelism,
  salt: Buffer.from(random.bytes(SALT_BYTES)).toString('hex')
})

/**
 * The tag of a clean password, in hex. Takes `memoryKiB` of memory, and a thread of libuv's pool for some tens of milliseconds: client/password-hasher.ts bounds how many
 * run at once.
 */
export async function passwordTag(password: string, challenge: PasswordChallenge): Promise<string> {
  const { memoryKiB, passes, parallelism, salt } = challenge
  const tag = await derive('argon2id', {
    message: Buffer.from(password, 'utf8'),
    nonce: Buffer.from(salt, 'hex'),
    memory: memoryKiB,
    passes,
    parallelism,
    tagLength: TAG_BYTES
  })
  return tag.toString('hex')
}

/** What is stored and compared in place of a tag. @param tag hex */
export const tagHash = (tag: string): SecretHash =>
  createHash('sha256').update(Buffer.from(tag, 'hex')).digest('hex') as SecretHash

export const recordOf = (challenge: PasswordChallenge, tag: string): PasswordRecord => ({
  ...challenge,
  hash: tagHash(tag)
})

export const challengeOf = ({ hash: _hash, ...challenge }: PasswordRecord): PasswordChallenge => challenge

/** Whether what was shown belongs to the record. @param shown tagHash of the tag */
export const isPassword = (record: PasswordRecord, shown: SecretHash): boolean => sameHash(record.hash, shown)
