/** How a payload stands in a file: as it is, or in an archive. */

import type { BundleIndex } from '../../bundle/index.ts'
import { ZipLayout } from '../../bundle/zip-layout.ts'
import type { ZipSegment } from '../../bundle/zip-layout.ts'

export interface Layout {
  /** Length of the file. */
  readonly sizeBytes: number
  /** What the bytes [start, end) of the file are, in order; none of the segments is empty. */
  segments(start: number, end: number): Iterator<ZipSegment>
}

/** A file that is its payload. */
export const plainLayout = (sizeBytes: number): Layout => ({
  sizeBytes,
  *segments(start, end) {
    if (start < end) yield { kind: 'payload', start, end }
  }
})

export const zipLayout = (index: BundleIndex): Layout => new ZipLayout(index)

/** Where in the file to begin with a byte of the payload: at the start for the first, at the end for the one behind the last. */
export const placeOf = (layout: Layout, payloadAt: number): number =>
  payloadAt === 0 ? 0 : find(layout, payloadAt)

/** Right behind the byte before: what is made between that and the next one is written again. */
export const placeBehind = (layout: Layout, payloadAt: number): number =>
  payloadAt === 0 ? 0 : find(layout, payloadAt - 1) + 1

function find(layout: Layout, payloadAt: number): number {
  let place = 0
  const segments = layout.segments(0, layout.sizeBytes)
  for (let next = segments.next(); next.done !== true; next = segments.next()) {
    const segment = next.value
    if (segment.kind === 'payload' && payloadAt < segment.end) return place + payloadAt - segment.start
    place += lengthOf(segment)
  }
  return layout.sizeBytes
}

export const lengthOf = (segment: ZipSegment): number =>
  segment.kind === 'made' ? segment.bytes.byteLength : segment.end - segment.start
