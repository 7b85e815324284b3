/**
 * Every message of the wire, in one place. A request is a header (dag-cbor, checked against its schema here) and, for some, a
 * body of exactly `sizeBytes` raw bytes; so is an answer. docs/protocol.md explains them; test/protocol pins their bytes.
 *
 * A new optional field is a compatible change; anything else needs a new protocol number (limits.ts).
 */

import { z } from 'zod'
import {
  CHUNKS_PER_PAGE_MAX,
  FILE_CHUNKS_MAX,
  INVENTORY_PREFIXES,
  LINK_DOWNLOADS_MAX,
  RETIRED_MAX,
  SNAPSHOT_NAMES_MAX,
  SNAPSHOT_PARTS_MAX
} from './limits.ts'
import * as s from './schema.ts'

// ---------------------------------------------------------------- shared shapes

const receipt = z.object({
  peer: s.peerId,
  host: s.host,
  chunk: s.chunkId,
  generation: s.generation,
  boot: s.count
})
const copy = z.object({ peer: s.peerId, host: s.host, generation: s.generation, boot: s.count })
const chunkInfo = z.object({
  id: s.chunkId,
  sizeBytes: s.count,
  generation: s.generation,
  storedAt: s.timeMs,
  verifiedAt: s.timeMs,
  manifest: z.boolean().default(false)
})
const snapshotName = z.object({
  term: s.term,
  base: s.count,
  kind: z.enum(['base', 'changes', 'note']),
  sequence: s.count,
  part: s.count,
  parts: z.int().min(1).max(SNAPSHOT_PARTS_MAX)
})
/** How far a node is with reading everything it holds. */
const scrubReport = z.object({
  running: z.boolean(),
  /** Of the present or the last pass; 0: none yet. The node's wall clock. */
  startedAt: s.timeMs,
  /** 0 while it runs. */
  endedAt: s.timeMs,
  checkedChunks: s.count,
  checkedBytes: s.count,
  /** Chunks to be read in this pass, as far as is known. */
  totalChunks: s.count,
  rotten: s.count
})
/** Where a copy may go, best first. */
const target = z.object({ peer: s.peerId, host: s.host })
const file = z.object({
  id: s.fileId,
  name: s.fileName,
  sizeBytes: s.count,
  mediaType: s.mediaType,
  sha256: s.sha256Hex,
  uploadedAt: s.timeMs,
  metadata: s.metadata,
  chunkCount: s.count,
  manifest: s.chunkId,
  state: z.enum(['live', 'deleted'])
})
const link = z.object({
  tokenHash: s.secretHash,
  fileId: s.fileId,
  state: z.enum(['live', 'consumed', 'expired', 'revoked', 'suspended']),
  downloads: s.count,
  claimed: s.count,
  createdAt: s.timeMs,
  expiresAt: s.timeMs
})
const claim = z.object({
  claimHash: s.secretHash,
  tokenHash: s.secretHash,
  state: z.enum(['claimed', 'consumed', 'released']),
  claimedAt: s.timeMs,
  leaseUntil: s.timeMs,
  bytesSent: s.count,
  covered: s.byteRanges,
  consumedAt: s.timeMs.nullable()
})
/** A chunk of a file with its recorded copies. */
const placedChunk = z.object({
  index: z.int().min(-1),
  id: s.chunkId,
  sizeBytes: s.chunkSize,
  generation: s.generation,
  copies: z.array(copy).max(64)
})
const page = z.array(placedChunk).max(CHUNKS_PER_PAGE_MAX)
const pageLimit = z.int().min(1).max(CHUNKS_PER_PAGE_MAX)
/** Most nodes in one answer, far above what one controller is made for. */
const NODES_MAX = 1024
const empty = z.object({})

/** Answer to claim and resume; a `file` comes with the first page of its chunks, so that a small download needs one request. */
const claimAnswer = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('claimed'), claim, file, chunks: page, now: s.timeMs }),
  z.object({ outcome: z.enum(['unknown', 'used', 'expired', 'revoked', 'suspended', 'released']) })
])

// ---------------------------------------------------------------- heartbeat (gossip)

