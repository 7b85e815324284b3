import type { Random } from '../interfaces.ts'
import { MANIFEST_INDEX } from '../metadata-store.ts'
import { encodeManifest } from '../protocol/manifest.ts'
import type { Manifest } from '../protocol/manifest.ts'
import type { UploadId, UploadWriter } from '../types.ts'
import type { ChunkMemory } from './chunk-memory.ts'
import type { ChunkWriter } from './chunk-writer.ts'
import type { ReceiptLog } from './receipt-log.ts'

/** Of up to this many bytes the budget takes no notice; a manifest has some hundred, and 40 for each chunk. */
const SMALL_BYTES = 64 * 1024

export interface ManifestDeps {
  readonly chunks: ChunkWriter
  readonly random: Random
  readonly clusterKey: Uint8Array
}

export interface ManifestOf {
  readonly upload: UploadId
  readonly writer?: UploadWriter
  readonly manifest: Manifest
  readonly memory: ChunkMemory
  readonly receipts: ReceiptLog
  readonly signal: AbortSignal
}

/** Before the commit: from the acknowledgement on the nodes alone must hold all that is needed to find the file again. */
export async function writeManifest(
  { chunks, random, clusterKey }: ManifestDeps,
  { upload, writer, manifest, memory, receipts, signal }: ManifestOf
): Promise<void> {
  const bytes = encodeManifest(manifest, clusterKey, random)
  // no chunk of this upload holds memory any more, so that waiting for this little more cannot block others. Most manifests are so small that they are not
  // worth another turn behind everybody who waits for a chunk
  const buffer = bytes.byteLength > SMALL_BYTES ? await memory.lease(bytes.byteLength, signal) : undefined
  try {
    const written = await chunks.write({ upload, writer, index: MANIFEST_INDEX, bytes, signal })
    await receipts.add(written.receipts)
  } finally {
    buffer?.release()
  }
}
