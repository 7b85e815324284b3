/** The control protocol, spoken to the leading controller. */

import { z } from 'zod'
import { CHUNKS_PER_PAGE_MAX, FILE_CHUNKS_MAX, NODES_MAX } from '../limits.ts'
import { blockMessages } from './block-messages.ts'
import * as s from '../schema.ts'
import { accountMessages } from './account-messages.ts'
import { operatorMessages } from './operator-messages.ts'
import { eventMessages } from './event-messages.ts'
import { historyMessages } from './history-messages.ts'
import { poolMessages } from './pool-messages.ts'
import { webhookMessages } from './webhook-messages.ts'
import {
  claim,
  claimAnswer,
  empty,
  file,
  link,
  page,
  pageLimit,
  passwordGiven,
  passwordRequired,
  passwordWrong,
  receipt,
  sentClaim
} from './shapes.ts'
import {
  commitEntry,
  errorCode,
  newLink,
  uploadOwner,
  userFileMessages,
  versionNumber
} from './user-file-messages.ts'
import { NOTHING_TO_REPAIR, collectorStatus, repairStatus, scrubStatus, snapshotStatus } from './status.ts'

export const controlMessages = {
  ...userFileMessages,
  ...blockMessages,
  ...accountMessages,
  ...historyMessages,
  ...eventMessages,
  ...webhookMessages,
  ...poolMessages,
  ...operatorMessages,
  openUpload: {
    request: z.object({
      id: s.uploadId,
      name: s.fileName,
      mediaType: s.mediaType,
      metadata: s.metadata,
      /** Whose limits hold; without it, those of `anonymous`. */
      role: s.userRole.optional(),
      /** Of a user's file: the space is the user's, and a failure is recorded at the path. */
      owner: uploadOwner.optional(),
      /** Most that the file can have: so much of the role's space is taken until the commit. */
      bytesMax: s.count.optional(),
      /** What ends it later, kept as it is: any edge may then go on with the upload. */
      plan: s.uploadPlan.optional()
    }),
    /** `resumable`: the plan was understood. A controller of an earlier version passes over it, and nothing could be resumed. */
    response: z.object({ now: s.timeMs, resumable: z.boolean().default(false) }),
    requestBody: false,
    responseBody: false
  },
  /** An upload that goes on later. Null for one that is not known. `chunkCount` chunks with `sizeBytes` bytes are kept. `now` is the store's time. */
  findUpload: {
    request: z.object({ upload: s.uploadId }),
    response: z.object({
      found: z
        .discriminatedUnion('state', [
          z.object({
            state: z.literal('open'),
            name: s.fileName,
            mediaType: s.mediaType,
            plan: s.uploadPlan,
            expiresAt: s.timeMs,
            /** Since something came, or its writer checked in. */
            idleMs: s.count,
            chunkCount: s.count,
            sizeBytes: s.count
          }),
          z.object({
            state: z.enum(['committed', 'abandoned']),
            /** What it became of a user's file. */
            file: s.fileId.optional(),
            entry: s.entryId.optional(),
            version: versionNumber.optional(),
            sizeBytes: s.count.optional()
          })
        ])
        .nullable(),
      now: s.timeMs
    }),
    requestBody: false,
    responseBody: false
  },
  /** Takes an upload over: the newest writer goes on, the others are refused. `held`: what it sends counts from its next check-in on. */
  resumeUpload: {
    request: z.object({ upload: s.uploadId, writer: s.uploadWriter, held: z.boolean() }),
    response: z.object({
      chunkCount: s.count,
      sizeBytes: s.count,
      checkpoint: s.uploadCheckpoint.nullable(),
      expiresAt: s.timeMs,
      now: s.timeMs
    }),
    requestBody: false,
    responseBody: false
  },
  /** The writer checks in. `chunkCount`: how far the text goes; what is kept is answered. */
  checkpointUpload: {
    request: z.object({
      upload: s.uploadId,
      writer: s.uploadWriter,
      chunkCount: s.count,
      checkpoint: s.uploadCheckpoint
    }),
    response: z.object({ chunkCount: s.count, sizeBytes: s.count, expiresAt: s.timeMs }),
    requestBody: false,
    responseBody: false
  },
  /** A page of the chunks of an upload that goes on later, from position `from`. */
  listUploadChunks: {
    request: z.object({ upload: s.uploadId, from: s.count, limit: pageLimit }),
    response: z.object({ chunks: page }),
    requestBody: false,
    responseBody: false
  },
  /** `present`: enough copies exist on active nodes that were seen in their present boot, so no bytes are needed. */
  reserveChunk: {
    request: z.object({
      upload: s.uploadId,
      index: z.int().min(-1).max(FILE_CHUNKS_MAX),
      chunk: s.chunkId,
      sizeBytes: s.chunkSize,
      /** Of an upload that goes on later. */
      writer: s.uploadWriter.optional()
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
    request: z
      .object({
        upload: s.uploadId,
        file: s.fileId,
        sizeBytes: z.int().min(1),
        sha256: s.sha256Hex,
        chunkCount: z.int().min(1).max(FILE_CHUNKS_MAX),
        uploadedAt: s.timeMs,
        /** Of an upload that goes on later. */
        writer: s.uploadWriter.optional(),
        /** In place of those of openUpload. */
        name: s.fileName.optional(),
        mediaType: s.mediaType.optional(),
        indexBytes: s.indexBytes.optional(),
        encryption: s.encryption.optional(),
        link: newLink.optional(),
        /** A version of a user's file, in place of the link or beside it. */
        entry: commitEntry.optional(),
        /** It is made of blocks, which need not be kept as such any more. */
        fromBlocks: z.boolean().optional()
      })
      .refine(({ sizeBytes, indexBytes = 0 }) => indexBytes < sizeBytes, 'an index without a payload')
      .refine(({ link, entry }) => link !== undefined || entry !== undefined, 'nothing that leads to it'),
    /**
     * `entry`, `version`: what it became of a user's file. `isProtected`, `needsProof`: the password, the proof was understood, and `file` says whether an index and an encryption were. A controller of an earlier version passes
     * over what it does not know, and the edge must not hand out such a link.
     */
    response: z.object({
      file,
      isProtected: z.boolean().default(false),
      needsProof: z.boolean().default(false),
      entry: s.entryId.optional(),
      version: versionNumber.optional()
    }),
    requestBody: false,
    responseBody: false
  },
  /** `failure`: why, where the upload of a user's file failed, so that it stands in the file's record. */
  abandonUpload: {
    request: z.object({
      upload: s.uploadId,
      failure: z.object({ code: errorCode, attempts: s.count }).optional()
    }),
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
  /** What a link asks for is asked for only where this claim was not made before. `proof` belongs to its password, `proofHash` to the key of an encrypted file. */
  claimLink: {
    request: z.object({
      tokenHash: s.secretHash,
      claimHash: s.secretHash,
      ...passwordGiven,
      proofHash: s.secretHash.optional()
    }),
    response: claimAnswer,
    requestBody: false,
    responseBody: false
  },
  /** Whether a password is right, for whoever wants to know what is behind a link before it is redeemed. A wrong one counts as in claimLink. */
  checkPassword: {
    request: z.object({ tokenHash: s.secretHash, ...passwordGiven }),
    response: z.discriminatedUnion('outcome', [
      z.object({ outcome: z.enum(['unknown', 'open', 'password-right']) }),
      passwordWrong,
      passwordRequired
    ]),
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
  /** As findLink, by the secret of the sender. */
  findSentLink: {
    request: z.object({ deleteHash: s.secretHash }),
    response: z.object({ found: z.object({ link, file }).nullable(), now: s.timeMs }),
    requestBody: false,
    responseBody: false
  },
  /** Claims of a sent link, the newest first; `after` is the last of the page before. Empty when there is no such link. */
  listClaims: {
    request: z.object({
      deleteHash: s.secretHash,
      after: z.object({ claimedAt: s.timeMs, claimHash: s.secretHash }).optional(),
      limit: pageLimit
    }),
    response: z.object({ claims: z.array(sentClaim).max(CHUNKS_PER_PAGE_MAX) }),
    requestBody: false,
    responseBody: false
  },
  /** A later end for a link that can still be redeemed; an earlier one changes nothing. `now` is the store's time. */
  extendLink: {
    request: z.object({ deleteHash: s.secretHash, expiresAt: s.timeMs }),
    response: z.object({ link, now: s.timeMs }),
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
      repair: repairStatus.default(NOTHING_TO_REPAIR),
      collector: collectorStatus.default({ frozen: null, held: [], unknown: 0 }),
      snapshot: snapshotStatus.nullable().default(null),
      scrub: scrubStatus.default({ oldestAt: 0, overdue: false, quarantined: 0 }),
      linksSuspended: s.count.default(0),
      /** Bytes of live files and open uploads, by whose they are. */
      spaceUsed: z.object({ anonymous: s.count }).default({ anonymous: 0 }),
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
