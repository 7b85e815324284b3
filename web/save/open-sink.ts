/** Where a download goes, by its size and what the browser can. */

import { blobSink } from './blob-sink.ts'
import type { Sink } from './sink.ts'
import { canStream, streamSink } from './stream-sink.ts'

/** Less than this is collected first, and saved when all of it was verified. */
const STREAM_BYTES_MIN = 4 * 1024 * 1024
/** More than this in memory may be too much for a phone. */
const MEMORY_BYTES_SAFE = 512 * 1024 * 1024

/** Whether all of it would have to be in memory, and that is much. */
export const isLargeHere = (bytes: number): boolean => bytes > MEMORY_BYTES_SAFE && !canStream()

export async function openSink(name: string, bytes: number): Promise<Sink> {
  if (bytes < STREAM_BYTES_MIN || !canStream()) return blobSink(name)
  // a browser that has service workers and does not run them, in a private window for instance
  return await streamSink(name, bytes).catch(() => blobSink(name))
}
