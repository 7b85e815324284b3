/** One example of every message about blocks, and of a commit that rests on a version: see samples.ts. */

import type { BlockMessages, ControlMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import { chunkIdFromDigest } from '../../src/protocol/ids.ts'
import type { EntryId, FileId, Generation, PeerId, UploadId, UserId } from '../../src/types.ts'

type Samples = {
  [K in keyof BlockMessages]: {
    request: RequestOf<BlockMessages, K>
    response: ResponseOf<BlockMessages, K>
  }
}

const user = '00000000-0000-4000-8000-000000000004' as UserId
const file = '00000000-0000-4000-8000-000000000001' as FileId
const upload = '00000000-0000-4000-8000-000000000002' as UploadId
const entry = '00000000-0000-4000-8000-000000000008' as EntryId
const peer = '12D3KooWQ7L2WGSUSQ6c3fWVUBxMoE8sLfGAAn6pHQ6F2PF8YB9B' as PeerId
const chunk = chunkIdFromDigest(new Uint8Array(32).fill(1))
const other = chunkIdFromDigest(new Uint8Array(32).fill(2))
const generation = 42 as Generation
const now = 1_795_262_460_000
const sizeBytes = 524_288
const path = 'Bücher/résumé.pdf'

export const blockSamples: Samples = {
  reserveBlock: { request: { user, chunk, sizeBytes }, response: { generation, staged: false } },
  stageBlock: {
    request: { user, chunk, generation, receipts: [{ peer, host: 'host-a', chunk, generation, boot: 7 }] },
    response: {}
  },
  queryBlocks: { request: { user, chunks: [chunk, other] }, response: { missing: [other] } },
  beginBlockUpload: {
    request: {
      upload,
      file,
      user,
      path,
      name: 'résumé.pdf',
      mediaType: 'application/pdf',
      metadata: { project: 'x' },
      sizeBytes,
      blocks: [{ chunk, sizeBytes }]
    },
    response: { now, missing: [], committed: { entry, version: 3, sha256: 'ab'.repeat(32) } }
  },
  takeBlocks: { request: { upload, from: 1000, blocks: [{ chunk, sizeBytes }] }, response: { missing: [] } }
}

export const basedEntry: NonNullable<RequestOf<ControlMessages, 'commitUpload'>['entry']> = {
  id: entry,
  user,
  path,
  expiresAt: now + 86_400_000,
  onlyNew: true,
  base: 2,
  baseEntry: entry,
  attempts: 2
}
