/** The ranges in which an inventory is compared: chunks by the first byte of their digests. Pure. */

import { PeerbinError } from '../../errors.ts'
import type { ChunkId } from '../../types.ts'
import { chunkIdFromDigest, DIGEST_BYTES, digestOf } from '../../protocol/ids.ts'

/** Order of digests, which is the order of every list of chunks. */
export const byDigest = (a: ChunkId, b: ChunkId): number => Buffer.compare(digestOf(a), digestOf(b))

/** The greatest id of a prefix (0 … 255), whether or not there is such a chunk. */
export function lastOf(prefix: number): ChunkId {
  const digest = new Uint8Array(DIGEST_BYTES).fill(0xff)
  digest[0] = prefix
  return chunkIdFromDigest(digest)
}

/** What a list of a prefix begins after; undefined: at the very first chunk. */
export const beforeFirstOf = (prefix: number): ChunkId | undefined =>
  prefix === 0 ? undefined : lastOf(prefix - 1)

/** @throws `protocol-violation` when a page does not go on, in order and without repeats, after `after` */
export function checkOrder(ids: readonly ChunkId[], after: ChunkId | undefined): void {
  let last = after
  for (const id of ids) {
    if (last !== undefined && byDigest(last, id) >= 0) {
      throw new PeerbinError('protocol-violation', 'a node lists its chunks out of order')
    }
    last = id
  }
}
