/**
 * The seam to the metadata: who holds what, which file is made of what, which link may still be redeemed.
 *
 * Rules for every implementation (conformance: test/conformance/metadata-store.ts):
 * - Every operation is one atomic step. When it resolves, its effect survives power loss (unless `durable` is false). When it rejects with
 *   `store-failed` or `deadline-exceeded` the outcome is unknown; repeating the same call is safe and answers as if it ran once.
 * - Decisions rest on one conditional update of one row or on a unique key, never on a count over rows that another transaction may change.
 * - Time comes in as `now`; no operation reads a clock. Lists are keyset pages: `after` is the last key of the page before.
 */

import type {
  Address,
  ByteRange,
  ChunkId,
  ClaimRecord,
  FileChunk,
  FileId,
  FileRecord,
  Generation,
  LinkRecord,
  NodeState,
  PeerId,
  Receipt,
  SecretHash,
  Term,
  Tier,
  UploadId
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

export interface OpenUpload {
  id: UploadId
  name: string
  mediaType: string
  metadata: Record<string, string>
  openedAt: number
  /** When an upload that was neither committed nor abandoned is given up, unless it goes on: reservations move it. */
  expiresAt: number
}

export interface ReserveChunk {
  upload: UploadId
  /** Position in the file, from 0; MANIFEST_INDEX for the chunk that holds the manifest. */
  index: number
  chunk: ChunkId
  sizeBytes: number
  /** The upload is not given up before this; an earlier time than before changes nothing. */
  expiresAt: number
}

/** `index` of the manifest's chunk among an upload's chunks. */
export const MANIFEST_INDEX = -1

export interface Reservation {
  generation: Generation
  /** Copies recorded at this generation. The caller decides which of them count (active, seen in their present boot). */
  copies: CopyRecord[]
}

export interface CommitUpload {
  upload: UploadId
  file: FileId
  sizeBytes: number
  sha256: string
  chunkCount: number
  uploadedAt: number
  link: {
    tokenHash: SecretHash
    /** Hash of the secret that revokes the link. */
    deleteHash: SecretHash
    downloads: number
    expiresAt: number
  }
  /** Fewest copies on different nodes that every chunk must have. */
  copiesMin: number
  /** Fewest different hosts among those copies: 2, or 1 when the whole membership is one host. */
  hostsMin: number
}

export type Claim =
  | { outcome: 'claimed'; claim: ClaimRecord; file: FileRecord }
  /** Why not; `released` is a late duplicate of a claim that was taken back. */
  | { outcome: 'unknown' | 'used' | 'expired' | 'revoked' | 'suspended' | 'released' }

export interface ClaimProgress {
  tokenHash: SecretHash
  claimHash: SecretHash
  /** Ranges of the file that were handed to a socket since the last report. */
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
}

/** Terms, generations and what is known of nodes. */
export interface ClusterRecords {
  /** Raises the term to one more than the greater of the stored one and `atLeast`; answers the new one. */
  advanceTerm(atLeast: Term): Promise<Term>
  /** Greatest of the stored mark and `now`, stored: the store's time never runs backwards over restarts. */
  advanceTime(now: number): Promise<number>
  /** Records what newer (boot, sequence) say; older ones change nothing. */
  recordNodes(nodes: NodeRecord[]): Promise<void>
  listNodes(): Promise<NodeRecord[]>
}

export interface UploadRecords {
  /** Idempotent by id. `upload-closed` when that id has been committed or abandoned. */
  openUpload(upload: OpenUpload): Promise<void>
  /**
   * Counts one reference of the upload on the chunk's row (once per upload and chunk, however often it is called) before anything is
   * answered. A chunk that is new or condemned becomes live with a fresh generation; copies recorded at smaller generations no longer count, and
   * delete orders for those stand (they match nothing once a node has taken the new generation). The upload lives until `expiresAt` at least. The same index with another chunk:
   * `upload-conflict`. An upload that is not open: `upload-unknown` or `upload-closed`.
   */
  reserveChunk(reservation: ReserveChunk): Promise<Reservation>
  /**
   * Records receipts. One whose chunk is not live at that generation (it came after the upload was given up) is not recorded, and a delete
   * order for (peer, chunk, that generation) is made instead (and nothing at all for a generation that was never given out for it), unless the chunk is live at a greater generation and the peer has to keep the bytes for that.
   */
  recordReceipts(receipts: Receipt[]): Promise<void>
  /**
   * The upload is open, indexes 0…chunkCount-1 and the manifest are reserved, their sizes add up, and each reserved generation is live with at least
   * `copiesMin` recorded copies on at least `hostsMin` hosts, else `upload-conflict` or `copies-missing` and nothing changes. The upload's references become
   * the file's; file and link become visible. Idempotent: the same upload, file and link again answers the same file.
   */
  commitUpload(commit: CommitUpload): Promise<FileRecord>
  /**
   * Drops the upload's references. Idempotent; an upload that was never opened is closed for good; a committed one is left alone and answers false, and so is
   * one that `expiresAt` keeps beyond `staleAt`, if that is given.
   */
  abandonUpload(upload: UploadId, options?: { staleAt?: number }): Promise<boolean>
  /** Open uploads whose `expiresAt` has passed. */
  listStaleUploads(now: number, limit: number): Promise<UploadId[]>
}

export interface FileRecords {
  getFile(id: FileId): Promise<FileRecord | undefined>
  /** A page of a file's chunks in order, with recorded copies. Empty when the file has no such chunks (any more). */
  listFileChunks(
    id: FileId,
    from: number,
    limit: number
  ): Promise<Array<FileChunk & { index: number; copies: CopyRecord[] }>>
}

export interface LinkRecords {
  /** The link and its file; undefined when the token never existed or its tombstone has gone. Spends nothing. */
  findLink(tokenHash: SecretHash): Promise<{ link: LinkRecord; file: FileRecord } | undefined>
  /**
   * At most `downloads` claims: looks for the claim first and answers it as before (`released` for one that was taken back); otherwise takes a slot
   * by one conditional update (live, claimed < downloads, not expired) and inserts the claim with a lease of `leaseMs`.
   * A claim whose lease or grace is over answers `used`.
   */
  claimLink(request: {
    tokenHash: SecretHash
    claimHash: SecretHash
    now: number
    leaseMs: number
  }): Promise<Claim>
  /**
   * The claim if it may be served now (lease or grace runs); never makes one. The others as in claimLink: `unknown` when the token is; a claim that is not known
   * answers as the link stands (expired, revoked, suspended), otherwise `used`.
   */
  findClaim(request: { tokenHash: SecretHash; claimHash: SecretHash; now: number }): Promise<Claim>
  /** Adds what was sent and moves the lease; covering every byte makes it `consumed` with the grace from then. Undefined when the claim is not there. */
  reportClaim(progress: ClaimProgress): Promise<ClaimRecord | undefined>
  /**
   * Gives the slot back if nothing was ever reported sent; the claim hash never claims again, also when it has not claimed yet (a release can overtake its
   * claim). False when it was too late, or there is no such link. Idempotent.
   */
  releaseClaim(request: { tokenHash: SecretHash; claimHash: SecretHash }): Promise<boolean>
  /** Revokes with the right delete secret; `delete-forbidden` otherwise, `link-unknown` when there is none. Idempotent. Running claims end. */
  revokeLink(request: { tokenHash: SecretHash; deleteHash: SecretHash; now: number }): Promise<LinkRecord>
}

export interface GarbageRecords {
  /**
   * One bounded step of ending what is over: leases that ran out become consumed, live links past their expiry with no running claim `expired`, links whose slots are all
   * consumed (grace over) `consumed`, and files with no link left become `deleted` and drop their references. Answers how many rows it changed.
   */
  settleLinks(now: number, limit: number): Promise<number>
  /** Live chunks with no reference become condemned, with a delete order for each recorded copy. Conditional on the row itself. Answers how many. */
  condemnChunks(limit: number): Promise<number>
  listOrders(peer: PeerId, limit: number): Promise<DeleteOrder[]>
  /** Peers with orders waiting. */
  listOrderPeers(): Promise<PeerId[]>
  /** The node says these are gone: removes the orders, the copies at or below that generation, and condemned rows without copies. Idempotent. */
  confirmOrders(orders: DeleteOrder[]): Promise<void>
  /**
   * Removes tombstones of links, claims and uploads that ended before `before`. A link ends for this purpose at the later of its end and its expiry, an upload
   * at the stored time mark. Answers how many.
   */
  purgeTombstones(before: number, limit: number): Promise<number>
}

export interface RepairRecords {
  /** Live, referenced chunks with fewer than `copies` recorded copies, by digest after `after`. */
  listOwed(copies: number, after: ChunkId | undefined, limit: number): Promise<OwedChunk[]>
  /** A node does not hold, or holds rotten, what was recorded: the copy's record goes. */
  dropCopy(copy: { peer: PeerId; chunk: ChunkId; generation: Generation }): Promise<void>
  stats(copies: number): Promise<StoreStats>
}

export interface MetadataStore
  extends ClusterRecords, UploadRecords, FileRecords, LinkRecords, GarbageRecords, RepairRecords {
  readonly durable: boolean
  open(): Promise<void>
  close(): Promise<void>
}
