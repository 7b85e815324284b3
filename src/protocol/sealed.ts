/**
 * Bytes that only members of the cluster can read, and nobody can change unnoticed: manifests, pieces of snapshots, backups.
 *
 * Layout: magic (4 bytes), version (1 byte), salt (32), AES-256-GCM ciphertext, tag (16). Key and nonce come from the cluster secret and the salt by
 * HKDF-SHA-256 (RFC 5869), so that no nonce is ever used twice with one key. The first five bytes and the context are authenticated too.
 */

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { PeerbinError } from '../errors.ts'
import type { Random } from '../interfaces.ts'

const MAGIC_BYTES = 4
const SALT_BYTES = 32
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PREFIX_BYTES = MAGIC_BYTES + 1

/** What sealing adds to the bytes. */
export const SEAL_BYTES = PREFIX_BYTES + SALT_BYTES + TAG_BYTES

/** One kind of sealed bytes. */
export interface SealFormat {
  /** Four ASCII characters. */
  readonly magic: string
  /** 0 … 255 */
  readonly version: number
  /** Keeps the keys of different formats apart. */
  readonly info: string
  /** For messages: `the manifest`, `a piece of a snapshot`. */
  readonly what: string
}

/** What the bytes are sealed as: opening them as anything else fails, so that pieces cannot change places. */
export type SealContext = Uint8Array

const NO_CONTEXT: SealContext = new Uint8Array(0)

/** @param secret the cluster secret. */
export function seal(
  plain: Uint8Array,
  secret: Uint8Array,
  format: SealFormat,
  random: Random,
  context: SealContext = NO_CONTEXT
): Uint8Array {
  const prefix = prefixOf(format)
  const salt = random.bytes(SALT_BYTES)
  const { key, nonce } = deriveKey(secret, salt, format)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.concat([prefix, context]))
  return Buffer.concat([prefix, salt, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Whether bytes may be of that format, judged by the first ones and by their number. */
export const looksSealed = (bytes: Uint8Array, format: SealFormat): boolean =>
  bytes.byteLength > SEAL_BYTES && Buffer.from(format.magic, 'latin1').equals(bytes.subarray(0, MAGIC_BYTES))

/** @throws `data-incompatible` when they are of another format, version, cluster or context, or damaged. */
export function open(
  bytes: Uint8Array,
  secret: Uint8Array,
  format: SealFormat,
  context: SealContext = NO_CONTEXT
): Uint8Array {
  if (!looksSealed(bytes, format)) throw incompatible(`not ${format.what}`)
  if (bytes[MAGIC_BYTES] !== format.version)
    throw incompatible(`${format.what} was written by another version of peerbin`)
  const { key, nonce } = deriveKey(secret, bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + SALT_BYTES), format)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.concat([bytes.subarray(0, PREFIX_BYTES), context]))
    .setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const encrypted = bytes.subarray(PREFIX_BYTES + SALT_BYTES, -TAG_BYTES)
    return new Uint8Array(Buffer.concat([decipher.update(encrypted), decipher.final()]))
  } catch (error) {
    // the tag does not match: other key, other context, or other bytes
    throw incompatible(`${format.what} is damaged or of another cluster`, error)
  }
}

const incompatible = (message: string, cause?: unknown): PeerbinError =>
  new PeerbinError('data-incompatible', message, cause === undefined ? {} : { cause })

const prefixOf = ({ magic, version }: SealFormat): Uint8Array =>
  Buffer.concat([Buffer.from(magic, 'latin1'), Uint8Array.of(version)])

function deriveKey(
  secret: Uint8Array,
  salt: Uint8Array,
  { info }: SealFormat
): { key: Uint8Array; nonce: Uint8Array } {
  const derived = new Uint8Array(hkdfSync('sha256', secret, salt, info, KEY_BYTES + NONCE_BYTES))
  return { key: derived.subarray(0, KEY_BYTES), nonce: derived.subarray(KEY_BYTES) }
}
