/**
 * The seam to the metadata: who holds what, which file is made of what, which link may still be redeemed.
 *
 * Rules for every implementation (conformance: test/conformance/metadata-store.ts):
 * - Every operation is one atomic step. When it resolves, its effect survives power loss (unless `durable` is false). When it rejects with
 *   `store-failed` or `deadline-exceeded` the outcome is unknown; repeating the same call is safe and answers as if it ran once.
 * - Decisions rest on one conditional update of one row or on a unique key, never on a count over rows that another transaction may change.
 * - Time comes in as `now`; no operation reads a clock. Lists are keyset pages: `after` is the last key of the page before.
 */

import type { BlockRecords } from './metadata-blocks.ts'
import type { EntryRecords, UploadFailure } from './metadata-entries.ts'
import type { HistoryRecords } from './history.ts'
import type { EventRecords, EventWatch } from './metadata-events.ts'
import type { PoolRecords } from './metadata-pools.ts'
import type { WebhookRecords } from './metadata-webhooks.ts'
import type {
  NodeRecord,
  CopyRecord,
  OpenUpload,
  ReserveChunk,
  FoundUpload,
  ResumeUpload,
  ResumedUpload,
  CheckpointUpload,
  UploadOffset,
  CopiesRule,
  Reservation,
  CommitUpload,
  CommittedFile,
  SpaceKey,
  NodeBoot,
  Claim,
  ClaimProgress,
  ClaimRequest,
  FoundLink,
  HeldClaim,
  DeleteOrder,
  OwedChunk,
  PlacedChunkRecord,
  NodeDecision,
  HeldChunk,
  HeldOutcome,
  CopySummary,
  AdoptFile,
  SuspendedLink,
  SentClaim,
  ClaimCursor,
  StoreStats
} from './metadata-records.ts'
import type { AccountRecords } from './account-store.ts'
import type {
  ChunkId,
  ClaimRecord,
  FileChunk,
  FileId,
  FileRecord,
  Generation,
  LinkRecord,
  PeerId,
  Receipt,
  SecretHash,
  Term,
  UploadId,
  UserId
} from './types.ts'

export type * from './account-store.ts'
export type * from './metadata-records.ts'
export type * from './metadata-entries.ts'
export type * from './metadata-blocks.ts'
export type * from './metadata-events.ts'
export type * from './metadata-pools.ts'
export { MANIFEST_INDEX } from './metadata-records.ts'

/** Terms, generations and what is known of nodes. */
export interface ClusterRecords {
  /** Raises the term to one more than the greater of the stored one and `atLeast`; answers the new one. */
  advanceTerm(atLeast: Term): Promise<Term>
  /** Greatest of the stored mark and `now`, stored: the store's time never runs backwards over restarts. */
  advanceTime(now: number): Promise<number>
  /** Records what newer (boot, sequence) say; older ones change nothing. */
  recordNodes(nodes: NodeRecord[]): Promise<void>
  listNodes(): Promise<NodeRecord[]>
  /** Lifts the counters to at least these; they never go down. For a store that was restored, whose nodes have heard of more. */
  raiseCounters(atLeast: { term: Term; generation: Generation }): Promise<void>
  /** Greatest generation given out so far. */
  lastGeneration(): Promise<Generation>
  /** A short text that survives restarts, e.g. why the collector is frozen; null removes it. Keys: SETTINGS in controller/settings.ts. */
  writeSetting(key: string, value: string | null): Promise<void>
  readSetting(key: string): Promise<string | null>
  /** Null takes a decision to drain back; retiring is for good. */
  decideNode(peer: PeerId, decision: NodeDecision['decision'] | null, now: number): Promise<void>
  listDecisions(): Promise<NodeDecision[]>
  /** One bounded step of forgetting a retired node: its record, copies, orders and quarantine. Answers how many rows went; 0 when nothing is left. */
  forgetNode(peer: PeerId, limit: number): Promise<number>
}

