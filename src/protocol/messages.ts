/**
 * Every message of the wire, in one place. A request is a header (dag-cbor, checked against its schema here) and, for some, a
 * body of exactly `sizeBytes` raw bytes; so is an answer. docs/protocol.md explains them; test/protocol pins their bytes.
 *
 * A new optional field is a compatible change; anything else needs a new protocol number (limits.ts).
 */

import { z } from 'zod'
import { CHUNKS_PER_PAGE_MAX, FILE_CHUNKS_MAX, LINK_DOWNLOADS_MAX } from './limits.ts'
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
  verifiedAt: s.timeMs
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
    response: z.object({ chunks: z.array(chunkInfo.nullable()), boot: s.count }),
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
  /** Chunks by digest after `after`. */
  list: {
    request: z.object({ after: s.chunkId.optional(), limit: pageLimit }),
    response: z.object({ chunks: z.array(chunkInfo).max(CHUNKS_PER_PAGE_MAX), boot: s.count }),
    requestBody: false,
    responseBody: false
  },
  /** Give a copy of a chunk you hold to another node; the answer carries that node's receipt. */
  copy: {
    request: z.object({ term: s.term, id: s.chunkId, generation: s.generation, to: s.peerId }),
    response: z.object({ receipt }),
    requestBody: false,
    responseBody: false
  }
} as const

// ---------------------------------------------------------------- control protocol

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
            lastHeartbeatAt: s.timeMs
          })
        )
        .max(1024)
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
