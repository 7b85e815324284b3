/** Everything the memory store holds, and the few questions that several of its concepts ask. */

import type { StoredEvent } from '../../events.ts'
import type { StoredHistory } from '../../history.ts'
import { digestOf } from '../../protocol/ids.ts'
import type {
  CopyRecord,
  NodeDecision,
  NodeRecord,
  OpenUpload,
  SpaceKey,
  UploadOffset,
  VersionRef
} from '../../metadata-store.ts'
import type {
  ChunkId,
  EntryId,
  EventStream,
  FileId,
  FileRecord,
  Generation,
  InviteId,
  InviteRecord,
  HistoryId,
  LinkRecord,
  PasswordRecord,
  PeerId,
  SecretHash,
  SessionId,
  SessionRecord,
  Term,
  UploadId,
  UploadWriter,
  UserId,
  UserRecord,
  VersionRecord
} from '../../types.ts'
import type { PoolId } from '../../pools.ts'
import type { WebhookId } from '../../webhooks.ts'
import type { StoredClaim } from '../claim-rules.ts'
import type { PoolRow } from './pool-state.ts'
import type { WebhookRow } from './webhooks.ts'

export interface ChunkRow {
  generation: Generation
  state: 'live' | 'condemned'
  /** Pieces of open uploads and of files that are this chunk. */
  refs: number
  sizeBytes: number
  /** One for each peer, at the greatest generation it gave a receipt for. */
  copies: Map<PeerId, CopyRecord>
  readAt: number
  reads: number
}

/** A chunk that a peer holds and nothing refers to. */
export interface UnknownRow {
  generation: Generation
  /** Numbers of the inventories that saw it first and last. */
  firstSeen: number
  lastSeen: number
}

/** One position of an upload or file; each counts as one reference on its chunk. */
export interface Piece {
  chunk: ChunkId
  sizeBytes: number
  generation: Generation
}

/** A chunk that a user has stored before the file it is for; one reference on it. */
export interface BlockRow {
  sizeBytes: number
  generation: Generation
  /** Otherwise it is only reserved, and nobody's yet. */
  isStaged: boolean
  expiresAt: number
}

export interface UploadRow {
  state: 'open' | 'committed' | 'abandoned'
  opened: OpenUpload | undefined
  pieces: Map<number, Piece>
  endedAt: number
  file: FileId | undefined
  token: SecretHash | undefined
  became: { entry: EntryId; version: number } | undefined
  /** Where a file from blocks was committed to. */
  pathOfBlocks: string | null
  /** Undefined: not resumable, or nobody writes it. */
  writer: UploadWriter | undefined
  checkpoint: string | null
  kept: UploadOffset
  held: boolean
}

export interface FileRow {
  record: FileRecord
  space: SpaceKey
  /** Its size counts in the space: it does not where all that is left of it is in grace. */
  isCounted: boolean
  /** Of `links`: versions that ended, and are kept for those who are reading them. */
  graced: number
  pieces: Map<number, Piece>
  /** Links that are not at their end, and versions that have not been let go. */
  links: number
  /** Links that are still recorded, tombstones included, and those versions. */
  linkRows: number
}

export interface ClaimRow extends StoredClaim {
  /** Its end was noticed, and counted on the link. */
  ended: boolean
}

export interface LinkRow {
  record: LinkRecord
  deleteHash: SecretHash
  claims: Map<SecretHash, ClaimRow>
  /** Claims whose lease and grace are over. */
  ended: number
  /** When the tombstone began to age: the later of end and expiry. */
  endedAt: number | undefined
  password: PasswordRecord | null
  proofHash: SecretHash | null
  /** The version of a user's file that it was made of. */
  share: VersionRef | undefined
}

export interface UserRow {
  record: UserRecord
  nameKey: string
  password: PasswordRecord
}

export interface SessionRow {
  record: SessionRecord
  /** Before its time. */
  ended: boolean
  /** When it ended, or will end by itself; null: never. */
  overAt: number | null
  /** Of the text of a key. */
  secretHash: SecretHash | null
}

/** A user's file. */
export interface EntryRow {
  id: EntryId
  owner: UserId
  path: string
  isDeleted: boolean
  createdAt: number
  changedAt: number
  expiresAt: number | null
  /** When it was deleted. */
  endedAt: number
  /** Greatest number that was given to a version. */
  last: number
  /** Of the version that counts. */
  shown: number
  versions: Map<number, VersionRow>
  /** Links with this entry. */
  shares: number
}

export interface VersionRow {
  record: VersionRecord
  /** Pieces that were seen to have their copies. */
  checked: number
  /** It has ended, and its content is let go then. */
  dropAt: number | undefined
}

/** A path that is taken. */
export interface PathRow {
  path: string
  /** Undefined: a folder, with so many paths directly in it. */
  entry: EntryId | undefined
  children: number
}

