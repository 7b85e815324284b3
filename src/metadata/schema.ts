/**
 * The tables, as Kysely sees them. Columns are of three kinds: integers, text, and bytes (BLOB in SQLite, bytea in PostgreSQL); columns.ts turns ids
 * into bytes and back. Text that holds JSON is a versioned record.
 *
 * What each column is for stands in docs/decisions/0003-metadata.md, with the measured bytes of a file.
 */

import type { ColumnType } from 'kysely'
import type { AccountRole, SessionKind, UserRole, UserState } from '../types.ts'

/** Counters of the cluster: `term`, `generation`, `time`, `holder`, `name`, `admins` (active administrators), and the version of the schema. */
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
  role: ColumnType<UserRole, UserRole | undefined, UserRole>
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
  /** encodeOpened; null once ended. */
  record: string | null
  file: Uint8Array | null
  token: Uint8Array | null
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
  /** Counted in `spaces` while it is live. */
  role: ColumnType<UserRole, UserRole | undefined, UserRole>
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
  /** Links that are not at their end. */
  links: number
  /** Links that are still recorded, tombstones included. */
  link_rows: number
}

/** One row for each role, and what its live files and open uploads take up. */
export interface SpacesTable {
  role: UserRole
  bytes: number
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

export interface Schema {
  meta: MetaTable
  names: NamesTable
  nodes: NodesTable
  chunks: ChunksTable
  copies: CopiesTable
  pieces: PiecesTable
  orders: OrdersTable
  unknown_chunks: UnknownChunksTable
  settings: SettingsTable
  decisions: DecisionsTable
  uploads: UploadsTable
  files: FilesTable
  spaces: SpacesTable
  links: LinksTable
  claims: ClaimsTable
  users: UsersTable
  sessions: SessionsTable
  invites: InvitesTable
}