export const heartbeat = z.object({
  v: z.literal(1),
  peer: s.peerId,
  boot: s.count,
  sequence: z.int().min(1),
  roles: z.array(s.role).min(1).max(4),
  addresses: s.addresses,
  host: s.host,
  zone: s.zone,
  tier: s.tier,
  capacityBytes: s.count,
  freeBytes: s.count,
  usedBytes: s.count,
  chunks: s.count,
  state: s.nodeState,
  version: z.string().max(64),
  term: s.term,
  scrubbedAt: s.timeMs.default(0),
  quarantined: s.count.default(0),
  /** From the leading controller: nodes that were retired, the last ones; nobody talks to them any more. */
  retired: z.array(s.peerId).max(RETIRED_MAX).optional(),
  /** Peers whose heartbeats came with an older boot than was known here, and that boot: they start again above it (cluster/boot.ts). */
  stale: z
    .array(z.object({ peer: s.peerId, boot: s.count }))
    .max(16)
    .optional()
})

// ---------------------------------------------------------------- chunk protocol

export const chunkMessages = {
  /**
   * Store the body and pass it on to `copies - 1` further peers from `targets` while it arrives. Answers when `copiesMin` nodes on `hostsMin`
   * hosts hold it durably; the rest go on behind (`owed` says how many). Each copy is reported to the controller
   * by the node that holds it, and by the one that passed it on.
   */
  put: {
    request: z.object({
      id: s.chunkId,
      generation: s.generation,
      copies: z.int().min(1).max(16),
      copiesMin: z.int().min(1).max(16),
      hostsMin: z.int().min(1).max(16),
      targets: z.array(target).max(32)
    }),
    response: z.object({ receipts: z.array(receipt).min(1).max(16), owed: s.count }),
    requestBody: true,
    responseBody: false
  },
  /** The bytes [offset, offset + length) of a chunk, the whole verified first. */
  get: {
    request: z.object({ id: s.chunkId, offset: s.count, length: z.int().min(1).optional() }),
    response: z.object({ generation: s.generation, chunkBytes: s.count }),
    requestBody: false,
    responseBody: true
  },
  /** What the node records of chunks, in the order asked; null where it holds none. */
  has: {
    request: z.object({ ids: z.array(s.chunkId).min(1).max(CHUNKS_PER_PAGE_MAX) }),
    /** `puts`: how many puts this node had finished in this boot when it looked; for `trim`. */
    response: z.object({ chunks: z.array(chunkInfo.nullable()), boot: s.count, puts: s.count.default(0) }),
    requestBody: false,
    responseBody: false
  },
  /** Orders of the leader with its term. Answers which chunks are gone; the others are held at a greater generation. */
  delete: {
    request: z.object({
      term: s.term,
      orders: z
        .array(z.object({ chunk: s.chunkId, generation: s.generation }))
        .min(1)
        .max(CHUNKS_PER_PAGE_MAX)
    }),
    response: z.object({ gone: z.array(z.boolean()) }),
    requestBody: false,
    responseBody: false
  },
  /** Chunks by digest after `after`; only those that look like manifests when `manifests` is set. */
  list: {
    request: z.object({
      after: s.chunkId.optional(),
      limit: pageLimit,
      manifests: z.boolean().optional()
    }),
    response: z.object({ chunks: z.array(chunkInfo).max(CHUNKS_PER_PAGE_MAX), boot: s.count }),
    requestBody: false,
    responseBody: false
  },
  /** Give a copy of a chunk you hold to another node; the answer carries that node's receipt. `busy`: requests of clients under way on the answering node. */
  copy: {
    request: z.object({ term: s.term, id: s.chunkId, generation: s.generation, to: s.peerId }),
    response: z.object({ receipt, busy: s.count.default(0) }),
    requestBody: false,
    responseBody: false
  },
  /**
   * Delete copies that are too many, each only if the node is still in `boot`, holds it at no greater generation, and has finished no put of that chunk after the first
   * `puts` of this boot (and none is under way): a chunk that was given to it again meanwhile stays.
   */
  trim: {
    request: z.object({
      term: s.term,
      boot: s.count,
      puts: s.count,
      orders: z
        .array(z.object({ chunk: s.chunkId, generation: s.generation }))
        .min(1)
        .max(CHUNKS_PER_PAGE_MAX)
    }),
    response: z.object({ gone: z.array(z.boolean()) }),
    requestBody: false,
    responseBody: false
  },
  /** Lift the generation of chunks that are held, without their bytes; null where a chunk is not. */
  raise: {
    request: z.object({
      term: s.term,
      chunks: z
        .array(z.object({ chunk: s.chunkId, generation: s.generation }))
        .min(1)
        .max(CHUNKS_PER_PAGE_MAX)
    }),
    response: z.object({ receipts: z.array(receipt.nullable()) }),
    requestBody: false,
    responseBody: false
  },
  /** Number and digest of the chunks held, for each first byte of their digests (inventory.ts says how it is computed). */
  inventory: {
    request: empty,
    response: z.object({
      boot: s.count,
      prefixes: z
        .array(z.object({ count: s.count, digest: z.string().regex(/^[0-9a-f]{32}$/) }))
        .length(INVENTORY_PREFIXES)
    }),
    requestBody: false,
    responseBody: false
  },
  /** An operator's decision, which the node remembers and says in its heartbeat: it takes no new chunks, and gives what it has. */
  setDraining: {
    request: z.object({ term: s.term, draining: z.boolean() }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  /** How far the scrub is; `start` begins a full pass now, unless one that was asked for is running. */
  scrub: {
    request: z.object({ start: z.boolean() }),
    response: z.object({ report: scrubReport }),
    requestBody: false,
    responseBody: false
  },
  /** Keep a piece of the metadata's snapshot (the body). */
  putSnapshot: {
    request: z.object({ term: s.term, name: snapshotName }),
    response: empty,
    requestBody: true,
    responseBody: false
  },
  getSnapshot: {
    request: z.object({ name: snapshotName }),
    response: empty,
    requestBody: false,
    responseBody: true
  },
  /** Names after `after` in order. */
  listSnapshots: {
    request: z.object({ after: snapshotName.optional() }),
    response: z.object({
      names: z.array(snapshotName.extend({ sizeBytes: s.count })).max(SNAPSHOT_NAMES_MAX),
      more: z.boolean()
    }),
    requestBody: false,
    responseBody: false
  },
  dropSnapshots: {
    request: z.object({ term: s.term, names: z.array(snapshotName).min(1).max(SNAPSHOT_NAMES_MAX) }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  /** What a controller that takes over from a lost one has to know first. */
  recoveryInfo: {
    request: empty,
    response: z.object({
      boot: s.count,
      host: s.host,
      /** Greatest term obeyed or heard of. */
      term: s.term,
      /** How long ago a leading controller was last heard, other than the asking peer; null: never in this boot. */
      controllerHeardMsAgo: s.count.nullable(),
      /** Greatest generation of any chunk held. */
      generation: s.generation,
      chunks: s.count
    }),
    requestBody: false,
    responseBody: false
  }
} as const

// ---------------------------------------------------------------- control protocol

/** Chunks by what they need, and how fast they get it. */
const repairStatus = z.object({
  /** One copy left on nodes that live, or none. */
  lastCopy: s.count,
  /** Fewer than there should be. */
  under: s.count,
  /** Enough, but on the wrong host, tier, or on a node that is being emptied. */
  misplaced: s.count,
  /** More than there should be. */
  surplus: s.count,
  bytesLeft: s.count,
  running: s.count,
  copiedChunks: s.count,
  copiedBytes: s.count,
  trimmedChunks: s.count,
  bytesPerSecond: s.count,
  etaMs: s.count.nullable(),
  /** Why only last copies are repaired now; null: everything is. */
  paused: z.string().nullable(),
  /** Share of the chunks that were looked at since the nodes last changed, 0 … 1. */
  looked: z.number().min(0).max(1)
})
/** Of a controller that says nothing of repair. */
export const NOTHING_TO_REPAIR: z.output<typeof repairStatus> = {
  lastCopy: 0,
  under: 0,
  misplaced: 0,
  surplus: 0,
  bytesLeft: 0,
  running: 0,
  copiedChunks: 0,
  copiedBytes: 0,
  trimmedChunks: 0,
  bytesPerSecond: 0,
  etaMs: null,
  paused: null,
  looked: 1
}
const collectorStatus = z.object({
  /** Why nothing is deleted; null: it is not frozen. */
  frozen: z.string().nullable(),
  /** Nodes with many chunks that nothing refers to: their sweep waits for `approve`. */
  held: z.array(z.object({ peer: s.peerId, unknown: s.count, chunks: s.count })).max(NODES_MAX),
  /** Chunks in quarantine on all nodes because nothing refers to them. */
  unknown: s.count
})
/** How far the snapshots on nodes are behind. */
const snapshotStatus = z.object({
  /** Age of the newest state that nodes hold; null: they hold none of this controller yet. */
  behindMs: s.count.nullable(),
  nodes: s.count,
  baseBytes: s.count,
  changesBytes: s.count,
  lastError: z.string().nullable()
})
const scrubStatus = z.object({
  /** The least `scrubbedAt` of active nodes; 0: one of them has not ended its first pass. */
  oldestAt: s.timeMs,
  /** The oldest full pass is longer ago than it may be. */
  overdue: z.boolean(),
  quarantined: s.count
})

export const controlMessages = {
  openUpload: {
    request: z.object({
      id: s.uploadId,
      name: s.fileName,
      mediaType: s.mediaType,
      metadata: s.metadata
    }),
    response: z.object({ now: s.timeMs }),
    requestBody: false,
    responseBody: false
  },
  /** `present`: enough copies exist on active nodes that were seen in their present boot, so no bytes are needed. */
  reserveChunk: {
    request: z.object({
      upload: s.uploadId,
      index: z.int().min(-1).max(FILE_CHUNKS_MAX),
      chunk: s.chunkId,
      sizeBytes: s.chunkSize
    }),
    response: z.object({ generation: s.generation, present: z.boolean() }),
    requestBody: false,
    responseBody: false
  },
  /** Receipts, from each node that stored a chunk or passed it on, and from the edge before it commits. */
  recordReceipts: {
    request: z.object({ receipts: z.array(receipt).min(1).max(CHUNKS_PER_PAGE_MAX) }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  commitUpload: {
    request: z.object({
      upload: s.uploadId,
      file: s.fileId,
      sizeBytes: z.int().min(1),
      sha256: s.sha256Hex,
      chunkCount: z.int().min(1).max(FILE_CHUNKS_MAX),
      uploadedAt: s.timeMs,
      link: z.object({
        tokenHash: s.secretHash,
        deleteHash: s.secretHash,
        downloads: z.int().min(1).max(LINK_DOWNLOADS_MAX),
        expiresAt: s.timeMs
      })
    }),
    response: z.object({ file }),
    requestBody: false,
    responseBody: false
  },
  abandonUpload: {
    request: z.object({ upload: s.uploadId }),
    response: z.object({ abandoned: z.boolean() }),
    requestBody: false,
    responseBody: false
  },
  /** What a recipient may know of a link; spends nothing. `now` is the store's time. */
  findLink: {
    request: z.object({ tokenHash: s.secretHash }),
    response: z.object({ found: z.object({ link, file }).nullable(), now: s.timeMs }),
    requestBody: false,
    responseBody: false
  },
  claimLink: {
    request: z.object({ tokenHash: s.secretHash, claimHash: s.secretHash }),
    response: claimAnswer,
    requestBody: false,
    responseBody: false
  },
  findClaim: {
    request: z.object({ tokenHash: s.secretHash, claimHash: s.secretHash }),
    response: claimAnswer,
    requestBody: false,
    responseBody: false
  },
  reportClaim: {
    request: z.object({
      tokenHash: s.secretHash,
      claimHash: s.secretHash,
      ranges: s.byteRanges,
      bytesSent: s.count,
      reportId: z.string().min(1).max(64)
    }),
    response: z.object({ claim: claim.nullable(), now: s.timeMs }),
    requestBody: false,
    responseBody: false
  },
  /** From then on the claim hash never claims again, whether or not it has claimed. */
  releaseClaim: {
    request: z.object({ tokenHash: s.secretHash, claimHash: s.secretHash }),
    response: z.object({ released: z.boolean() }),
    requestBody: false,
    responseBody: false
  },
  revokeLink: {
    request: z.object({ tokenHash: s.secretHash, deleteHash: s.secretHash }),
    response: z.object({ link }),
    requestBody: false,
    responseBody: false
  },
  /** A page of a file's chunks, from position `from`. */
  listFileChunks: {
    request: z.object({ file: s.fileId, from: s.count, limit: pageLimit }),
    response: z.object({ chunks: page }),
    requestBody: false,
    responseBody: false
  },
  /** A reader found a copy missing or rotten; the controller checks with the node before it believes it. */
  reportBadCopy: {
    request: z.object({
      peer: s.peerId,
      chunk: s.chunkId,
      generation: s.generation,
      code: z.enum(['chunk-not-found', 'chunk-corrupt'])
    }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  /** Empty a node (or not any more). @throws `drain-refused` with the reason */
  drainNode: {
    request: z.object({ peer: s.peerId, draining: z.boolean() }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  /** Forget a node for good. Without `force` only one whose chunks all have their copies elsewhere. @throws `retire-refused` with the reason */
  retireNode: {
    request: z.object({ peer: s.peerId, force: z.boolean() }),
    /** Chunks whose only recorded copy was there: with `force` they are lost. */
    response: z.object({ lastCopies: s.count }),
    requestBody: false,
    responseBody: false
  },
  /** The scrub of all active nodes, or of one; `start` begins a full pass. */
  scrub: {
    request: z.object({ peer: s.peerId.optional(), start: z.boolean() }),
    response: z.object({
      nodes: z
        .array(z.object({ peer: s.peerId, host: s.host, report: scrubReport.nullable() }))
        .max(NODES_MAX)
    }),
    requestBody: false,
    responseBody: false
  },
  /** `freeze` stops all deleting, `resume` ends that; `approve` lets the sweep of one node's unknown chunks go on that was stopped for its size. */
  collector: {
    request: z.object({ action: z.enum(['freeze', 'resume', 'approve']), peer: s.peerId.optional() }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  listSuspended: {
    request: z.object({ after: s.secretHash.optional(), limit: pageLimit }),
    response: z.object({
      links: z
        .array(
          z.object({
            tokenHash: s.secretHash,
            fileId: s.fileId,
            name: s.fileName,
            sizeBytes: s.count,
            uploadedAt: s.timeMs,
            expiresAt: s.timeMs
          })
        )
        .max(CHUNKS_PER_PAGE_MAX)
    }),
    requestBody: false,
    responseBody: false
  },
  resumeLinks: {
    request: z.object({ tokenHashes: z.array(s.secretHash).min(1).max(CHUNKS_PER_PAGE_MAX) }),
    response: z.object({ resumed: s.count }),
    requestBody: false,
    responseBody: false
  },
  /** A piece of a backup; the first request (no `backup`) makes one and says its number and size. Pieces in order, each once or again. */
  backup: {
    request: z.object({ backup: s.count.optional(), part: s.count }),
    response: z.object({ backup: s.count, last: z.boolean() }),
    requestBody: false,
    responseBody: true
  },
  status: {
    request: empty,
    response: z.object({
      term: s.term,
      now: s.timeMs,
      files: s.count,
      fileBytes: s.count,
      linksLive: s.count,
      uploadsOpen: s.count,
      chunks: s.count,
      chunkBytes: s.count,
      chunksOwed: s.count,
      chunksWithoutCopy: s.count,
      ordersPending: s.count,
      workers: z
        .array(
          z.object({ name: z.string(), steps: s.count, failures: s.count, lastError: z.string().nullable() })
        )
        .max(32),
      repair: repairStatus.default(NOTHING_TO_REPAIR),
      collector: collectorStatus.default({ frozen: null, held: [], unknown: 0 }),
      snapshot: snapshotStatus.nullable().default(null),
      scrub: scrubStatus.default({ oldestAt: 0, overdue: false, quarantined: 0 }),
      linksSuspended: s.count.default(0),
      /** As recorded by the controller: also nodes that are down. */
      nodes: z
        .array(
          z.object({
            peer: s.peerId,
            addresses: s.addresses,
            host: s.host,
            zone: s.zone,
            tier: s.tier,
            capacityBytes: s.count,
            freeBytes: s.count,
            usedBytes: s.count,
            chunks: s.count,
            state: s.nodeState,
            liveness: z.enum(['active', 'suspect', 'down']),
            version: z.string(),
            lastHeartbeatAt: s.timeMs,
            scrubbedAt: s.timeMs.default(0),
            quarantined: s.count.default(0),
            /** When its inventory was last compared with the metadata, in its present boot; null: not yet. */
            reconciledAt: s.timeMs.nullable().default(null),
            /** For a node that is being emptied. `safe`: it can be switched off and retired, nothing has fewer copies without it. */
            drain: z
              .object({
                chunksLeft: s.count,
                bytesLeft: s.count,
                etaMs: s.count.nullable(),
                safe: z.boolean()
              })
              .nullable()
              .default(null)
          })
        )
        .max(NODES_MAX)
    }),
    requestBody: false,
    responseBody: false
  }
} as const

// ---------------------------------------------------------------- types

/** One message's definition: schemas, and whether raw bytes follow. */
export interface MessageSpec {
  readonly request: z.ZodType
  readonly response: z.ZodType
  readonly requestBody: boolean
  readonly responseBody: boolean
}
export type MessageTable = Readonly<Record<string, MessageSpec>>

export type ChunkMessages = typeof chunkMessages
export type ControlMessages = typeof controlMessages
export type RequestOf<T extends MessageTable, K extends keyof T> = z.output<T[K]['request']>
export type ResponseOf<T extends MessageTable, K extends keyof T> = z.output<T[K]['response']>
export type PlacedChunk = z.output<typeof placedChunk>
export type Target = z.output<typeof target>
export type ClaimAnswer = z.output<typeof claimAnswer>
export type ClusterStatus = ResponseOf<ControlMessages, 'status'>
export type ScrubReport = z.output<typeof scrubReport>
