/**
 * The zip of a bundle, laid out before a byte of it is sent: files stored as they are, so that the place of every byte follows from the index alone. That gives a length, ranges,
 * and the same archive from every edge, and so a download that can be resumed.
 *
 * Fields and their order: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3.7 to 4.3.16 and 4.5.3. The extra field for the time in UTC: Info-ZIP's extended timestamp, 0x5455.
 */

import type { BundleEntry, BundleIndex } from './index.ts'
import { entryRanges } from './index.ts'

/** Part of the archive: bytes made here, or a range of the payload. */
export type ZipSegment =
  | { readonly kind: 'made'; readonly bytes: Uint8Array }
  | { readonly kind: 'payload'; readonly start: number; readonly end: number }

const LOCAL_HEADER = 0x0403_4b50
const CENTRAL_HEADER = 0x0201_4b50
const END = 0x0605_4b50
const END_64 = 0x0606_4b50
const END_64_LOCATOR = 0x0706_4b50
const LOCAL_HEADER_BYTES = 30
const CENTRAL_HEADER_BYTES = 46
const END_BYTES = 22
const END_64_BYTES = 56
const END_64_LOCATOR_BYTES = 20
/** 2.0: folders; 4.5: zip64. */
const VERSION = 20
const VERSION_64 = 45
/** Made by 4.5 on Unix: the upper half of the external attributes is a mode. */
const MADE_BY = (3 << 8) | VERSION_64
const MODE = 0o100_644
/** Bit 11: names are UTF-8. */
const FLAGS = 0x0800
const ZIP64_EXTRA = 0x0001
const TIME_EXTRA = 0x5455
/** These in a 32-bit field say: look into the zip64 extra field. */
const MAX_32 = 0xffff_ffff
const MAX_16 = 0xffff

/** A file with its place in an archive. */
export interface PlacedEntry {
  readonly entry: Pick<BundleEntry, 'sizeBytes' | 'crc32' | 'modifiedAt'>
  readonly name: Uint8Array
  /** Of its local header in the archive. */
  readonly offset: number
}

interface Placed extends PlacedEntry {
  readonly headerBytes: number
  readonly payload: { readonly start: number; readonly end: number }
}

type Facts = Omit<PlacedEntry['entry'], 'crc32'>

/** Writes little-endian fields one after the other. */
class Fields {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly #view: DataView
  #at = 0

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
    this.#view = new DataView(this.bytes.buffer)
  }

  u16(...values: number[]): this {
    for (const value of values) {
      this.#view.setUint16(this.#at, value, true)
      this.#at += 2
    }
    return this
  }

  u32(...values: number[]): this {
    for (const value of values) {
      this.#view.setUint32(this.#at, value, true)
      this.#at += 4
    }
    return this
  }

  u64(...values: number[]): this {
    for (const value of values) {
      this.#view.setBigUint64(this.#at, BigInt(value), true)
      this.#at += 8
    }
    return this
  }

  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#at)
    this.#at += bytes.byteLength
    return this
  }
}

