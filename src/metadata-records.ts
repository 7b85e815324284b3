/** What the metadata keeps and is asked for: the nouns of metadata-store.ts, which says what is done with them. */

import type { AdoptEntry, CommitEntry } from './metadata-entries.ts'
import type {
  Address,
  ByteRange,
  ChunkId,
  ClaimRecord,
  Encryption,
  EntryId,
  FileId,
  FileRecord,
  Generation,
  LinkRecord,
  NodeState,
  PasswordRecord,
  PeerId,
  SecretHash,
  Tier,
  UploadId,
  UploadWriter,
  UserId
} from './types.ts'

/** A node as last recorded. Liveness is not stored: it is judged from heartbeats by a running process. */
export interface NodeRecord {
  peer: PeerId
  addresses: Address[]
  host: string
  zone: string
  tier: Tier
  capacityBytes: number
  freeBytes: number
  usedBytes: number
  chunks: number
  state: NodeState
  version: string
  boot: number
  sequence: number
  lastSeenAt: number
}

/** A recorded copy: `peer` gave a receipt for this chunk at this generation in this boot. */
export interface CopyRecord {
  peer: PeerId
  /** Host the node was on when it gave the receipt. */
  host: string
  generation: Generation
  boot: number
}

/** Whose space a file takes: that of everybody who shows no account together, or a user's. */
export type SpaceKey = 'anonymous' | `user:${UserId}`

/** What an upload takes of a space, from its opening until it is committed or given up; then its file does. */
export interface UploadSpace {
  key: SpaceKey
  /** Most that the file can have. */
  bytes: number
  /** For all files and open uploads of the space together; undefined: there is no limit. */
  bytesMax: number | undefined
  /** The file is made of blocks, whose place it takes. Nothing is reserved: it is refused where there is no room for it even without what is staged, and the commit, which knows its blocks, takes the space. */
  fromBlocks?: boolean | undefined
}

export interface OpenUpload {
  id: UploadId
  name: string
  mediaType: string
  metadata: Record<string, string>
  openedAt: number
  /** Default: anonymous, nothing reserved, no limit. */
  space?: UploadSpace | undefined
  /** Of a user's file: a failure is recorded at the path. */
  owner?: { user: UserId; path: string } | undefined
  /** When an upload that was neither committed nor abandoned is given up, unless it goes on: reservations move it. */
  expiresAt: number
  /**
   * What whoever goes on with it needs to end it, at most UPLOAD_PLAN_BYTES_MAX, never looked into here. With it the upload is resumable: only the writer that
   * took it over last may reserve, check in and commit. Gone when the upload ends.
   */
  plan?: string | undefined
}

export interface ReserveChunk {
  upload: UploadId
  /** Position in the file, from 0; MANIFEST_INDEX for the chunk that holds the manifest. */
  index: number
  chunk: ChunkId
  sizeBytes: number
  /** The upload is not given up before this; an earlier time than before changes nothing. */
  expiresAt: number
  /** Of a resumable upload: who writes it. */
  writer?: UploadWriter | undefined
}

/** Which copies count: so many, on so many hosts, given by nodes that live, in exactly the boot they are in now. */
export type CopiesRule = Pick<CommitUpload, 'copiesMin' | 'hostsMin' | 'boots'>

/** How much of a resumable upload is kept: chunks 0 … chunkCount - 1, which are its first `sizeBytes` bytes. */
export interface UploadOffset {
  chunkCount: number
  sizeBytes: number
}

/** A resumable upload as it stands. What was kept once stays kept; behind that come the pieces that have their copies now, up to the first that has not. */
export type FoundUpload =
  | ({
      state: 'open'
      name: string
      mediaType: string
      plan: string
      expiresAt: number
      /** Pieces behind the offset: on their way, or cut off. */
      hasMore: boolean
    } & UploadOffset)
  /** With the version of a user's file that it became. */
  | {
      state: 'committed' | 'abandoned'
      file?: FileId | undefined
      entry?: EntryId | undefined
      version?: number | undefined
      sizeBytes?: number | undefined
    }

export interface ResumeUpload {
  upload: UploadId
  writer: UploadWriter
  /** What this writer reserves counts only from its next check-in on: it may yet be taken back. */
  held: boolean
  rule: CopiesRule
}

