/** Chunk ids: between bytes, digests and text. The only place that knows how a CID is made. */

import { createHash } from 'node:crypto'
import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { PeerbinError } from '../errors.ts'
import type { ChunkId } from '../types.ts'

/** Multicodec numbers: raw bytes, and sha2-256. */
export const RAW_CODEC = 0x55
export const SHA2_256 = 0x12
export const DIGEST_BYTES = 32

/** `version 1, raw, sha2-256, 32 bytes`: what stands before the digest in each of our CIDs. */
const CID_PREFIX = Uint8Array.of(0x01, RAW_CODEC, SHA2_256, DIGEST_BYTES)

/** SHA-256 of bytes: 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

/** The id that names these bytes. */
export const chunkIdOf = (bytes: Uint8Array): ChunkId => chunkIdFromDigest(sha256(bytes))

/** The id for a SHA-256 digest of 32 bytes. */
export function chunkIdFromDigest(digest: Uint8Array): ChunkId {
  if (digest.byteLength !== DIGEST_BYTES) throw new PeerbinError('bad-request', 'a chunk digest has 32 bytes')
  return base32.encode(Buffer.concat([CID_PREFIX, digest])) as ChunkId
}

/** The 32 bytes of SHA-256 in an id. @throws `bad-request` when it is not an id of ours. */
export function digestOf(id: ChunkId): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = base32.decode(id)
  } catch (error) {
    throw new PeerbinError('bad-request', 'not a chunk id', { cause: error })
  }
  if (
    bytes.byteLength !== CID_PREFIX.byteLength + DIGEST_BYTES ||
    !CID_PREFIX.every((byte, i) => bytes[i] === byte)
  ) {
    throw new PeerbinError('bad-request', 'not a chunk id: CIDv1, raw, sha2-256 is needed')
  }
  return bytes.subarray(CID_PREFIX.byteLength)
}

/** Checks text from outside. @throws `bad-request` */
export function parseChunkId(text: string): ChunkId {
  const id = text as ChunkId
  // a base32 text can end in bits that stand for nothing; only the canonical spelling is an id
  if (chunkIdFromDigest(digestOf(id)) !== text)
    throw new PeerbinError('bad-request', 'not a canonical chunk id')
  return id
}

/** For libraries that speak CID (Blockstore, IPFS tools). */
export const cidOf = (id: ChunkId): CID => CID.createV1(RAW_CODEC, Digest.create(SHA2_256, digestOf(id)))

/** Whether the bytes are what the id names. */
export const matchesId = (id: ChunkId, bytes: Uint8Array): boolean =>
  Buffer.compare(digestOf(id), sha256(bytes)) === 0
