/**
 * The scheme `aes256gcm-1` in figures: how a stream is cut into records, and what sizes come of it. docs/encryption.md says why.
 *
 * Runs in browsers too: nothing here knows of Node.
 */

/** How a file is encrypted, as its record names it. */
export const ENCRYPTION = 'aes256gcm-1'
export type Encryption = typeof ENCRYPTION

/** The secret behind the `#` of a link. */
export const SECRET_BYTES = 32
/** In base64url without padding. */
export const SECRET_LENGTH = 43
/** A proof has the form of a secret, and is derived from it. */
export const PROOF_LENGTH = 43

/** A sealed record: all have this size but the last, which may be shorter. 64 of them make a chunk of 4 MiB. */
export const RECORD_BYTES = 65_536
export const TAG_BYTES = 16
/** The octet that ends a record's data and says whether it is the last one (RFC 8188, section 2). */
export const DELIMITER_BYTES = 1
export const NONCE_BYTES = 12
export const KEY_BYTES = 32
/** Plain bytes of a full record. */
export const DATA_BYTES = RECORD_BYTES - TAG_BYTES - DELIMITER_BYTES

/** There is a record for nothing too, so that an end that was cut off shows. */
export const recordsFor = (plainBytes: number): number => Math.max(1, Math.ceil(plainBytes / DATA_BYTES))

/** Bytes of a stream that was sealed without padding. */
export const sealedSize = (plainBytes: number): number =>
  plainBytes + recordsFor(plainBytes) * (TAG_BYTES + DELIMITER_BYTES)

/** Records of a sealed stream. */
export const recordsIn = (sealedBytes: number): number => Math.ceil(sealedBytes / RECORD_BYTES)

/** Plain bytes of a stream sealed without padding; undefined for a size that none has. */
export function plainSize(sealedBytes: number): number | undefined {
  const plainBytes = sealedBytes - recordsIn(sealedBytes) * (TAG_BYTES + DELIMITER_BYTES)
  return plainBytes >= 0 && sealedSize(plainBytes) === sealedBytes ? plainBytes : undefined
}