export interface ResumedUpload extends UploadOffset {
  /** False: pieces behind the offset are left still, nobody writes now, and the same call again goes on. */
  isLast: boolean
  checkpoint: string | null
  expiresAt: number
}

export interface CheckpointUpload {
  upload: UploadId
  writer: UploadWriter
  /** How far the text goes. */
  chunkCount: number
  /** What goes on from there, at most UPLOAD_CHECKPOINT_BYTES_MAX; never looked into here. */
  checkpoint: string
  expiresAt: number
  rule: CopiesRule
}

/** `index` of the manifest's chunk among an upload's chunks. */
export const MANIFEST_INDEX = -1

export interface Reservation {
  generation: Generation
  /** Copies recorded at this generation. The caller decides which of them count (active, seen in their present boot). */
  copies: CopyRecord[]
}

/** A link as it is made. */
export interface NewLink {
  tokenHash: SecretHash
  /** Hash of the secret that revokes the link. */
  deleteHash: SecretHash
  downloads: number
  expiresAt: number
  password?: PasswordRecord | undefined
  /** hashSecret of the proof that whoever claims has to show. */
  proofHash?: SecretHash | undefined
}

/** A file as it was committed, and what it became of a user's. */
export interface CommittedFile extends FileRecord {
  entry?: EntryId | undefined
  version?: number | undefined
}

export interface CommitUpload {
  upload: UploadId
  file: FileId
  sizeBytes: number
  sha256: string
  chunkCount: number
  uploadedAt: number
  /** Of a resumable upload: who writes it. */
  writer?: UploadWriter | undefined
  /** In place of those that the upload was opened with: of several files it is known at their end only what they are. */
  name?: string | undefined
  mediaType?: string | undefined
  /** Default: 0. */
  indexBytes?: number | undefined
  /** Default: none. */
  encryption?: Encryption | undefined
  /** At least one of the two: without either the file would be gone at once. */
  link?: NewLink | undefined
  entry?: CommitEntry | undefined
  /**
   * It is made of blocks, whose place it takes: those that are staged, of its first BLOCKS_PER_PAGE_MAX, are let go with the commit, and those of the others do not count against it.
   * `bytesMax`: for all files, open uploads and blocks of its space together; undefined: there is no limit.
   */
  fromBlocks?: { bytesMax: number | undefined } | undefined
  /** Fewest copies on different nodes that every chunk must have. */
  copiesMin: number
  /** Fewest different hosts among those copies: 2, or 1 when the whole membership is one host. */
  hostsMin: number
  /** Nodes that live, with the boot they are in now: only copies recorded in exactly that boot count. What a node said in an earlier life may not be there any more. */
  boots: NodeBoot[]
}

export interface NodeBoot {
  peer: PeerId
  boot: number
}

/**
 * `claimHash` claims a slot; `shown` is the hash of what a password was turned into (protocol/password.ts), where one was given, and `proofHash` that of a proof of
 * the key, where one was shown.
 */
export interface ClaimRequest {
  tokenHash: SecretHash
  claimHash: SecretHash
  now: number
  leaseMs: number
  shown?: SecretHash | undefined
  proofHash?: SecretHash | undefined
}

export type HeldClaim =
  | { outcome: 'claimed'; claim: ClaimRecord; file: FileRecord }
  /** Why not; `released` is a late duplicate of a claim that was taken back. */
  | { outcome: 'unknown' | 'used' | 'expired' | 'revoked' | 'suspended' | 'released' }

export type Claim =
  | HeldClaim
  /** The link asks for a proof, and none or another one was shown; whether it has a password as well was not looked at. */
  | { outcome: 'proof-required' | 'proof-wrong' }
  | { outcome: 'password-wrong' }
  /** Nothing was shown, and the link has a password. */
  | { outcome: 'password-required'; password: PasswordRecord }

/** A link with what belongs to it. */
export interface FoundLink {
  link: LinkRecord
  file: FileRecord
  /** Null: it has none. */
  password: PasswordRecord | null
}