export interface UploadRecords {
  /**
   * Idempotent by id. `upload-closed` when that id has been committed or abandoned. Takes the upload's space by one conditional update: `space-full`,
   * and nothing is opened, when that would be more than its limit.
   */
  openUpload(upload: OpenUpload): Promise<void>
  /**
   * Counts one reference of the upload on the chunk's row (once per upload and chunk, however often it is called) before anything is
   * answered. A chunk that is new or condemned becomes live with a fresh generation; copies recorded at smaller generations no longer count, and
   * delete orders for those stand (they match nothing once a node has taken the new generation). The upload lives until `expiresAt` at least. The same index with another chunk:
   * `upload-conflict`, and so is a resumable upload that another writer has taken over. An upload that is not open: `upload-unknown` or `upload-closed`.
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
   * the file's; file, link and version become visible; of the space that was reserved it keeps what the file has. Idempotent: the same upload, file and link again answers the same.
   * One from blocks takes its space here, less what its staged blocks take up: `space-full` when that would be more than its limit.
   * With `entry` the version belongs to the entry at that path; where there is none, one is made: `path-conflict` where a folder has that path, or a file that of a folder above;
   * `path-taken` for `onlyNew` where there is one with content; `version-conflict` where `base` is not what counts there. Of many commits to one path at once each becomes a version. Records of uploads to it that failed before go.
   */
  commitUpload(commit: CommitUpload): Promise<CommittedFile>
  /**
   * Drops the upload's references, and gives its space back. Idempotent; an upload that was never opened is closed for good; a committed one is left alone and answers false, and so is
   * one that `expiresAt` keeps beyond `staleAt`, if that is given. With `failure` the entry at its owner's path gets a version that failed (a new entry, where there is none), if the
   * upload was open and somebody's.
   */
  abandonUpload(
    upload: UploadId,
    options?: { staleAt?: number; failure?: UploadFailure | undefined }
  ): Promise<boolean>
  /** A resumable upload; undefined for one that is not known (any more), or not resumable and open. */
  findUpload(upload: UploadId, rule: CopiesRule): Promise<FoundUpload | undefined>
  /**
   * Takes a resumable upload over: from now on only this writer goes on with it. What the offset covers is kept from then on, whatever becomes of copies; the pieces behind it and
   * the manifest's are dropped with their references, a bounded number at a time. The present writer again: nothing is dropped, its own pieces may be on their way.
   * `upload-unknown` (also for one that is not resumable), `upload-closed`.
   */
  resumeUpload(request: ResumeUpload): Promise<ResumedUpload>
  /**
   * The writer checks in: what has its copies by now is kept from then on, held or not, and the text, if that covers all it goes on from. Answers what is kept.
   * `upload-conflict` when another writer has taken over; `upload-unknown`, `upload-closed`.
   */
  checkpointUpload(request: CheckpointUpload): Promise<UploadOffset & { expiresAt: number }>
  /** A page of the chunks of an open upload, with recorded copies, from index `from`. */
  listUploadChunks(
    upload: UploadId,
    from: number,
    limit: number
  ): Promise<Array<FileChunk & { index: number; copies: CopyRecord[] }>>
  /** Open uploads whose `expiresAt` has passed. */
  listStaleUploads(now: number, limit: number): Promise<UploadId[]>
  /** Chunks of an open upload that do not have the copies a commit asks for, with all their recorded copies; by digest. @param from index; default: all */
  listLacking(upload: UploadId, rule: CopiesRule, limit: number, from?: number): Promise<OwedChunk[]>
}

