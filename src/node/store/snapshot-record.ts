/**
 * Bytes of the LevelDB with snapshots: the only place that knows them. Golden bytes are in test/node/store/snapshot-record.test.ts.
 *
 * 0x66 'f'        → format version (1 byte)
 * 0x6e 'n', name  → size u32 · CRC-32 u32 of the bytes · CRC-32 u32 over key, size and that
 * 0x70 'p', name  → the bytes of the piece
 *
 * A name has 33 bytes, big-endian, and sorts as compareSnapshotNames does: term u64 · base u64 · kind u8 · sequence u64 · part u32 · parts u32. LevelDB
 * does not check its own checksums when it reads.
 */

import { crc32 } from 'node:zlib'
import type { SnapshotName } from '../../interfaces.ts'
import { checkSnapshotName, SNAPSHOT_KINDS } from '../../protocol/snapshot-names.ts'
import type { Term } from '../../types.ts'

/** Changes when older programs can no longer read the folder. */
export const SNAPSHOT_FORMAT_VERSION = 1

const RECORD_PREFIX = 0x6e
const PIECE_PREFIX = 0x70
const KEY_BYTES = 1 + 33
const RECORD_BYTES = 12

export const snapshotFormatKey = Uint8Array.of(0x66)
/** All keys of records, and of pieces: [first, end). */
export const recordKeys = { gte: Uint8Array.of(RECORD_PREFIX), lt: Uint8Array.of(RECORD_PREFIX + 1) }
export const pieceKeys = { gte: Uint8Array.of(PIECE_PREFIX), lt: Uint8Array.of(PIECE_PREFIX + 1) }

/** What is known of a piece without its bytes. */
export interface PieceRecord {
  sizeBytes: number
  /** Of the bytes. */
  crc: number
}

export const recordKey = (name: SnapshotName): Uint8Array => keyOf(RECORD_PREFIX, name)
export const pieceKey = (name: SnapshotName): Uint8Array => keyOf(PIECE_PREFIX, name)

/** @throws `bad-request` when the name is none */
function keyOf(prefix: number, name: SnapshotName): Uint8Array {
  checkSnapshotName(name)
  const key = new Uint8Array(KEY_BYTES)
  const view = viewOf(key)
  key[0] = prefix
  view.setBigUint64(1, BigInt(name.term))
  view.setBigUint64(9, BigInt(name.base))
  key[17] = SNAPSHOT_KINDS.indexOf(name.kind)
  view.setBigUint64(18, BigInt(name.sequence))
  view.setUint32(26, name.part)
  view.setUint32(30, name.parts)
  return key
}

/** Undefined when it is damaged. */
export function nameOfKey(key: Uint8Array): SnapshotName | undefined {
  const kind = SNAPSHOT_KINDS[key[17] ?? -1]
  if (key.byteLength !== KEY_BYTES || kind === undefined) return undefined
  const view = viewOf(key)
  return {
    term: Number(view.getBigUint64(1)) as Term,
    base: Number(view.getBigUint64(9)),
    kind,
    sequence: Number(view.getBigUint64(18)),
    part: view.getUint32(26),
    parts: view.getUint32(30)
  }
}

export const recordOf = (bytes: Uint8Array): PieceRecord => ({
  sizeBytes: bytes.byteLength,
  crc: crc32(bytes)
})

export function encodePieceRecord(key: Uint8Array, record: PieceRecord): Uint8Array {
  const value = new Uint8Array(RECORD_BYTES)
  const view = viewOf(value)
  view.setUint32(0, record.sizeBytes)
  view.setUint32(4, record.crc)
  view.setUint32(8, checkOf(key, value))
  return value
}

/** Undefined when it is damaged. */
export function decodePieceRecord(key: Uint8Array, value: Uint8Array): PieceRecord | undefined {
  if (value.byteLength !== RECORD_BYTES) return undefined
  const view = viewOf(value)
  if (view.getUint32(8) !== checkOf(key, value)) return undefined
  return { sizeBytes: view.getUint32(0), crc: view.getUint32(4) }
}

const checkOf = (key: Uint8Array, value: Uint8Array): number => crc32(value.subarray(0, 8), crc32(key))

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
