/** Shapes that several messages share. */

import { z } from 'zod'
import { CHUNKS_PER_PAGE_MAX, SNAPSHOT_PARTS_MAX } from '../limits.ts'
import * as s from '../schema.ts'

export const receipt = z.object({
  peer: s.peerId,
  host: s.host,
  chunk: s.chunkId,
  generation: s.generation,
  boot: s.count
})
export const copy = z.object({ peer: s.peerId, host: s.host, generation: s.generation, boot: s.count })
export const chunkInfo = z.object({
  id: s.chunkId,
  sizeBytes: s.count,
  generation: s.generation,
  storedAt: s.timeMs,
  verifiedAt: s.timeMs,
  manifest: z.boolean().default(false)
})
export const snapshotName = z.object({
  term: s.term,
  base: s.count,
  kind: z.enum(['base', 'changes', 'note']),
  sequence: s.count,
  part: s.count,
  parts: z.int().min(1).max(SNAPSHOT_PARTS_MAX)
})
/** How far a node is with reading everything it holds. */
export const scrubReport = z.object({
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
export const target = z.object({ peer: s.peerId, host: s.host })
export const file = z.object({
  id: s.fileId,
  name: s.fileName,
  sizeBytes: s.count,
  mediaType: s.mediaType,
  sha256: s.sha256Hex,
  uploadedAt: s.timeMs,
  metadata: s.metadata,
  chunkCount: s.count,
  manifest: s.chunkId,
  state: z.enum(['live', 'deleted']),
  indexBytes: s.count.default(0),
  encryption: s.encryption.nullable().default(null)
})
export const link = z.object({
  tokenHash: s.secretHash,
  fileId: s.fileId,
  state: z.enum(['live', 'consumed', 'expired', 'revoked', 'suspended']),
  downloads: s.count,
  claimed: s.count,
  createdAt: s.timeMs,
  expiresAt: s.timeMs,
  isProtected: z.boolean().default(false),
  needsProof: z.boolean().default(false)
})
export const claim = z.object({
  claimHash: s.secretHash,
  tokenHash: s.secretHash,
  state: z.enum(['claimed', 'consumed', 'released']),
  claimedAt: s.timeMs,
  leaseUntil: s.timeMs,
  bytesSent: s.count,
  covered: s.byteRanges,
  consumedAt: s.timeMs.nullable()
})
/** A claim as the sender of its link may see it. */
export const sentClaim = z.object({
  claimHash: s.secretHash,
  state: z.enum(['claimed', 'consumed', 'released']),
  claimedAt: s.timeMs,
  leaseUntil: s.timeMs,
  bytesSent: s.count,
  coveredBytes: s.count,
  consumedAt: s.timeMs.nullable()
})
/** A chunk of a file with its recorded copies. */
export const placedChunk = z.object({
  index: z.int().min(-1),
  id: s.chunkId,
  sizeBytes: s.chunkSize,
  generation: s.generation,
  copies: z.array(copy).max(64)
})
export const page = z.array(placedChunk).max(CHUNKS_PER_PAGE_MAX)
export const pageLimit = z.int().min(1).max(CHUNKS_PER_PAGE_MAX)
export const empty = z.object({})

/**
 * The link asks for a password, and none was given, or no more are heard for the moment: then `retryAfterMs`, 0 otherwise, says for how long, and nothing was compared.
 */
export const passwordRequired = z.object({
  outcome: z.literal('password-required'),
  challenge: s.passwordChallenge,
  retryAfterMs: s.count
})
/** The link asks for a proof of the key, and none or another one was shown. Passwords were not looked at. */
export const proofRefused = z.object({ outcome: z.enum(['proof-required', 'proof-wrong']) })
/** A wrong one was given, and counted. */
export const passwordWrong = z.object({ outcome: z.literal('password-wrong') })
/** What somebody who gives a password sends: the argon2id tag of it, and a hash of the address it came from, for the limits on attempts. */
export const passwordGiven = { proof: s.sha256Hex.optional(), client: s.sha256Hex.optional() }

/** Answer to claim and resume; a `file` comes with the first page of its chunks, so that a small download needs one request. */
export const claimAnswer = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('claimed'), claim, file, chunks: page, now: s.timeMs }),
  z.object({ outcome: z.enum(['unknown', 'used', 'expired', 'revoked', 'suspended', 'released']) }),
  proofRefused,
  passwordWrong,
  passwordRequired
])
