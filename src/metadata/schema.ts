/**
 * The tables, as Kysely sees them. Columns are of three kinds: integers, text, and bytes (BLOB in SQLite, bytea in PostgreSQL); columns.ts turns ids
 * into bytes and back. Text that holds JSON is a versioned record.
 *
 * What each column is for stands in docs/decisions/0003-metadata.md, with the measured bytes of a file.
 */

import type { ColumnType } from 'kysely'
import type { HistoryAction } from '../history.ts'
import type { SpaceKey } from '../metadata-records.ts'
import type { AccountRole, SessionKind, UserState, VersionStatus } from '../types.ts'
import type { EventTables } from './schema-events.ts'
import type { PoolTables } from './schema-pools.ts'
import type { WebhookTables } from './schema-webhooks.ts'

/** Counters of the cluster: `term`, `generation`, `time`, `holder`, `name`, `admins` (active administrators), `history`, `events`, `events_gone`, `streams`, and the version of the schema. */
export interface MetaTable {
  key: string
  value: number
}

/** Peer ids and host names, which stand in many rows, by number. */
export interface NamesTable {
  no: number
  name: string
}

export interface NodesTable {
  peer: string
  boot: number
  sequence: number
  /** encodeNode */
  record: string
}

export interface ChunksTable {
  digest: Uint8Array
  generation: number
  state: 'live' | 'condemned'
  /** Pieces that are this chunk. Whoever adds or removes a piece changes this in the same step. */
  refs: number
  size: number
  /** Copies recorded at `generation`. */
  copies: number
  /** When it was last read, coarse; at first the store's time when this life began. */
  read_at: number
  reads: number
}

/** One row for a peer and chunk, at the greatest generation the peer gave a receipt for. */
export interface CopiesTable {
  digest: Uint8Array
  /** names.no */
  peer: number
  generation: number
  /** names.no */
  host: number
  boot: number
}

/** Positions of an upload, and of the file it became: commit changes no row here. Each row is one reference on its chunk. */
export interface PiecesTable {
  /** uploads.holder, and then files.holder. */
  holder: number
  idx: number
  digest: Uint8Array
  generation: number
  size: number
  /** Of a user's content, the manifest apart: markOf, by which it is found. */
  mark: ColumnType<number | null, number | null | undefined, number | null>
}

/** A chunk that a user has stored before the file it is for; one reference on it. */
export interface BlocksTable {
  /** spaces.key */
  space: SpaceKey
  digest: Uint8Array
  generation: number
  size: number
  /** 0: reserved, and nobody's yet. */
  staged: number
  expires_at: number
}

export interface OrdersTable {
  /** names.no */
  peer: number
  digest: Uint8Array
  generation: number
}

/** What a peer holds and nothing refers to, until two inventories agree. */
export interface UnknownChunksTable {
  /** names.no */
  peer: number
  digest: Uint8Array
  generation: number
  /** Numbers of the inventories that saw it at this generation first and last. */
  first_seen: number
  last_seen: number
}

export interface SettingsTable {
  key: string
  value: string
}

export interface DecisionsTable {
  peer: string
  decision: 'draining' | 'retired'
  decided_at: number
}

export interface UploadsTable {
  id: Uint8Array
  /** spaces.key */
  space: ColumnType<SpaceKey, SpaceKey | undefined, SpaceKey>
  /** Bytes of `spaces` that it holds while it is open. */
  reserved: ColumnType<number, number | undefined, number>
  /** 0 for an upload that was given up before it was opened, or whose pieces have all been dropped since. */
  holder: number
  state: 'open' | 'committed' | 'abandoned'
  /** Counts reservations: each of them takes the row, so that none slips in beside a commit. */
  reservations: number
  opened_at: number
  expires_at: number
  /** Null while open. */
  ended_at: number | null
  /** encodeOpened; once ended null, or of a file from blocks encodeCommitted. */
  record: string | null
  file: Uint8Array | null
  token: Uint8Array | null
  /** What it became of a user's file; null: nothing. */
  entry: ColumnType<Uint8Array | null, Uint8Array | null | undefined, Uint8Array | null>
  version: ColumnType<number | null, number | null | undefined, number | null>
  /** Of a resumable upload while it is open; null otherwise. */
  plan: ColumnType<string | null, string | null | undefined, string | null>
  /** Who writes a resumable upload; empty: nobody. */
  writer: ColumnType<string | null, string | null | undefined, string | null>
  checkpoint: ColumnType<string | null, string | null | undefined, string | null>
  /** Pieces 0 … kept_count - 1 had their copies once, and count from then on; they have kept_bytes bytes. */
  kept_count: ColumnType<number, number | undefined, number>
  kept_bytes: ColumnType<number, number | undefined, number>
  /** 1: pieces behind those do not count, whatever copies they have. */
  held: ColumnType<number, number | undefined, number>
}

export interface FilesTable {
  id: Uint8Array
  /** spaces.key, where it counts while it is live. */
  space: ColumnType<SpaceKey, SpaceKey | undefined, SpaceKey>
  /** Null once no piece is left. */
  holder: number | null
  state: 'live' | 'deleted'
  name: string
  size: number
  index_bytes: ColumnType<number, number | undefined, number>
  /** Null: not encrypted. */
  encryption: ColumnType<string | null, string | null | undefined, string | null>
  media_type: string
  sha256: Uint8Array
  uploaded_at: number
  /** encodeMetadata */
  metadata: string
  chunk_count: number
  manifest: Uint8Array
  /** Links that are not at their end, and versions that have not been let go. */
  links: number
  /** Links that are still recorded, tombstones included, and those versions. */
  link_rows: number
  /** Of `links`: versions that ended, and are kept for those who are reading them. */
  graced: ColumnType<number, number | undefined, number>
  /** 0: no longer counted in `spaces`, since all that is left of it is in grace. */
  counted: ColumnType<number, number | undefined, number>
}

