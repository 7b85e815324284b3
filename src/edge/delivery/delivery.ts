/** What a redemption delivers: a file, a bundle as an archive, or one file of it. All of them are bytes of the payload, an archive with some that are made here. */

import type { ZipSegment } from '../../bundle/zip-layout.ts'
import { entryRanges, isSingle } from '../../bundle/index.ts'
import { PeerbinError } from '../../errors.ts'
import type { PlacedChunk } from '../../protocol/messages.ts'
import { payloadBytesOf } from '../../protocol/payload.ts'
import type { ByteRange, FileRecord } from '../../types.ts'
import type { HeldIndex, IndexShelf } from './index-shelf.ts'

export interface Delivery extends Disposable {
  /** What the recipient's file is called. */
  readonly name: string
  /** 0 for an empty file of a bundle. */
  readonly sizeBytes: number
  /** SHA-256 of exactly these bytes (hex), where it is known. */
  readonly sha256: string | undefined
  /** Which of a bundle's files it is. */
  readonly entry: number | undefined
  /** It is all of a bundle. */
  readonly isArchive: boolean
  /** Position in the payload of what comes at a position of this. */
  payloadBefore(position: number): number
  /** Up to which position the payload counts as sent when this was sent up to `position`. */
  coveredBefore(position: number): number
  /** What a range of it is made of; undefined: of the payload between the ends of the range, and nothing else. */
  segments(range: ByteRange): Iterable<ZipSegment> | undefined
}

const nothing = (): void => {}

/** The payload as it is: what is no bundle, or cannot be looked into. */
const payloadOf = (file: FileRecord): Delivery => ({
  name: file.name,
  sizeBytes: payloadBytesOf(file),
  sha256: file.indexBytes === 0 ? file.sha256 : undefined,
  entry: undefined,
  isArchive: false,
  payloadBefore: (position) => position,
  coveredBefore: (position) => position,
  segments: () => undefined,
  [Symbol.dispose]: nothing
})

/**
 * The archive's last bytes are its directory, without which it cannot be opened: until they were sent, one byte of the payload does not count, so that whoever was cut off among them
 * has not had his download.
 */
function archiveOf(file: FileRecord, held: HeldIndex): Delivery {
  const { layout, index } = held
  const payloadBytes = payloadBytesOf(file)
  return {
    name: `${index.name}.zip`,
    sizeBytes: layout.sizeBytes,
    sha256: undefined,
    entry: undefined,
    isArchive: true,
    payloadBefore: (position) => layout.payloadBefore(position),
    coveredBefore: (position) =>
      position >= layout.sizeBytes
        ? payloadBytes
        : Math.min(layout.payloadBefore(position), payloadBytes - 1),
    segments: ({ start, end }) => layout.segments(start, end),
    [Symbol.dispose]: () => held[Symbol.dispose]()
  }
}

/** @throws `not-found` */
function entryOf(held: HeldIndex, entry: number): Delivery {
  const { index } = held
  const range = entryRanges(index)[entry]
  const found = index.entries[entry]
  if (range === undefined || found === undefined) throw new PeerbinError('not-found')
  const payloadBefore = (position: number): number => Math.min(range.end, range.start + position)
  return {
    name: found.path.split('/').at(-1) ?? found.path,
    sizeBytes: found.sizeBytes,
    sha256: undefined,
    entry,
    isArchive: false,
    payloadBefore,
    coveredBefore: payloadBefore,
    segments: () => undefined,
    [Symbol.dispose]: () => held[Symbol.dispose]()
  }
}

/** Whether it has an index that can be read here. */
export const hasOpenIndex = ({
  indexBytes,
  encryption
}: Pick<FileRecord, 'indexBytes' | 'encryption'>): boolean => indexBytes > 0 && encryption === null

export interface Wanted {
  readonly file: FileRecord
  /** Its first page of chunks, where it is known. */
  readonly chunks?: readonly PlacedChunk[] | undefined
  /** One file of a bundle, counted from 0; undefined: all of it. */
  readonly entry?: number | undefined
}

/**
 * Dispose of it when it was delivered.
 * @throws `index-none` for an entry of what is no bundle, `not-found` for one that it does not have; `index-invalid`, `busy`, `chunk-unavailable`; the signal's reason
 */
export async function deliveryOf(
  shelf: IndexShelf,
  { file, chunks, entry }: Wanted,
  signal: AbortSignal
): Promise<Delivery> {
  if (!hasOpenIndex(file)) {
    if (entry !== undefined) throw new PeerbinError('index-none')
    return payloadOf(file)
  }
  const held = await shelf.get(file, chunks, signal)
  try {
    if (entry !== undefined) return entryOf(held, entry)
    if (!isSingle(held.index)) return archiveOf(file, held)
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
  held[Symbol.dispose]()
  return payloadOf(file)
}