/** Events of one stream. */
export interface StreamRow {
  /** Number of the newest ever. */
  last: number
  /** Those that are kept, in order and without a gap. */
  events: StoredEvent[]
}

export interface State {
  term: Term
  generation: Generation
  time: number
  settings: Map<string, string>
  nodes: Map<PeerId, NodeRecord>
  decisions: Map<PeerId, NodeDecision>
  unknown: Map<PeerId, Map<ChunkId, UnknownRow>>
  chunks: Map<ChunkId, ChunkRow>
  orders: Map<PeerId, Map<ChunkId, Generation>>
  uploads: Map<UploadId, UploadRow>
  files: Map<FileId, FileRow>
  blocks: Map<SpaceKey, Map<ChunkId, BlockRow>>
  entries: Map<EntryId, EntryRow>
  /** By key. */
  paths: Map<UserId, Map<string, PathRow>>
  links: Map<SecretHash, LinkRow>
  /** Tokens of the links by the hashes of their delete secrets. */
  sent: Map<SecretHash, SecretHash>
  users: Map<UserId, UserRow>
  sessions: Map<SessionId, SessionRow>
  invites: Map<InviteId, { record: InviteRecord; hash: SecretHash }>
  /** In order of `seq`. */
  history: Map<HistoryId, StoredHistory>
  historySeq: number
  /** In order of `seq`: the same that stand in the streams. */
  events: StoredEvent[]
  eventSeq: number
  /** Greatest `seq` that was forgotten. */
  eventsGone: number
  streams: Map<EventStream, StreamRow>
  webhooks: Map<WebhookId, WebhookRow>
  pools: Map<PoolId, PoolRow>
}

export const emptyState = (): State => ({
  term: 0 as Term,
  generation: 0 as Generation,
  time: 0,
  settings: new Map(),
  nodes: new Map(),
  decisions: new Map(),
  unknown: new Map(),
  chunks: new Map(),
  orders: new Map(),
  uploads: new Map(),
  files: new Map(),
  blocks: new Map(),
  entries: new Map(),
  paths: new Map(),
  links: new Map(),
  sent: new Map(),
  users: new Map(),
  sessions: new Map(),
  invites: new Map(),
  history: new Map(),
  historySeq: 0,
  events: [],
  eventSeq: 0,
  eventsGone: 0,
  streams: new Map(),
  webhooks: new Map(),
  pools: new Map()
})

export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Digests of ids seen lately: reading one out of its text costs more than all else here, and simulations compare the same few for ever. */
const digests = new Map<ChunkId, Uint8Array>()
const DIGESTS_MAX = 10_000

export function digestFrom(id: ChunkId): Uint8Array {
  const known = digests.get(id)
  if (known !== undefined) return known
  if (digests.size >= DIGESTS_MAX) digests.clear()
  const digest = digestOf(id)
  digests.set(id, digest)
  return digest
}

export const byDigest = (a: ChunkId, b: ChunkId): number => Buffer.compare(digestFrom(a), digestFrom(b))

/** By its token, or by its delete secret: neither may lead to two links. */
export const isLinkKnown = (
  state: State,
  { tokenHash, deleteHash }: { tokenHash: SecretHash; deleteHash: SecretHash }
): boolean => state.links.has(tokenHash) || state.sent.has(deleteHash)

/** Copies that count: those at the chunk's present generation, in order of peers. */
export const copiesOf = (chunk: ChunkRow): CopyRecord[] =>
  [...chunk.copies.values()]
    .filter((copy) => copy.generation === chunk.generation)
    .map((copy) => ({ ...copy }))
    .toSorted((a, b) => byText(a.peer, b.peer))

/** A retired peer is never recorded again. */
export const isRetired = (state: State, peer: PeerId): boolean =>
  state.decisions.get(peer)?.decision === 'retired'

/** A condemned chunk is forgotten with its last copy. */
export function forgetChunk(state: State, id: ChunkId): void {
  const chunk = state.chunks.get(id)
  if (chunk?.state === 'condemned' && chunk.copies.size === 0) state.chunks.delete(id)
}

/** Takes one reference of each piece off its chunk's row. */
export function dropPieces(state: State, pieces: Iterable<Piece>): void {
  for (const piece of pieces) {
    const chunk = state.chunks.get(piece.chunk)
    if (chunk !== undefined) chunk.refs--
  }
}

/** One order for a peer and chunk is enough: a greater generation covers the smaller ones. */
export function addOrder(state: State, peer: PeerId, chunk: ChunkId, generation: Generation): void {
  const orders = state.orders.get(peer) ?? new Map<ChunkId, Generation>()
  state.orders.set(peer, orders)
  const standing = orders.get(chunk)
  if (standing === undefined || standing < generation) orders.set(chunk, generation)
}
