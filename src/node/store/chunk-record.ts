/**
 * Bytes of the LevelDB store: keys, and the record of a chunk. The only place that knows them; golden bytes are in
 * test/node/store/chunk-record.test.ts.
 *
 * Folder `chunks`:  0x63 'c', digest (32)        → record (below)
 *                   0x64 'd', sequence (u64 BE)  → last sequence (u64 BE), CRC-32 of key and that: slices nothing refers to any more
 *                   0x66 'f'                     → format version (1 byte)
 * Folder `slices`:  sequence (u64 BE), slice (u16 BE) → at most SLICE_BYTES of the chunk
 *
 * Record of version 2, 51 bytes, big-endian: version u8 · state u8 · manifest u8 · size u32 · sequence u64 · generation u64 · storedAt u64 ·
 * verifiedAt u64 · quarantinedAt u64 · CRC-32 u32 over the digest and all before it. Version 1, 42 bytes, is read still: it has
 * no manifest and no quarantinedAt, and always the state `held`. LevelDB does not check its own checksums when it reads.
 */

import { crc32 } from 'node:zlib'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { DIGEST_BYTES } from '../../protocol/ids.ts'

/** Changes when older programs can no longer read the folder. Version 1 is read, and becomes 2 when it is opened. */
export const FORMAT_VERSION = 2
/** Formats whose records this program reads. */
export const FORMATS_READ: readonly number[] = [1, FORMAT_VERSION]
/** Size of a stored piece: small against a write buffer, large against LevelDB's cost per entry. */
export const SLICE_BYTES = 256 * 1024

const RECORD_VERSION = 2
const RECORD_BYTES = 51
const OLD_RECORD_BYTES = 42
const CRC_BYTES = 4
const STATE_HELD = 1
const STATE_QUARANTINED = 2
/** What is known of a chunk's being a manifest; 0: version 1 did not look. */
const MANIFEST_UNKNOWN = 0
const MANIFEST_NO = 1
const MANIFEST_YES = 2
const REMOVED_KEY_BYTES = 9
const REMOVAL_BYTES = 12

const CHUNK_PREFIX = 0x63
const REMOVED_PREFIX = 0x64
const FORMAT_PREFIX = 0x66

export interface ChunkRecord {
  sizeBytes: number
  /** Order of arrival; names the chunk's slices. Never used again while anything with it is on disk. */
  sequence: number
  generation: number
  storedAt: number
  verifiedAt: number
  /** Whether it looks like a manifest; undefined: written by a program that did not look, and not read since. */
  manifest: boolean | undefined
  /** When its bytes were found rotten, by the wall clock; undefined: it is held. */
  quarantinedAt: number | undefined
}

/** Whether there is a record, and not one of a chunk in quarantine. */
export const isHeld = (record: ChunkRecord | undefined): record is ChunkRecord =>
  record !== undefined && record.quarantinedAt === undefined

export const formatKey = Uint8Array.of(FORMAT_PREFIX)
/** All keys of chunks: [first, end). */
export const chunkKeys = { gte: Uint8Array.of(CHUNK_PREFIX), lt: Uint8Array.of(CHUNK_PREFIX + 1) }
export const removedKeys = { gte: Uint8Array.of(REMOVED_PREFIX), lt: Uint8Array.of(REMOVED_PREFIX + 1) }

export function chunkKey(digest: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + DIGEST_BYTES)
  key[0] = CHUNK_PREFIX
  key.set(digest, 1)
  return key
}

export const digestOfKey = (key: Uint8Array): Uint8Array => key.subarray(1)

export function removedKey(sequence: number): Uint8Array {
  const key = new Uint8Array(REMOVED_KEY_BYTES)
  key[0] = REMOVED_PREFIX
  viewOf(key).setBigUint64(1, BigInt(sequence))
  return key
}

export function sliceKey(sequence: number, slice: number): Uint8Array {
  const key = new Uint8Array(10)
  const view = viewOf(key)
  view.setBigUint64(0, BigInt(sequence))
  view.setUint16(8, slice)
  return key
}

export const sequenceOfSliceKey = (key: Uint8Array): number => Number(viewOf(key).getBigUint64(0))

export const sliceCount = (sizeBytes: number): number => Math.ceil(sizeBytes / SLICE_BYTES)

