/** What a batch announces, as one digest: another announcement under the same id is told by it. */

import { createHash } from 'node:crypto'
import type { BatchFile } from '../pools.ts'

/** SHA-256 in hex, of everything that is said of the files, in order; the order of a file's metadata does not count. */
export function batchDigest(files: Iterable<BatchFile>): string {
  const hash = createHash('sha256')
  for (const { index, name, at, sizeBytes, sha256, mediaType, metadata } of files) {
    const pairs = Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1))
    // JSON: no two lists of values have the same text
    hash.update(`${JSON.stringify([index, name, at, sizeBytes, sha256, mediaType, pairs])}\n`)
  }
  return hash.digest('hex')
}