export interface FileRecords {
  /** Bytes of live files and open uploads of a space. */
  usedSpace(key: SpaceKey): Promise<number>
  /** The same of all users together. */
  usedByUsers(): Promise<number>
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
  findLink(tokenHash: SecretHash): Promise<FoundLink | undefined>
  /**
   * At most `downloads` claims: looks for the claim first and answers it as before (`released` for one that was taken back); otherwise takes a slot
   * by one conditional update (live, claimed < downloads, not expired) and inserts the claim with a lease of `leaseMs`.
   * A claim whose lease or grace is over answers `used`. Where a slot is free and the link has a password, it is taken only if `shown` belongs to that, by the same update;
   * `password-required` without `shown`, `password-wrong` with another one: then nothing has changed. The same for a link that asks for a proof, with `proofHash`,
   * `proof-required` and `proof-wrong`; of both the proof is looked at first. A claim that was made needs neither.
   */
  claimLink(request: ClaimRequest): Promise<Claim>
  /**
   * The claim if it may be served now (lease or grace runs); never makes one. The others as in claimLink: `unknown` when the token is; a claim that is not known
   * answers as the link stands (expired, revoked, suspended), otherwise `used`.
   */
  findClaim(request: { tokenHash: SecretHash; claimHash: SecretHash; now: number }): Promise<HeldClaim>
  /** Adds what was sent and moves the lease; covering every byte of the payload makes it `consumed` with the grace from then. Undefined when the claim is not there. */
  reportClaim(progress: ClaimProgress): Promise<ClaimRecord | undefined>
  /**
   * Gives the slot back if nothing was ever reported sent; the claim hash never claims again, also when it has not claimed yet (a release can overtake its
   * claim). False when it was too late, or there is no such link. Idempotent.
   */
  releaseClaim(request: { tokenHash: SecretHash; claimHash: SecretHash }): Promise<boolean>
  /** Revokes with the right delete secret; `delete-forbidden` otherwise, `link-unknown` when there is none. Idempotent. Running claims end. */
  revokeLink(request: {
    tokenHash: SecretHash
    deleteHash: SecretHash
    now: number
    /** Who did it, for the event; undefined: whoever had the secret. */
    by?: UserId | undefined
  }): Promise<LinkRecord>
  /** As findLink, for the sender, who knows the delete secret and not the token. No two links have the same. */
  findSentLink(deleteHash: SecretHash): Promise<{ link: LinkRecord; file: FileRecord } | undefined>
  /** Claims of that link, the newest first (by time, then hash), the released ones too; empty when there is no such link. */
  listClaims(request: {
    deleteHash: SecretHash
    after?: ClaimCursor | undefined
    limit: number
  }): Promise<SentClaim[]>
  /**
   * Lets a link that can still be redeemed expire at `expiresAt`, by one conditional update; never earlier than it would have: then nothing changes, so that it is
   * idempotent. Otherwise: `link-unknown`, `link-revoked`, `link-suspended`, `link-expired` (past its end, settled or not), `link-used` (every slot taken);
   * `invalid-field` for a time more than `ttlMaxMs` after the link was made.
   */
  extendLink(request: {
    deleteHash: SecretHash
    expiresAt: number
    ttlMaxMs: number
    now: number
  }): Promise<LinkRecord>
  /** Live links become suspended: nobody is served until they are resumed. Undefined: all that are live, in steps of `limit`. Answers how many. */
  suspendLinks(tokenHashes: readonly SecretHash[] | undefined, limit: number): Promise<number>
  /** Suspended links are live again (or at their end, if that has come meanwhile). Answers how many. */
  resumeLinks(tokenHashes: readonly SecretHash[]): Promise<number>
  listSuspended(after: SecretHash | undefined, limit: number): Promise<SuspendedLink[]>
}

export interface GarbageRecords {
  /**
   * One bounded step of ending what is over: leases that ran out become consumed, live links past their expiry with no running claim `expired`, links whose slots are all
   * consumed (grace over) `consumed`, and files with no link left become `deleted`, give their space back and drop their references. Answers how many rows it changed.
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
  /** A node does not hold, or holds rotten, what was recorded: the copy's record goes, unless it was made in a later boot than `boot` (if given). */
  dropCopy(copy: { peer: PeerId; chunk: ChunkId; generation: Generation; boot?: number }): Promise<void>
  /** Live, referenced chunks by digest after `after`. */
  listChunks(after: ChunkId | undefined, limit: number): Promise<PlacedChunkRecord[]>
  /** One of them, or undefined when it is not live or not referenced. */
  findChunk(chunk: ChunkId): Promise<PlacedChunkRecord | undefined>
  /**
   * Forgets one copy that is too many, if the chunk is live at `generation` and every copy of `keep` is recorded at it in that boot; says whether it did. The
   * caller then tells the node, which deletes only if it has not been given the chunk again meanwhile.
   */
  trimCopy(trim: { chunk: ChunkId; generation: Generation; peer: PeerId; keep: NodeBoot[] }): Promise<boolean>
  /**
   * Readers asked for these. A chunk whose `readAt` is younger than `windowMs` gets one more in `reads`, at most once in `stepMs`; an older one starts again at 1 with `now`.
   */
  noteReads(
    chunks: readonly ChunkId[],
    time: { now: number; windowMs: number; stepMs: number }
  ): Promise<void>
  stats(copies: number): Promise<StoreStats>
}