/** MS-DOS time and date, in UTC, even seconds, 1980 to 2107. */
function dosTime(modifiedAt: number | undefined): [time: number, date: number] {
  const moment = new Date(modifiedAt ?? 0)
  const year = moment.getUTCFullYear()
  if (Number.isNaN(year) || year < 1980) return [0, (1 << 5) | 1]
  if (year > 2107) return [(23 << 11) | (59 << 5) | 29, (127 << 9) | (12 << 5) | 31]
  return [
    (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1),
    ((year - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate()
  ]
}

/** Seconds since 1970 where they fit 31 bits. */
function unixTime({ modifiedAt }: Facts): number | undefined {
  const seconds = Math.floor((modifiedAt ?? -1) / 1000)
  return seconds >= 0 && seconds <= 0x7fff_ffff ? seconds : undefined
}

/** The extended timestamp: the same in both headers, as only the time of the change is known. */
function timeExtra(entry: Facts): Uint8Array {
  const seconds = unixTime(entry)
  if (seconds === undefined) return new Uint8Array(0)
  const onlyModified = Uint8Array.of(1)
  return new Fields(9).u16(TIME_EXTRA, 5).raw(onlyModified).u32(seconds).bytes
}

const needs64 = (sizeBytes: number): boolean => sizeBytes >= MAX_32

function zip64Extra(values: readonly number[]): Uint8Array {
  if (values.length === 0) return new Uint8Array(0)
  return new Fields(4 + values.length * 8).u16(ZIP64_EXTRA, values.length * 8).u64(...values).bytes
}

const localExtras = (entry: Facts): [Uint8Array, Uint8Array] => [
  zip64Extra(needs64(entry.sizeBytes) ? [entry.sizeBytes, entry.sizeBytes] : []),
  timeExtra(entry)
]

const clamp32 = (value: number): number => Math.min(value, MAX_32)

/** Length of the local header of a file: it does not depend on its bytes. */
export function localHeaderBytes(entry: Facts, name: Uint8Array): number {
  const [wide, time] = localExtras(entry)
  return LOCAL_HEADER_BYTES + name.byteLength + wide.byteLength + time.byteLength
}

/** What stands before the bytes of a file. */
export function localHeader({ entry, name }: PlacedEntry): Uint8Array {
  const [wide, time] = localExtras(entry)
  const size = needs64(entry.sizeBytes) ? MAX_32 : entry.sizeBytes
  return new Fields(LOCAL_HEADER_BYTES + name.byteLength + wide.byteLength + time.byteLength)
    .u32(LOCAL_HEADER)
    .u16(needs64(entry.sizeBytes) ? VERSION_64 : VERSION, FLAGS, 0, ...dosTime(entry.modifiedAt))
    .u32(entry.crc32, size, size)
    .u16(name.byteLength, wide.byteLength + time.byteLength)
    .raw(name)
    .raw(wide)
    .raw(time).bytes
}

function centralHeader({ entry, name, offset }: PlacedEntry): Uint8Array {
  const isWide = needs64(entry.sizeBytes)
  const isFar = offset >= MAX_32
  const wide = zip64Extra([...(isWide ? [entry.sizeBytes, entry.sizeBytes] : []), ...(isFar ? [offset] : [])])
  const time = timeExtra(entry)
  const size = isWide ? MAX_32 : entry.sizeBytes
  return new Fields(CENTRAL_HEADER_BYTES + name.byteLength + wide.byteLength + time.byteLength)
    .u32(CENTRAL_HEADER)
    .u16(MADE_BY, isWide || isFar ? VERSION_64 : VERSION, FLAGS, 0, ...dosTime(entry.modifiedAt))
    .u32(entry.crc32, size, size)
    .u16(name.byteLength, wide.byteLength + time.byteLength, 0, 0, 0)
    .u32((MODE << 16) >>> 0, clamp32(offset))
    .raw(name)
    .raw(wide)
    .raw(time).bytes
}

export class ZipLayout {
  /** Length of the archive. */
  readonly sizeBytes: number
  readonly #placed: readonly Placed[]
  /** Behind the last file: the central directory and its end, made once. */
  readonly #directory: Uint8Array
  readonly #directoryAt: number

  constructor(index: BundleIndex) {
    const encoder = new TextEncoder()
    const ranges = entryRanges(index)
    let offset = 0
    this.#placed = index.entries.map((entry, at) => {
      const name = encoder.encode(entry.path)
      const headerBytes = localHeaderBytes(entry, name)
      const placed = { entry, name, offset, headerBytes, payload: ranges[at] ?? { start: 0, end: 0 } }
      offset += headerBytes + entry.sizeBytes
      return placed
    })
    this.#directoryAt = offset
    this.#directory = directoryOf(this.#placed, offset)
    this.sizeBytes = offset + this.#directory.byteLength
  }

  /** What the bytes [start, end) of the archive are, in order; none of the segments is empty. */
  *segments(start: number, end: number): Generator<ZipSegment, void, undefined> {
    for (let at = this.#find(start); at < this.#placed.length; at++) {
      const placed = this.#placed[at]
      if (placed === undefined || placed.offset >= end) break
      const { offset, headerBytes, payload } = placed
      if (start < offset + headerBytes)
        yield made(localHeader(placed), Math.max(0, start - offset), Math.min(headerBytes, end - offset))
      // a position of the payload is so much less than one of the archive
      const shift = offset + headerBytes - payload.start
      const from = Math.max(payload.start, start - shift)
      const to = Math.min(payload.end, end - shift)
      if (from < to) yield { kind: 'payload', start: from, end: to }
    }
    if (end > this.#directoryAt && start < this.sizeBytes)
      yield made(
        this.#directory,
        Math.max(0, start - this.#directoryAt),
        Math.min(this.#directory.byteLength, end - this.#directoryAt)
      )
  }

  /** How many bytes of the payload stand before a position of the archive. */
  payloadBefore(position: number): number {
    const placed = this.#placed[this.#find(position)]
    if (placed === undefined) return 0
    const { offset, headerBytes, payload } = placed
    return Math.min(payload.end, payload.start + Math.max(0, position - offset - headerBytes))
  }

  /** The entry that the position is in, or the last one before. */
  #find(position: number): number {
    let low = 0
    let high = this.#placed.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#placed[middle]?.offset ?? Infinity) <= position) low = middle
      else high = middle
    }
    return low
  }
}

const made = (bytes: Uint8Array, start: number, end: number): ZipSegment => ({
  kind: 'made',
  bytes: bytes.subarray(start, end)
})

/** What stands behind the last file. @param offset where that is */
export function directoryOf(placed: readonly PlacedEntry[], offset: number): Uint8Array {
  const headers = placed.map(centralHeader)
  const size = headers.reduce((sum, header) => sum + header.byteLength, 0)
  const count = placed.length
  const isWide = offset >= MAX_32 || size >= MAX_32 || count >= MAX_16
  const fields = new Fields(size + (isWide ? END_64_BYTES + END_64_LOCATOR_BYTES : 0) + END_BYTES)
  for (const header of headers) fields.raw(header)
  if (isWide) {
    fields
      .u32(END_64)
      .u64(END_64_BYTES - 12)
      .u16(MADE_BY, VERSION_64)
    fields.u32(0, 0).u64(count, count, size, offset)
    fields
      .u32(END_64_LOCATOR, 0)
      .u64(offset + size)
      .u32(1)
  }
  fields.u32(END).u16(0, 0, Math.min(count, MAX_16), Math.min(count, MAX_16))
  fields.u32(clamp32(size), clamp32(offset)).u16(0)
  return fields.bytes
}
