/** Cuts content into blocks where the content says so: what is put in or taken out somewhere changes the blocks around it, and no other. */

import { createHash, hash } from 'node:crypto'
import type { BlockRef } from './remote.ts'

const KIB = 1024
/**
 * Why these: one byte in a file sends a block or two (half a MiB), a file of 100 MiB has 200 of them, and what a cluster keeps for each chunk stays small. A file up to the
 * minimum is one block. At most 4 MiB would do (requirement C2).
 */
export const BLOCK_BYTES = { min: 128 * KIB, average: 512 * KIB, max: 1024 * KIB } as const

/**
 * Numbers for the gear hash, one for each byte. Fixed for good: other numbers cut everything anew. From SHA-256 of a sentence, so that nobody has to believe that they were
 * not chosen.
 */
const GEAR = gearTable()

function gearTable(): Int32Array {
  const table = new Int32Array(256)
  for (let index = 0; index < 256; index++) {
    const digest = createHash('sha256').update(`peerbin gear ${index}`).digest()
    table[index] = digest.readInt32BE(0)
  }
  return table
}

/**
 * FastCDC (Xia et al., USENIX ATC 2016) cuts where bits of the hash are zero, and asks for more of them before the average size than behind it, which brings sizes near to
 * it. The upper bits are those that the last 32 bytes have mixed; `>>>` brings them down.
 */
const EARLY_SHIFT = 32 - 20
const LATE_SHIFT = 32 - 17

/**
 * Where the block that begins at `start` ends, at most `end`; -1: that takes more bytes to say. With `hashOf` one looks at each byte once. `bytes` has at least the
 * minimum of a block, or all there is.
 */
function findEnd(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
  const available = end - start
  if (available <= BLOCK_BYTES.min) return isLast ? end : -1
  const limit = start + Math.min(available, BLOCK_BYTES.max)
  const middle = Math.min(limit, start + BLOCK_BYTES.average)
  let at = start + BLOCK_BYTES.min
  let gear = 0
  // the hash remembers 32 bytes: that many before the first place to cut are enough
  for (let before = at - 32; before < at; before++)
    gear = ((gear << 1) + (GEAR[bytes[before] as number] as number)) | 0
  for (; at < middle; at++) {
    gear = ((gear << 1) + (GEAR[bytes[at] as number] as number)) | 0
    if (gear >>> EARLY_SHIFT === 0) return at + 1
  }
  for (; at < limit; at++) {
    gear = ((gear << 1) + (GEAR[bytes[at] as number] as number)) | 0
    if (gear >>> LATE_SHIFT === 0) return at + 1
  }
  if (available >= BLOCK_BYTES.max) return limit
  return isLast ? end : -1
}

/** Cuts and digests bytes as they come, in one pass; holds two blocks at most. */
export class BlockCutter {
  readonly #whole = createHash('sha256')
  readonly #blocks: BlockRef[] = []
  #held = new Uint8Array(0)
  #start = 0
  #end = 0
  #sizeBytes = 0

  /** Bytes so far. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  push(bytes: Uint8Array): void {
    this.#whole.update(bytes)
    this.#sizeBytes += bytes.byteLength
    for (let from = 0; from < bytes.byteLength;) {
      const taken = this.#take(bytes.subarray(from))
      from += taken
      this.#cut(false)
    }
  }

  /** Blocks in order and the digest of all, lower-case hex. Nothing can be pushed any more. */
  finish(): { blocks: BlockRef[]; sha256: string; sizeBytes: number } {
    this.#cut(true)
    this.#held = new Uint8Array(0)
    return { blocks: this.#blocks, sha256: this.#whole.digest('hex'), sizeBytes: this.#sizeBytes }
  }

  /** Copies as much as there is room for; what is cut off makes room. */
  #take(bytes: Uint8Array): number {
    if (this.#end + bytes.byteLength > this.#held.byteLength) this.#makeRoom(bytes.byteLength)
    const taken = Math.min(bytes.byteLength, this.#held.byteLength - this.#end)
    this.#held.set(bytes.subarray(0, taken), this.#end)
    this.#end += taken
    return taken
  }

  #makeRoom(more: number): void {
    const kept = this.#end - this.#start
    const wanted = Math.min(2 * BLOCK_BYTES.max, Math.max(kept + more, 64 * KIB))
    if (wanted > this.#held.byteLength) {
      const larger = new Uint8Array(Math.min(2 * BLOCK_BYTES.max, 2 * wanted))
      larger.set(this.#held.subarray(this.#start, this.#end))
      this.#held = larger
    } else this.#held.copyWithin(0, this.#start, this.#end)
    this.#start = 0
    this.#end = kept
  }

  #cut(isLast: boolean): void {
    // short of a whole block nothing is looked at, so that no byte is looked at twice
    while (this.#end - this.#start >= BLOCK_BYTES.max || (isLast && this.#end > this.#start)) {
      const end = findEnd(this.#held, this.#start, this.#end, isLast)
      if (end < 0) return
      const block = this.#held.subarray(this.#start, end)
      this.#blocks.push({ digest: hash('sha256', block, 'hex'), sizeBytes: block.byteLength })
      this.#start = end
    }
  }
}
