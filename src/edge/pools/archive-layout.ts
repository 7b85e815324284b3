/** Where everything is in the archive of a group: it follows from the list of its files alone, so that an archive has a length, any part of it can be had, and every edge makes the same. */

import { directoryOf, localHeader, localHeaderBytes } from '../../bundle/zip-layout.ts'
import type { PlacedEntry } from '../../bundle/zip-layout.ts'
import type { EntryId } from '../../types.ts'
import { BLOCK_BYTES, TRAILER_BYTES, paddingBytes, tarHeader, tarHeaderBytes } from './tar-headers.ts'

export type ArchiveKind = 'tar' | 'zip'

/** A file of the archive. */
export interface ArchiveItem {
  /** Undefined: the manifest. */
  readonly entry: EntryId | undefined
  readonly path: string
  readonly sizeBytes: number
  /** Ms since 1970. */
  readonly at: number
}

export interface PlacedItem extends ArchiveItem {
  /** Of its header. */
  readonly offset: number
  readonly headerBytes: number
  /** Behind its bytes. */
  readonly padding: number
}

const zipFacts = ({ sizeBytes, at }: ArchiveItem) => ({ sizeBytes, modifiedAt: at })
const nameOf = ({ path }: ArchiveItem): Uint8Array => Buffer.from(path)

const headerLength = (kind: ArchiveKind, item: ArchiveItem): number =>
  kind === 'tar' ? tarHeaderBytes(item) : localHeaderBytes(zipFacts(item), nameOf(item))

const placedEntry = (item: PlacedItem, crc32: number): PlacedEntry => ({
  entry: { ...zipFacts(item), crc32 },
  name: nameOf(item),
  offset: item.offset
})

export class ArchiveLayout {
  readonly kind: ArchiveKind
  readonly items: readonly PlacedItem[]
  /** Where the last file ends. */
  readonly trailerAt: number
  readonly sizeBytes: number

  constructor(kind: ArchiveKind, items: readonly ArchiveItem[]) {
    this.kind = kind
    let offset = 0
    this.items = items.map((item) => {
      const headerBytes = headerLength(kind, item)
      const padding = kind === 'tar' ? paddingBytes(item.sizeBytes) : 0
      const placed = { ...item, offset, headerBytes, padding }
      offset += headerBytes + item.sizeBytes + padding
      return placed
    })
    this.trailerAt = offset
    // its length does not depend on what is in the files
    this.sizeBytes = offset + (kind === 'tar' ? TRAILER_BYTES : this.trailer(() => 0).byteLength)
  }

  /** Position in `items` of the one that a byte is in, or that stands last before it. */
  find(position: number): number {
    let low = 0
    let high = this.items.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.items[middle]?.offset ?? Infinity) <= position) low = middle
      else high = middle
    }
    return low
  }

  /** @param crc32 of the file, which a tar does not have */
  header(item: PlacedItem, crc32: number): Uint8Array {
    return this.kind === 'tar' ? tarHeader(item) : localHeader(placedEntry(item, crc32))
  }

  /** @param crcOf by position in `items` */
  trailer(crcOf: (index: number) => number): Uint8Array {
    if (this.kind === 'tar') return Buffer.alloc(TRAILER_BYTES)
    return directoryOf(
      this.items.map((item, index) => placedEntry(item, crcOf(index))),
      this.trailerAt
    )
  }
}

export const zeros = Buffer.alloc(BLOCK_BYTES)
