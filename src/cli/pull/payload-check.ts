/** Compares a payload with what is known of it, byte for byte in order: a SHA-256 of all, or a CRC-32 of each file. */

import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { BundleIndex } from '../../bundle/index.ts'
import { PeerbinError } from '../../errors.ts'

export interface PayloadCheck {
  /** Bytes that were looked at. */
  readonly position: number
  /** Everything before is known to be right. */
  readonly goodTo: number
  /** @throws `checksum-mismatch` with the last byte of what does not match */
  update(bytes: Uint8Array): void
  /** Forgets what came behind `goodTo`. */
  rewind(): void
}

export const payloadCheck = (
  sizeBytes: number,
  sha256: string | null,
  index: BundleIndex | undefined
): PayloadCheck => (index === undefined ? new WholeCheck(sizeBytes, sha256) : new EntryChecks(index))

class WholeCheck implements PayloadCheck {
  readonly #sizeBytes: number
  readonly #sha256: string | null
  #hash: Hash = createHash('sha256')
  #position = 0
  #isGood = false

  constructor(sizeBytes: number, sha256: string | null) {
    this.#sizeBytes = sizeBytes
    this.#sha256 = sha256
  }

  get position(): number {
    return this.#position
  }

  get goodTo(): number {
    return this.#isGood ? this.#sizeBytes : 0
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes)
    this.#position += bytes.byteLength
    if (this.#position < this.#sizeBytes) return
    if (this.#sha256 !== null && this.#hash.copy().digest('hex') !== this.#sha256)
      throw new PeerbinError('checksum-mismatch', 'the bytes that came do not match the SHA-256 of the file')
    this.#isGood = true
  }

  rewind(): void {
    if (this.#isGood) return
    this.#hash = createHash('sha256')
    this.#position = 0
  }
}

class EntryChecks implements PayloadCheck {
  readonly #entries: BundleIndex['entries']
  /** The entry that comes next, or is under way. */
  #at = 0
  #start = 0
  #position = 0
  #crc = 0

  constructor({ entries }: BundleIndex) {
    this.#entries = entries
  }

  get position(): number {
    return this.#position
  }

  get goodTo(): number {
    return this.#start
  }

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      const entry = this.#entries[this.#at]
      if (entry === undefined)
        throw new PeerbinError('protocol-violation', 'the server sent more bytes than there are')
      const part = bytes.subarray(at, at + this.#start + entry.sizeBytes - this.#position)
      this.#crc = crc32(part, this.#crc)
      this.#position += part.byteLength
      at += part.byteLength
      if (this.#position < this.#start + entry.sizeBytes) return
      if (this.#crc !== entry.crc32)
        throw new PeerbinError(
          'checksum-mismatch',
          'the bytes that came do not match the CRC-32 of their file'
        )
      this.#at++
      this.#start = this.#position
      this.#crc = 0
    }
  }

  rewind(): void {
    this.#position = this.#start
    this.#crc = 0
  }
}