/** What nodes say they hold, against what is recorded. A reconciliation of a node is numbered by the store's time at its start, in ms. */
export interface InventoryRecords {
  /** Of the prefixes first … last (0 … 255). */
  summarizeCopies(peer: PeerId, first: number, last: number): Promise<CopySummary[]>
  /**
   * If the copies recorded for the peer in that prefix have this digest, all of them count as given in `boot`, on `host`, from now on: they were compared. (The
   * disk may have been moved to another machine.) Compares and changes in one step; false, and nothing changed, when the digest is another one.
   */
  confirmCopies(request: {
    peer: PeerId
    host: string
    boot: number
    prefix: number
    digest: string
  }): Promise<boolean>
  /** Copies recorded for the peer, by digest after `after`. */
  listCopies(
    peer: PeerId,
    after: ChunkId | undefined,
    limit: number
  ): Promise<Array<HeldChunk & { boot: number }>>
  /**
   * Takes in what a node holds, a page of at most some hundred chunks: outcomes in the order given. `inventory` numbers the reconciliation (greater than every earlier
   * one of that peer): an unknown chunk is noted with the first and the last that saw it.
   */
  reconcileHeld(request: {
    peer: PeerId
    host: string
    boot: number
    inventory: number
    held: readonly HeldChunk[]
  }): Promise<HeldOutcome[]>
  /** Chunks of the peer that nothing refers to: in all, and those that two inventories saw, the first of them before `seenBefore`. Forgets those the present one did not see. */
  countUnknown(request: {
    peer: PeerId
    inventory: number
    seenBefore: number
  }): Promise<{ total: number; ripe: number }>
  /** Makes delete orders for ripe ones that still nothing refers to, and forgets them; answers how many were taken. */
  orderUnknown(request: {
    peer: PeerId
    inventory: number
    seenBefore: number
    limit: number
  }): Promise<number>
  /** Delete orders for stale copies, each at the generation it is held at; none for a chunk that is not live at a greater one. */
  orderStale(peer: PeerId, held: readonly HeldChunk[]): Promise<void>
}

/** Making a store whole again whose machine was lost, from manifests and what nodes hold. */
export interface RecoveryRecords {
  /** Makes a file and its link known again; false when the file or the link is known already, whatever became of it. Idempotent. */
  adoptFile(adopt: AdoptFile): Promise<boolean>
  /** Which of these chunks have a row that is live and referenced. */
  knownChunks(chunks: readonly ChunkId[]): Promise<ChunkId[]>
  /** Which of these the peer is to delete, by orders that it has not confirmed. */
  orderedChunks(peer: PeerId, chunks: readonly ChunkId[]): Promise<ChunkId[]>
}

/**
 * Copies of the whole metadata, taken while it is in use. Stores that live on one machine offer it; one that is replicated by its database does not.
 * All calls are in turn with the store's own operations, so that each sees a state between two of them.
 */
export interface SnapshotSource {
  /** Everything, as one stream; starts a new series of changes at the same moment. One at a time; ending early gives everything back. */
  base(): AsyncIterable<Uint8Array>
  /** What changed since `base` or the last call; undefined when nothing did. Applying them in order to the base gives the present state. */
  changes(): Promise<Uint8Array | undefined>
}

export interface MetadataStore
  extends
    ClusterRecords,
    UploadRecords,
    FileRecords,
    EntryRecords,
    BlockRecords,
    LinkRecords,
    GarbageRecords,
    RepairRecords,
    InventoryRecords,
    RecoveryRecords,
    AccountRecords,
    HistoryRecords,
    EventRecords,
    WebhookRecords,
    PoolRecords {
  readonly durable: boolean
  /** Absent where nobody can say: whoever waits for events then looks for them now and then. */
  readonly eventWatch?: EventWatch | undefined
  open(): Promise<void>
  close(): Promise<void>
}
