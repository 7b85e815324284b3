/** What is sent for the files that were chosen: names made clean and different, sizes of all parts known before a byte is read. Pure. */

import { encodeIndex, isSingle, payloadSize } from '../../src/bundle/index.ts'
import type { BundleEntry, BundleIndex } from '../../src/bundle/index.ts'
import { PathSet, cleanPart } from '../../src/bundle/paths.ts'
import { sealedSize } from '../../src/encryption/scheme.ts'
import { sealedTextSize } from '../../src/encryption/streams.ts'

/** A file, as far as it matters before its bytes do. */
export interface Described {
  readonly path: string
  readonly sizeBytes: number
  readonly mediaType: string
  readonly modifiedAt: number
}

export interface Plan {
  /** Checksums are 0 as yet. In the order of the files. */
  readonly index: BundleIndex
  readonly isEncrypted: boolean
  /** Plain bytes of all files. */
  readonly payloadBytes: number
  /** Of the payload as it is sent: sealed, if it is encrypted. */
  readonly sentPayloadBytes: number
  /** Of the index as it is sent; 0: a single plain file has none. */
  readonly indexBytes: number
}

/** As an index takes it; anything else is left out. */
const TYPE_PATTERN = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/

const typeOf = (text: string): string | undefined => {
  const type = text.split(';')[0]?.trim().toLowerCase() ?? ''
  return TYPE_PATTERN.test(type) ? type : undefined
}

/** The folder that all paths have in common at their top, if there is one. */
function commonFolder(paths: readonly string[]): string | undefined {
  const [first = ''] = paths
  const end = first.indexOf('/')
  if (end <= 0) return undefined
  const folder = first.slice(0, end + 1)
  return paths.every((path) => path.startsWith(folder)) ? folder : undefined
}

/**
 * @param bundleName what several files without a folder are called together
 * @throws `empty-file`, `index-invalid` (too many files)
 */
export function planUpload(
  files: readonly Described[],
  options: { isEncrypted: boolean; bundleName: string }
): Plan {
  const folder = commonFolder(files.map(({ path }) => path))
  const set = new PathSet()
  const entries = files.map(({ path, sizeBytes, mediaType, modifiedAt }): BundleEntry => {
    const type = typeOf(mediaType)
    return {
      path: set.addClean(folder === undefined ? path : path.slice(folder.length)),
      sizeBytes,
      crc32: 0,
      ...(type !== undefined && { mediaType: type }),
      ...(Number.isSafeInteger(modifiedAt) && { modifiedAt })
    }
  })
  const [only] = entries
  const single = entries.length === 1 && folder === undefined ? only?.path.split('/').at(-1) : undefined
  const name = cleanPart(single ?? folder ?? options.bundleName) || options.bundleName
  return planIndex(
    { name, entries: single === undefined || only === undefined ? entries : [{ ...only, path: name }] },
    options.isEncrypted
  )
}

/** The sizes that come of an index. @throws `empty-file`, `index-invalid` */
export function planIndex(index: BundleIndex, isEncrypted: boolean): Plan {
  const payloadBytes = payloadSize(index)
  const plainIndexBytes = encodeIndex(index).byteLength
  const plainOnly = isSingle(index) ? 0 : plainIndexBytes
  return {
    index,
    isEncrypted,
    payloadBytes,
    sentPayloadBytes: isEncrypted ? sealedSize(payloadBytes) : payloadBytes,
    indexBytes: isEncrypted ? sealedTextSize(plainIndexBytes) : plainOnly
  }
}