export interface ClaimProgress {
  tokenHash: SecretHash
  claimHash: SecretHash
  /** Ranges of the file's payload that were handed to a socket since the last report. */
  ranges: ByteRange[]
  /** Bytes handed to sockets since the last report, repeats included. */
  bytesSent: number
  now: number
  /** Lease counted from now, cut at `claimedAt + leaseMaxMs`. */
  leaseMs: number
  leaseMaxMs: number
  /** How long the claimant is still served once everything was sent. */
  graceMs: number
  /** Makes a repeated report (an answer was lost) count once. Unique per report. */
  reportId: string
}

/** A claim as the sender of its link may see it: without what the claimant alone may know, and with how much of the file was covered in place of the ranges. */
export interface SentClaim {
  claimHash: SecretHash
  state: ClaimRecord['state']
  /** 0 for a claim that was given back before it was made. */
  claimedAt: number
  leaseUntil: number
  /** Bytes handed to sockets in all, repeats included. */
  bytesSent: number
  /** Different bytes of the payload that were sent. */
  coveredBytes: number
  consumedAt: number | null
}

/** Where a page of claims begins: after this one, in the order of listClaims. */
export type ClaimCursor = Pick<SentClaim, 'claimedAt' | 'claimHash'>

/** A standing order to one node; it stays until that node has confirmed it or is retired. */
export interface DeleteOrder {
  peer: PeerId
  chunk: ChunkId
  generation: Generation
}

export interface OwedChunk {
  chunk: ChunkId
  generation: Generation
  sizeBytes: number
  copies: CopyRecord[]
}

/** A chunk as repair looks at it. */
export interface PlacedChunkRecord extends OwedChunk {
  /** When a reader last asked for it, or it came into being; store's time, coarse. */
  readAt: number
  /** How often it was read in the present window of `readAt` (noteReads says how they count). */
  reads: number
}

/** What an operator decided about a node. A retired one is never recorded again: no copies, no heartbeat of it. */
export interface NodeDecision {
  peer: PeerId
  decision: 'draining' | 'retired'
  decidedAt: number
}

/** A chunk as a node says that it holds it. */
export interface HeldChunk {
  chunk: ChunkId
  generation: Generation
}

/**
 * What reconciling made of a held chunk. `recorded`: it counts as a copy now (it is live, and held at its generation or a greater one); `stale`: live, but held at a
 * smaller generation, so it does not count; `unknown`: nothing refers to it, it is in quarantine; `foreign`: of a generation that was never given out here, left alone.
 */
export type HeldOutcome = 'recorded' | 'stale' | 'unknown' | 'foreign'

/** Number and digest of what one peer is recorded to hold among the chunks whose digest begins with one byte (protocol/inventory.ts says how it is computed). */
export interface CopySummary {
  count: number
  /** Lower-case hex, 32 characters. */
  digest: string
}

/** A file found by its manifest, to be made known again. */
export interface AdoptFile {
  file: Omit<FileRecord, 'state' | 'chunkCount' | 'manifest' | 'indexBytes' | 'encryption'> & {
    indexBytes?: number | undefined
    encryption?: Encryption | null | undefined
  }
  manifest: { id: ChunkId; sizeBytes: number; generation: Generation }
  /** In order, each at the greatest generation that any node reported. */
  chunks: Array<{ id: ChunkId; sizeBytes: number; generation: Generation }>
  /** At least one of the two. */
  link?: (NewLink & { state: 'live' | 'suspended' | 'revoked' }) | undefined
  /** Joins the entry of this id, or the one at the path, or makes one: at another path where this one cannot be. */
  entry?: AdoptEntry | undefined
}

export interface SuspendedLink {
  tokenHash: SecretHash
  fileId: FileId
  name: string
  sizeBytes: number
  uploadedAt: number
  expiresAt: number
}

export interface StoreStats {
  files: number
  fileBytes: number
  linksLive: number
  uploadsOpen: number
  chunks: number
  chunkBytes: number
  /** Live, referenced chunks with at least one recorded copy and fewer than `copies`. */
  chunksOwed: number
  /** Live, referenced chunks with no recorded copy: their upload is under way or was cut off, or every copy was lost. */
  chunksWithoutCopy: number
  ordersPending: number
  linksSuspended: number
  /** Bytes of live files and open uploads that belong to no user. Those of a user: usedSpace. */
  spaceUsed: { anonymous: number }
}
