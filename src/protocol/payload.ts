/** What of a file a redemption delivers. The index behind the payload is told to whoever may know the name. */

import type { FileRecord } from '../types.ts'

type Sizes = Pick<FileRecord, 'sizeBytes' | 'indexBytes'>

/** What is delivered, covered and counted. At least 1. */
export const payloadBytesOf = ({ sizeBytes, indexBytes }: Sizes): number => sizeBytes - indexBytes

/**
 * A zip of a bundle has its entries' headers and a directory of its own, which are sent with the payload and count against the same budget: at most so many
 * bytes for each byte of the index that they are made from. (An entry takes 41 bytes and its path in the index, and 126 and twice its path in an archive of the largest kind.)
 */
export const ARCHIVE_PER_INDEX = 4

/** Most that one whole delivery of it has: what the budget of a claim is reckoned from (claim-budget.ts). */
export function deliveredBytesMax(file: Sizes & Pick<FileRecord, 'encryption'>): number {
  const archiveBytes = file.encryption === null ? file.indexBytes * ARCHIVE_PER_INDEX : 0
  return payloadBytesOf(file) + archiveBytes
}
