/**
 * The index of a bundle: which files its payload is made of. It stands behind the payload as the last bytes of the content, as JSON, sealed if the payload
 * is. docs/bundles.md is the format's description.
 *
 * Runs in browsers too: nothing here knows of Node.
 */

import { PeerbinError } from '../errors.ts'
import { crcText } from './crc32.ts'
import { PathSet, isCleanPart, isCleanPath } from './paths.ts'

/** Of an index as it is stored: it has to fit where a chunk does. */
export const INDEX_BYTES_MAX = 4 * 1024 * 1024
export const ENTRIES_MAX = 10_000
/** Largest sum of sizes: numbers stay exact. */
const PAYLOAD_BYTES_MAX = 2 ** 50
const TYPE_PATTERN = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/
const CRC_PATTERN = /^[0-9a-f]{8}$/

export interface BundleEntry {
  /** `folder/name.txt`; see paths.ts. */
  readonly path: string
  readonly sizeBytes: number
  /** CRC-32 of its bytes, unsigned. */
  readonly crc32: number
  readonly mediaType?: string | undefined
  /** When the file was last changed, in ms since 1970. */
  readonly modifiedAt?: number | undefined
}

export interface BundleIndex {
  /** Of the whole: the folder's name, or that of the only file. */
  readonly name: string
  /** In the order of their bytes in the payload. */
  readonly entries: readonly BundleEntry[]
}

export const payloadSize = ({ entries }: Pick<BundleIndex, 'entries'>): number =>
  entries.reduce((sum, entry) => sum + entry.sizeBytes, 0)

/** Where each entry's bytes are in the payload: half-open ranges, in order. */
export function entryRanges({
  entries
}: Pick<BundleIndex, 'entries'>): Array<{ start: number; end: number }> {
  let start = 0
  return entries.map(({ sizeBytes }) => {
    const range = { start, end: start + sizeBytes }
    start = range.end
    return range
  })
}

/** Whether it is one file and not a bundle. */
export const isSingle = ({ name, entries }: BundleIndex): boolean =>
  entries.length === 1 && entries[0]?.path === name

/**
 * The index as bytes. Their number does not depend on the checksums, so that an uploader can tell it before it has read the files.
 *
 * @throws `index-invalid` when it could not be read again
 */
export function encodeIndex(index: BundleIndex): Uint8Array<ArrayBuffer> {
  const entries = index.entries.map(({ path, sizeBytes, crc32, mediaType, modifiedAt }) => ({
    path,
    size: sizeBytes,
    crc32: crcText(crc32),
    ...(mediaType !== undefined && { type: mediaType }),
    ...(modifiedAt !== undefined && { modified: modifiedAt })
  }))
  const bytes = new TextEncoder().encode(JSON.stringify({ v: 1, name: index.name, entries }))
  decodeIndex(bytes)
  return bytes
}

const invalid = (why: string): PeerbinError =>
  new PeerbinError('index-invalid', `The list of files is not valid: ${why}.`)

/**
 * Reads an index that came from outside: everything in it is checked, nothing in it is trusted.
 *
 * @throws `index-invalid`
 */
export function decodeIndex(bytes: Uint8Array): BundleIndex {
  if (bytes.byteLength > INDEX_BYTES_MAX) throw invalid('it is too long')
  let record: unknown
  try {
    record = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    throw invalid('it is no JSON')
  }
  const { v, name, entries } = fieldsOf(record)
  if (v !== 1) throw invalid('it is of another version')
  if (typeof name !== 'string' || !isCleanPart(name)) throw invalid('its name')
  if (!Array.isArray(entries) || entries.length === 0) throw invalid('it has no files')
  if (entries.length > ENTRIES_MAX) throw invalid(`it has more than ${ENTRIES_MAX} files`)
  const paths = new PathSet()
  const index = { name, entries: entries.map((entry, at) => decodeEntry(entry, at, paths)) }
  const total = payloadSize(index)
  if (total === 0) throw new PeerbinError('empty-file')
  if (total > PAYLOAD_BYTES_MAX) throw invalid('its files are too large')
  return index
}

/** Reads the index of a payload of so many plain bytes. @throws `index-invalid` */
export function checkIndex(bytes: Uint8Array, payloadBytes: number): BundleIndex {
  const index = decodeIndex(bytes)
  if (payloadSize(index) !== payloadBytes)
    throw invalid('its sizes do not add up to the bytes that were sent')
  return index
}

function fieldsOf(record: unknown): Record<string, unknown> {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) throw invalid('it is no object')
  return { ...record }
}

function decodeEntry(record: unknown, at: number, paths: PathSet): BundleEntry {
  const { path, size, crc32, type, modified } = fieldsOf(record)
  const which = `file ${at + 1}`
  if (typeof path !== 'string' || !isCleanPath(path)) throw invalid(`the path of ${which}`)
  if (!paths.add(path)) throw invalid(`the path of ${which} stands in the way of another`)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(`the size of ${which}`)
  if (typeof crc32 !== 'string' || !CRC_PATTERN.test(crc32)) throw invalid(`the checksum of ${which}`)
  if (type !== undefined && (typeof type !== 'string' || !TYPE_PATTERN.test(type)))
    throw invalid(`the type of ${which}`)
  if (modified !== undefined && (typeof modified !== 'number' || !Number.isSafeInteger(modified)))
    throw invalid(`the time of ${which}`)
  return {
    path,
    sizeBytes: size,
    crc32: Number.parseInt(crc32, 16),
    ...(type !== undefined && { mediaType: type }),
    ...(modified !== undefined && { modifiedAt: modified })
  }
}
