/**
 * The digest by which a node's chunks are compared with what is recorded for it, without naming them all: one for each first byte of the chunks' digests.
 * The node computes it over what it holds, the metadata over the copies it has recorded; where both agree nothing needs to be listed.
 *
 * An entry is the chunk's digest (32 bytes) and its generation (unsigned, 8 bytes, big-endian). Entries stand in order of digests; the summary is the first
 * 16 bytes of the SHA-256 over them, in lower-case hex. No entries: the SHA-256 of nothing.
 */

import { createHash } from 'node:crypto'
import type { Generation } from '../types.ts'
import { DIGEST_BYTES } from './ids.ts'

const GENERATION_BYTES = 8
const ENTRY_BYTES = DIGEST_BYTES + GENERATION_BYTES
const SUMMARY_BYTES = 16

/** Entries are hashed this many at a time: a call for each costs more than the hashing. */
const ENTRIES_AT_ONCE = 256

export interface InventorySummary {
  count: number
  /** Lower-case hex, 32 characters. */
  digest: string
}

/** Takes the chunks of one prefix in order of their digests. */
export class InventoryDigest {
  readonly #hash = createHash('sha256')
  readonly #waiting = Buffer.alloc(ENTRIES_AT_ONCE * ENTRY_BYTES)
  #filled = 0
  #count = 0

  /** @param digest 32 bytes, greater than the one before */
  add(digest: Uint8Array, generation: Generation | number): void {
    this.#waiting.set(digest, this.#filled)
    this.#waiting.writeBigUInt64BE(BigInt(generation), this.#filled + DIGEST_BYTES)
    this.#filled += ENTRY_BYTES
    this.#count++
    if (this.#filled === this.#waiting.byteLength) this.#flush()
  }

  /** Of what was added so far; more may be added. */
  summary(): InventorySummary {
    this.#flush()
    const digest = this.#hash.copy().digest()
    return { count: this.#count, digest: digest.toString('hex', 0, SUMMARY_BYTES) }
  }

  #flush(): void {
    this.#hash.update(this.#waiting.subarray(0, this.#filled))
    this.#filled = 0
  }
}
