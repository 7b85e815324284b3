/**
 * What a snapshot looks like on the nodes: streams cut into pieces, each compressed and sealed under its name.
 *
 * A piece of a base or of changes is, before it is sealed: time it is from (ms, u64 big-endian), then zstd of at most RAW_BYTES of the stream. The number of pieces is not
 * known when the first one goes out, so that `parts` says `part + 2` (there is at least one more) in every piece but the last, and `part + 1` in that.
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { PeerbinError } from '../../errors.ts'
import type { Random, SnapshotName } from '../../interfaces.ts'
import { SNAPSHOT_PARTS_MAX } from '../../protocol/limits.ts'
import { open, seal } from '../../protocol/sealed.ts'
import type { SealFormat } from '../../protocol/sealed.ts'

/** Bytes of the stream in one piece: compressed in some milliseconds, during which the process does nothing else. */
export const RAW_BYTES = 1024 * 1024
const TIME_BYTES = 8
/** The fastest: digests do not compress, and the rest does so at any level. */
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

const FORMAT: SealFormat = {
  magic: 'PBSN',
  version: 1,
  info: 'peerbin/snapshot/1',
  what: 'a piece of a snapshot'
}

/** Names the stream that pieces belong to. */
export type SeriesName = Omit<SnapshotName, 'part' | 'parts'>

export interface RawPiece {
  readonly part: number
  readonly last: boolean
  readonly bytes: Uint8Array
}

/** A piece as a node keeps it. */
export interface Piece {
  readonly name: SnapshotName
  readonly bytes: Uint8Array
}

/** Cuts a stream; at least one piece, which may be empty. Holds at most two. @throws `internal` beyond SNAPSHOT_PARTS_MAX */
export async function* cut(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  sizeBytes: number = RAW_BYTES
): AsyncGenerator<RawPiece, void, undefined> {
  let part = 0
  let filled = 0
  let memory = new Uint8Array(sizeBytes)
  for await (const bytes of stream) {
    for (let from = 0; from < bytes.byteLength;) {
      if (filled === sizeBytes) {
        // only now is it known that it is not the last one
        yield { part: part++, last: false, bytes: memory }
        if (part >= SNAPSHOT_PARTS_MAX) throw new PeerbinError('internal', 'the metadata is too large')
        memory = new Uint8Array(sizeBytes)
        filled = 0
      }
      const taken = Math.min(sizeBytes - filled, bytes.byteLength - from)
      memory.set(bytes.subarray(from, from + taken), filled)
      filled += taken
      from += taken
    }
  }
  yield { part, last: true, bytes: memory.subarray(0, filled) }
}

export const nameOf = (series: SeriesName, { part, last }: Omit<RawPiece, 'bytes'>): SnapshotName => ({
  ...series,
  part,
  parts: last ? part + 1 : part + 2
})

/** Whether the stream ends with this piece. */
export const isLast = ({ part, parts }: SnapshotName): boolean => parts === part + 1

export interface Sealing {
  /** The cluster secret. */
  readonly secret: Uint8Array
  readonly random: Random
}

/** @param at when the state was taken, this machine's wall clock (ms) */
export function sealPiece(series: SeriesName, raw: RawPiece, at: number, sealing: Sealing): Piece {
  const name = nameOf(series, raw)
  const time = Buffer.alloc(TIME_BYTES)
  time.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(at))))
  return sealBytes(name, Buffer.concat([time, zstdCompressSync(raw.bytes, COMPRESSION)]), sealing)
}

/** The same for bytes that are in memory anyway; `bytes` of the answer is the size of all pieces. */
export async function sealAll(
  series: SeriesName,
  raw: Uint8Array,
  at: number,
  sealing: Sealing
): Promise<{ pieces: Piece[]; bytes: number }> {
  const pieces: Piece[] = []
  for await (const piece of cut([raw])) pieces.push(sealPiece(series, piece, at, sealing))
  return { pieces, bytes: pieces.reduce((sum, piece) => sum + piece.bytes.byteLength, 0) }
}

/** @throws `data-incompatible` when it is damaged, of another cluster, or of another name */
export function openPiece({ name, bytes }: Piece, secret: Uint8Array): { at: number; bytes: Uint8Array } {
  return unpack(openBytes({ name, bytes }, secret))
}

/** What a piece of a base or of changes holds, once it was opened. @throws `data-incompatible` */
export function unpack(opened: Uint8Array): { at: number; bytes: Uint8Array } {
  const plain = Buffer.from(opened)
  try {
    const raw = zstdDecompressSync(plain.subarray(TIME_BYTES), { maxOutputLength: RAW_BYTES })
    return { at: Number(plain.readBigUInt64BE()), bytes: raw }
  } catch (error) {
    throw new PeerbinError('data-incompatible', 'a piece of a snapshot cannot be read', { cause: error })
  }
}

/** Seals other content under a name. */
export const sealBytes = (name: SnapshotName, plain: Uint8Array, { secret, random }: Sealing): Piece => ({
  name,
  bytes: seal(plain, secret, FORMAT, random, contextOf(name))
})

/** @throws `data-incompatible` */
export const openBytes = ({ name, bytes }: Piece, secret: Uint8Array): Uint8Array =>
  open(bytes, secret, FORMAT, contextOf(name))

const contextOf = ({ term, base, kind, sequence, part, parts }: SnapshotName): Uint8Array =>
  Buffer.from(`${kind} ${term}.${base}.${sequence}.${part}.${parts}`, 'latin1')
