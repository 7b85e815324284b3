/** One example of every message, for the golden bytes. Change none of them: old bytes must stay readable. */

import type { ChunkMessages, ControlMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import type { HeartbeatMessage } from '../../src/protocol/heartbeat.ts'
import { accountSamples } from './account-samples.ts'
import { historySamples } from './history-samples.ts'
import { chunkIdFromDigest } from '../../src/protocol/ids.ts'
import { basedEntry, blockSamples } from './block-samples.ts'
import { poolSamples } from './pool-samples.ts'
import { userFileSamples } from './user-file-samples.ts'
import type {
  Address,
  ChunkId,
  EntryId,
  FileId,
  Generation,
  PeerId,
  SecretHash,
  Term,
  UploadId,
  UploadWriter,
  UserId
} from '../../src/types.ts'

type Samples<T extends ChunkMessages | ControlMessages> = {
  [K in keyof T]: { request: RequestOf<T, K & keyof T>; response: ResponseOf<T, K & keyof T> }
}

const peer = '12D3KooWQ7L2WGSUSQ6c3fWVUBxMoE8sLfGAAn6pHQ6F2PF8YB9B' as PeerId
const other = '12D3KooWMkGNHHJW2LEZyPaLE1evmjVSPzcqeMRiTfYvvNMNBQVm' as PeerId
const chunk: ChunkId = chunkIdFromDigest(new Uint8Array(32).fill(1))
const manifest: ChunkId = chunkIdFromDigest(new Uint8Array(32).fill(2))
const generation = 42 as Generation
const term = 3 as Term
const boot = 1_795_262_400_123
const now = 1_795_262_460_000
const fileId = '00000000-0000-4000-8000-000000000001' as FileId
const upload = '00000000-0000-4000-8000-000000000002' as UploadId
const writer = '00000000-0000-4000-8000-000000000003' as UploadWriter
const tokenHash = 'ab'.repeat(32) as SecretHash
const claimHash = 'cd'.repeat(32) as SecretHash
const deleteHash = 'ef'.repeat(32) as SecretHash
const userId = '00000000-0000-4000-8000-000000000004' as UserId
const entryId = '00000000-0000-4000-8000-000000000008' as EntryId
const address = `/ip4/10.0.0.7/tcp/4811/p2p/${peer}` as Address

const snapshotName = { term, base: 2, kind: 'changes', sequence: 5, part: 0, parts: 1 } as const
const report = {
  running: true,
  startedAt: now,
  endedAt: 0,
  checkedChunks: 12,
  checkedBytes: 50_331_648,
  totalChunks: 25_000,
  rotten: 1
}
const receipt = { peer, host: 'lab-7', chunk, generation, boot }
const info = {
  id: chunk,
  sizeBytes: 4_194_304,
  generation,
  storedAt: now,
  verifiedAt: now + 1,
  manifest: true
}
const file = {
  id: fileId,
  name: 'résumé.pdf',
  sizeBytes: 5_000_000_000,
  mediaType: 'application/pdf',
  sha256: '12'.repeat(32),
  uploadedAt: now,
  metadata: { project: 'alpha' },
  chunkCount: 1193,
  manifest,
  state: 'live' as const,
  indexBytes: 2048,
  encryption: 'aes256gcm-1' as const
}
const link = {
  tokenHash,
  fileId,
  state: 'live' as const,
  downloads: 1,
  claimed: 0,
  createdAt: now,
  expiresAt: now + 172_800_000,
  isProtected: true,
  needsProof: true
}
const challenge = { v: 1 as const, memoryKiB: 19_456, passes: 2, parallelism: 1, salt: '5a'.repeat(16) }
const proof = '34'.repeat(32)
const client = '56'.repeat(32)
const proofHash = '9a'.repeat(32) as SecretHash
const claim = {
  claimHash,
  tokenHash,
  state: 'claimed' as const,
  claimedAt: now,
  leaseUntil: now + 600_000,
  bytesSent: 100,
  covered: [{ start: 0, end: 100 }],
  consumedAt: null
}
const placed = {
  index: 0,
  id: chunk,
  sizeBytes: 4_194_304,
  generation,
  copies: [{ peer, host: 'lab-7', generation, boot }]
}

export const chunkSamples: Samples<ChunkMessages> = {
  put: {
    request: {
      id: chunk,
      generation,
      copies: 3,
      copiesMin: 2,
      hostsMin: 2,
      targets: [{ peer: other, host: 'lab-8' }]
    },
    response: { receipts: [receipt], owed: 1 }
  },
  get: {
    request: { id: chunk, offset: 100, length: 200 },
    response: { generation, chunkBytes: 4_194_304 }
  },
  has: { request: { ids: [chunk, manifest] }, response: { chunks: [info, null], boot, puts: 7 } },
  delete: { request: { term, orders: [{ chunk, generation }] }, response: { gone: [true] } },
  list: { request: { after: chunk, limit: 256, manifests: true }, response: { chunks: [info], boot } },
  copy: { request: { term, id: chunk, generation, to: other }, response: { receipt, busy: 2 } },
  trim: {
    request: { term, boot, puts: 7, orders: [{ chunk, generation }] },
    response: { gone: [false] }
  },
  raise: {
    request: { term, chunks: [{ chunk, generation }] },
    response: { receipts: [receipt, null] }
  },
  inventory: {
    request: {},
    response: { boot, prefixes: Array.from({ length: 256 }, () => ({ count: 3, digest: '0f'.repeat(16) })) }
  },
  setDraining: { request: { term, draining: true }, response: {} },
  scrub: { request: { start: true }, response: { report } },
  putSnapshot: { request: { term, name: snapshotName }, response: {} },
  getSnapshot: { request: { name: snapshotName }, response: {} },
  listSnapshots: {
    request: { after: snapshotName },
    response: { names: [{ ...snapshotName, kind: 'note', sizeBytes: 117 }], more: false }
  },
  dropSnapshots: { request: { term, names: [{ ...snapshotName, kind: 'base' }] }, response: {} },
  recoveryInfo: {
    request: {},
    response: { boot, host: 'lab-7', term, controllerHeardMsAgo: 1200, generation, chunks: 25_000 }
  }
}

export const controlSamples: Samples<ControlMessages> = {
  ...accountSamples,
  ...userFileSamples,
  ...blockSamples,
  ...historySamples,
  ...poolSamples,
  openUpload: {
    request: {
      id: upload,
      name: file.name,
      mediaType: file.mediaType,
      metadata: file.metadata,
      role: 'anonymous',
      owner: { user: userId, path: 'Bücher/résumé.pdf', onlyNew: true },
      bytesMax: file.sizeBytes,
      plan: '{"v":1}'
    },
    response: { now, resumable: true }
  },
  findUpload: {
    request: { upload },
    response: {
      found: {
        state: 'open',
        name: file.name,
        mediaType: file.mediaType,
        plan: '{"v":1}',
        expiresAt: now + 86_400_000,
        idleMs: 1500,
        chunkCount: 2,
        sizeBytes: 8_388_608
      },
      now
    }
  },
  resumeUpload: {
    request: { upload, writer, held: false },
    response: {
      chunkCount: 2,
      sizeBytes: 8_388_608,
      checkpoint: '{"v":1}',
      expiresAt: now + 86_400_000,
      now
    }
  },
  checkpointUpload: {
    request: { upload, writer, chunkCount: 3, checkpoint: '{"v":1}' },
    response: { chunkCount: 3, sizeBytes: 12_582_912, expiresAt: now + 86_400_000 }
  },
  listUploadChunks: { request: { upload, from: 0, limit: 256 }, response: { chunks: [placed] } },
  reserveChunk: {
    request: { upload, index: -1, chunk, sizeBytes: 4_194_304, writer },
    response: { generation, present: false }
  },
  recordReceipts: { request: { receipts: [receipt] }, response: {} },
  commitUpload: {
    request: {
      upload,
      file: fileId,
      sizeBytes: file.sizeBytes,
      sha256: file.sha256,
      chunkCount: file.chunkCount,
      uploadedAt: now,
      writer,
      name: file.name,
      mediaType: file.mediaType,
      indexBytes: file.indexBytes,
      encryption: file.encryption,
      link: {
        tokenHash,
        deleteHash,
        downloads: 1,
        expiresAt: now + 172_800_000,
        password: { ...challenge, hash: '78'.repeat(32) as SecretHash },
        proofHash
      },
      entry: basedEntry,
      fromBlocks: true
    },
    response: { file, isProtected: true, needsProof: true, entry: entryId, version: 3 }
  },
  abandonUpload: {
    request: { upload, failure: { code: 'not-enough-nodes', attempts: 3 } },
    response: { abandoned: true }
  },
  findLink: { request: { tokenHash }, response: { found: { link, file }, now } },
  claimLink: {
    request: { tokenHash, claimHash, proof, client, proofHash },
    response: { outcome: 'claimed', claim, file, chunks: [placed], now }
  },
  checkPassword: {
    request: { tokenHash, proof, client },
    response: { outcome: 'password-required', challenge, retryAfterMs: 360_000 }
  },
  findClaim: { request: { tokenHash, claimHash }, response: { outcome: 'used' } },
  reportClaim: {
    request: { tokenHash, claimHash, ranges: [{ start: 0, end: 100 }], bytesSent: 100, reportId: 'report-1' },
    response: { claim: { ...claim, state: 'consumed', consumedAt: now }, now }
  },
  releaseClaim: { request: { tokenHash, claimHash }, response: { released: true } },
  revokeLink: { request: { tokenHash, deleteHash }, response: { link: { ...link, state: 'revoked' } } },
  findSentLink: { request: { deleteHash }, response: { found: { link, file }, now } },
  listClaims: {
    request: { deleteHash, after: { claimedAt: now, claimHash }, limit: 50 },
    response: {
      claims: [
        {
          claimHash,
          state: 'consumed',
          claimedAt: now,
          leaseUntil: now + 600_000,
          bytesSent: 5_000_000_100,
          coveredBytes: 5_000_000_000,
          consumedAt: now + 1
        }
      ]
    }
  },
  extendLink: {
    request: { deleteHash, expiresAt: now + 604_800_000 },
    response: { link: { ...link, expiresAt: now + 604_800_000 }, now }
  },
  listFileChunks: { request: { file: fileId, from: 256, limit: 256 }, response: { chunks: [placed] } },
  reportBadCopy: { request: { peer, chunk, generation, code: 'chunk-corrupt' }, response: {} },
  drainNode: { request: { peer, draining: true }, response: {} },
  retireNode: { request: { peer, force: true }, response: { lastCopies: 4 } },
  scrub: {
    request: { peer, start: true },
    response: {
      nodes: [
        { peer, host: 'lab-7', report },
        { peer: other, host: 'lab-8', report: null }
      ]
    }
  },
  collector: { request: { action: 'approve', peer }, response: {} },
  listSuspended: {
    request: { after: tokenHash, limit: 256 },
    response: {
      links: [
        {
          tokenHash,
          fileId,
          name: file.name,
          sizeBytes: file.sizeBytes,
          uploadedAt: now,
          expiresAt: now + 172_800_000
        }
      ]
    }
  },
  resumeLinks: { request: { tokenHashes: [tokenHash] }, response: { resumed: 1 } },
  backup: { request: { backup: 3, part: 1 }, response: { backup: 3, last: true } },
  status: {
    request: {},
    response: {
      term,
      now,
      files: 1,
      fileBytes: file.sizeBytes,
      linksLive: 1,
      uploadsOpen: 0,
      chunks: 1194,
      chunkBytes: file.sizeBytes,
      chunksOwed: 0,
      chunksWithoutCopy: 0,
      ordersPending: 0,
      workers: [{ name: 'collector', steps: 7, failures: 1, lastError: 'busy' }],
      repair: {
        lastCopy: 1,
        under: 2,
        misplaced: 3,
        surplus: 4,
        bytesLeft: 12_582_912,
        running: 2,
        copiedChunks: 5,
        copiedBytes: 20_971_520,
        trimmedChunks: 6,
        bytesPerSecond: 41_943_040,
        etaMs: 300,
        paused: null,
        looked: 0.5
      },
      collector: {
        frozen: 'recovered',
        held: [{ peer: other, unknown: 5000, chunks: 20_000 }],
        unknown: 5000
      },
      snapshot: { behindMs: 1500, nodes: 3, baseBytes: 1_000_000, changesBytes: 2000, lastError: null },
      scrub: { oldestAt: now - 1000, overdue: false, quarantined: 1 },
      linksSuspended: 2,
      spaceUsed: { anonymous: file.sizeBytes },
      nodes: [
        {
          peer,
          addresses: [address],
          host: 'lab-7',
          zone: 'rack-1',
          tier: 'hot',
          capacityBytes: 1_000_000_000_000,
          freeBytes: 900_000_000_000,
          usedBytes: 100_000_000_000,
          chunks: 25_000,
          state: 'active',
          liveness: 'suspect',
          version: '0.1.0',
          lastHeartbeatAt: now,
          scrubbedAt: now - 1000,
          quarantined: 1,
          reconciledAt: now - 500,
          drain: { chunksLeft: 7, bytesLeft: 29_360_128, etaMs: null, safe: false }
        }
      ]
    }
  }
}

export const heartbeatSample: HeartbeatMessage = {
  v: 1,
  peer,
  boot,
  sequence: 17,
  roles: ['node', 'controller'],
  addresses: [address],
  host: 'lab-7',
  zone: 'rack-1',
  tier: 'cold',
  capacityBytes: 1_000_000_000_000,
  freeBytes: 900_000_000_000,
  usedBytes: 100_000_000_000,
  chunks: 25_000,
  state: 'draining',
  version: '0.1.0',
  term,
  scrubbedAt: now - 1000,
  quarantined: 1,
  retired: [other],
  stale: [{ peer: other, boot }]
}
