/** The bytes of files one after the other, read from the disk when they are needed. */

import { entryRanges } from '../../src/bundle/index.ts'
import type { PlainSource } from '../../src/encryption/streams.ts'
import { FilesChanged } from './content.ts'

export function filePayload(files: readonly Blob[]): PlainSource {
  const ranges = entryRanges({ entries: files.map(({ size }) => ({ path: '', sizeBytes: size, crc32: 0 })) })
  return {
    sizeBytes: ranges.at(-1)?.end ?? 0,
    async read(start, end) {
      const parts = files.flatMap((file, i) => {
        const range = ranges[i]
        if (range === undefined || range.end <= start || range.start >= end) return []
        return [file.slice(Math.max(0, start - range.start), Math.min(end, range.end) - range.start)]
      })
      let bytes: Uint8Array<ArrayBuffer>
      try {
        bytes = new Uint8Array(await new Blob(parts).arrayBuffer())
      } catch (error) {
        // browsers refuse to read a file that was changed or removed since it was chosen
        throw new FilesChanged('', { cause: error })
      }
      if (bytes.byteLength !== end - start) throw new FilesChanged()
      return bytes
    }
  }
}