/** What live files and open uploads take up, by whose they are. */
export interface SpacesTable {
  key: SpaceKey
  /** Blocks included. */
  bytes: number
  /** Of those: what blocks have. */
  staged: ColumnType<number, number | undefined, number>
  /** How many they are. */
  blocks: ColumnType<number, number | undefined, number>
}

export interface LinksTable {
  token: Uint8Array
  delete_hash: Uint8Array
  file: Uint8Array
  state: 'live' | 'consumed' | 'expired' | 'revoked' | 'suspended'
  downloads: number
  claimed: number
  /** Claims whose lease and grace are over. */
  ended: number
  created_at: number
  expires_at: number
  /** When the tombstone began to age: the later of end and expiry. Null before. */
  ended_at: number | null
  /** encodePassword; null: the link needs none. */
  password: string | null
  /** Hash of the proof of the key; null: the link asks for none. */
  proof: Uint8Array | null
  /** The version of a user's file that it was made of. */
  entry: ColumnType<Uint8Array | null, Uint8Array | null | undefined, Uint8Array | null>
  version: ColumnType<number | null, number | null | undefined, number | null>
}

export interface EntriesTable {
  id: Uint8Array
  owner: Uint8Array
  state: 'live' | 'deleted'
  path: string
  /** foldPath of what it is in, with a `/` behind it; empty: the topmost. */
  folder: string
  /** foldPath of its last part. */
  name: string
  /** Greatest number that was given to a version. */
  last: number
  /** Number of the version that counts; of one that has no content, the newest that failed. */
  shown: number
  /** 1: that version has content. */
  stored: number
  /** Number of the newest version that failed after it; 0: none did. */
  failed: number
  /** Bytes of the version that counts. */
  size: number
  /** Links with this entry. */
  shares: number
  created_at: number
  changed_at: number
  expires_at: number | null
  /** When it was deleted. */
  ended_at: number | null
}

/** One row for each path that is taken, by a file or by files below it: so no two can be one path's. */
export interface PathsTable {
  owner: Uint8Array
  /** foldPath of the path */
  key: string
  /** entries.folder of whatever has this path */
  parent: string
  path: string
  /** Null: a folder. */
  entry: Uint8Array | null
  /** Paths directly in it. A folder without any has no row. */
  children: number
}

export interface VersionsTable {
  entry: Uint8Array
  number: number
  status: VersionStatus
  /** Null: it failed. It is one of the file's `links` and `link_rows`. */
  file: Uint8Array | null
  /** encodeMetadata; null: as the file has it. */
  metadata: string | null
  /** encodeFailure */
  failure: string | null
  uploaded_at: number
  attempts: number
  /** While it is cached: pieces that were seen to have their copies, from the first (the manifest) on. */
  checked: number
  /** It has ended, and its content is let go then. */
  drop_at: number | null
}

export interface ClaimsTable {
  token: Uint8Array
  claim: Uint8Array
  state: 'claimed' | 'consumed' | 'released'
  /** Rises with each change: a report is written only over the row it was computed from. */
  version: number
  claimed_at: number
  lease_until: number
  bytes_sent: number
  consumed_at: number | null
  /** 1 once its end was counted on the link, or it was released. */
  ended: number
  /** encodeProgress */
  progress: string
}

export interface UsersTable {
  id: Uint8Array
  name: string
  /** What names are compared by. */
  name_key: string
  role: AccountRole
  state: UserState
  /** Null: what the role has. */
  quota: number | null
  created_at: number
  /** encodePassword */
  password: string
  /** API keys that have not ended. */
  keys: number
}

export interface SessionsTable {
  id: Uint8Array
  user_id: Uint8Array
  kind: SessionKind
  name: string
  /** Of a key: separated by blanks. */
  scopes: string
  created_at: number
  expires_at: number | null
  last_used_at: number
  /** 1: before its time. */
  ended: number
  /** When it ended, or will end by itself; null: never. */
  over_at: number | null
  /** Hash of the text of a key. */
  secret: Uint8Array | null
}

export interface InvitesTable {
  id: Uint8Array
  hash: Uint8Array
  role: AccountRole
  created_by: Uint8Array | null
  created_at: number
  expires_at: number
  used_by: Uint8Array | null
}

/** Docs: src/history.ts. Ids are 16 bytes. */
export interface HistoryTable {
  /** meta.history */
  seq: number
  id: Uint8Array
  at: number
  action: HistoryAction
  actor: Uint8Array | null
  actor_name: string | null
  owner: Uint8Array | null
  entry: Uint8Array | null
  version: number | null
  file: Uint8Array | null
  path: string | null
  bytes: number | null
  duration_ms: number | null
  attempts: number | null
  outcome: string
  address: string | null
  session: Uint8Array | null
  detail: string | null
}

export interface Schema extends WebhookTables, EventTables, PoolTables {
  meta: MetaTable
  names: NamesTable
  nodes: NodesTable
  chunks: ChunksTable
  copies: CopiesTable
  pieces: PiecesTable
  blocks: BlocksTable
  orders: OrdersTable
  unknown_chunks: UnknownChunksTable
  settings: SettingsTable
  decisions: DecisionsTable
  uploads: UploadsTable
  files: FilesTable
  spaces: SpacesTable
  links: LinksTable
  claims: ClaimsTable
  entries: EntriesTable
  paths: PathsTable
  versions: VersionsTable
  users: UsersTable
  sessions: SessionsTable
  invites: InvitesTable
  history: HistoryTable
}