/** Note that the slices of the sequences first…last are to be removed: [key, value]. */
export function encodeRemoval(first: number, last: number): [Uint8Array, Uint8Array] {
  const key = removedKey(first)
  const value = new Uint8Array(REMOVAL_BYTES)
  const view = viewOf(value)
  view.setBigUint64(0, BigInt(last))
  view.setUint32(8, crc32(value.subarray(0, 8), crc32(key)))
  return [key, value]
}

/** Undefined when it is damaged: a flipped bit must not remove what is held. */
export function decodeRemoval(
  key: Uint8Array,
  value: Uint8Array
): { first: number; last: number } | undefined {
  if (key.byteLength !== REMOVED_KEY_BYTES || value.byteLength !== REMOVAL_BYTES) return undefined
  const view = viewOf(value)
  if (view.getUint32(8) !== crc32(value.subarray(0, 8), crc32(key))) return undefined
  return { first: Number(viewOf(key).getBigUint64(1)), last: Number(view.getBigUint64(0)) }
}

export function encodeRecord(digest: Uint8Array, record: ChunkRecord): Uint8Array {
  const { manifest, quarantinedAt } = record
  const bytes = new Uint8Array(RECORD_BYTES)
  const view = viewOf(bytes)
  view.setUint8(0, RECORD_VERSION)
  view.setUint8(1, quarantinedAt === undefined ? STATE_HELD : STATE_QUARANTINED)
  view.setUint8(2, manifest === undefined ? MANIFEST_UNKNOWN : manifest ? MANIFEST_YES : MANIFEST_NO)
  view.setUint32(3, record.sizeBytes)
  view.setBigUint64(7, BigInt(record.sequence))
  view.setBigUint64(15, BigInt(record.generation))
  view.setBigUint64(23, wholeMs(record.storedAt))
  view.setBigUint64(31, wholeMs(record.verifiedAt))
  view.setBigUint64(39, wholeMs(quarantinedAt ?? 0))
  view.setUint32(RECORD_BYTES - CRC_BYTES, crcOf(digest, bytes))
  return bytes
}

/** Undefined when the bytes are not a record of this digest: rot, or a version of the future. */
export function decodeRecord(digest: Uint8Array, bytes: Uint8Array): ChunkRecord | undefined {
  const record = bytes[0] === RECORD_VERSION ? decodeNew(digest, bytes) : decodeOld(digest, bytes)
  if (record === undefined || record.sizeBytes < 1 || record.sizeBytes > CHUNK_BYTES_MAX) return undefined
  return record
}

function decodeNew(digest: Uint8Array, bytes: Uint8Array): ChunkRecord | undefined {
  const [, state, manifest] = bytes
  if (bytes.byteLength !== RECORD_BYTES || (state !== STATE_HELD && state !== STATE_QUARANTINED))
    return undefined
  const view = viewOf(bytes)
  if (view.getUint32(RECORD_BYTES - CRC_BYTES) !== crcOf(digest, bytes)) return undefined
  return {
    sizeBytes: view.getUint32(3),
    sequence: Number(view.getBigUint64(7)),
    generation: Number(view.getBigUint64(15)),
    storedAt: Number(view.getBigUint64(23)),
    verifiedAt: Number(view.getBigUint64(31)),
    manifest: manifest === MANIFEST_UNKNOWN ? undefined : manifest === MANIFEST_YES,
    quarantinedAt: state === STATE_HELD ? undefined : Number(view.getBigUint64(39))
  }
}

/** Version 1. */
function decodeOld(digest: Uint8Array, bytes: Uint8Array): ChunkRecord | undefined {
  if (bytes.byteLength !== OLD_RECORD_BYTES || bytes[0] !== 1 || bytes[1] !== STATE_HELD) return undefined
  const view = viewOf(bytes)
  if (view.getUint32(OLD_RECORD_BYTES - CRC_BYTES) !== crcOf(digest, bytes)) return undefined
  return {
    sizeBytes: view.getUint32(2),
    sequence: Number(view.getBigUint64(6)),
    generation: Number(view.getBigUint64(14)),
    storedAt: Number(view.getBigUint64(22)),
    verifiedAt: Number(view.getBigUint64(30)),
    manifest: undefined,
    quarantinedAt: undefined
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const crcOf = (digest: Uint8Array, record: Uint8Array): number =>
  crc32(record.subarray(0, record.byteLength - CRC_BYTES), crc32(digest))

const wholeMs = (ms: number): bigint => BigInt(Math.max(0, Math.trunc(ms)))
