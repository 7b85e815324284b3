/**
 * The nouns of peerbin. Read this file and interfaces.ts first.
 *
 * Ids are branded strings, so that a peer id cannot be passed where a chunk id is meant. Units are last in names:
 * `Ms` milliseconds, `Bytes` bytes. Times are milliseconds since the Unix epoch unless a name says otherwise.
 */

declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** libp2p peer id of a process, base58btc of an Ed25519 identity multihash: `12D3KooW…`, 52 characters. */
export type PeerId = Brand<string, 'PeerId'>
/** CIDv1, raw codec, sha2-256, base32: `bafkrei…`, 59 characters. Names a chunk by its content. */
export type ChunkId = Brand<string, 'ChunkId'>
/** UUID v4 of a file. */
export type FileId = Brand<string, 'FileId'>
/** UUID v4 of an upload; chosen by the edge, so that opening one again is harmless. */
export type UploadId = Brand<string, 'UploadId'>
/** UUID v4 of one request that goes on with an upload; the newest fences off the others. */
export type UploadWriter = Brand<string, 'UploadWriter'>
/** UUID v4 of a record of the history. */
export type HistoryId = Brand<string, 'HistoryId'>
/** UUID v4 of an event. */
export type EventId = Brand<string, 'EventId'>
/** Whose events: `user:UUID` of a user, `pool:UUID` of a pool. */
export type EventStream = Brand<string, 'EventStream'>
/**
 * Secret of a share link, base64url of 128 random bits or more. Only its SHA-256 is stored, and it never reaches a log.
 * See protocol/secrets.ts.
 */
export type LinkToken = Brand<string, 'LinkToken'>
/** UUID v4 of an account. */
export type UserId = Brand<string, 'UserId'>
/** UUID v4 of an entry: what a user calls a file, with its path and its versions. Chosen by the edge. */
export type EntryId = Brand<string, 'EntryId'>
/** UUID v4 of one sign-in, or of one API key: what a request shows that it comes from a user. */
export type SessionId = Brand<string, 'SessionId'>
/** UUID v4 of an invitation. */
export type InviteId = Brand<string, 'InviteId'>
/** Lower-case hex SHA-256 of a token, a claim secret or a delete secret: 64 characters. */
export type SecretHash = Brand<string, 'SecretHash'>
/** Multiaddr as text, e.g. `/ip4/10.0.0.7/tcp/4811/p2p/12D3KooW…`. */
export type Address = Brand<string, 'Address'>

/**
 * Counts the lives of a chunk: a chunk that was condemned and is uploaded again gets a greater generation, from one
 * counter of the cluster that is never reused. A delete order names a generation, and matches that or a smaller one.
 */
export type Generation = Brand<number, 'Generation'>
/** Fencing term of the leading controller. Nodes persist the greatest they have seen and refuse orders of a lower one. */
export type Term = Brand<number, 'Term'>

export const ROLES = ['node', 'controller', 'edge', 'admin'] as const
/** What a process is in the cluster. `admin` is a short-lived command of an operator. */
export type Role = (typeof ROLES)[number]

export const USER_ROLES = ['anonymous'] as const
/** Whose limits hold for an upload or a download. Whoever shows no account is `anonymous`. */
export type UserRole = (typeof USER_ROLES)[number]

export const ACCOUNT_ROLES = ['user', 'admin'] as const
/** What an account is: an `admin` sees and manages everybody's. */
export type AccountRole = (typeof ACCOUNT_ROLES)[number]
export type UserState = 'active' | 'disabled'

export const SCOPES = [
  'files:read',
  'files:write',
  'files:share',
  'history:read',
  'account',
  'admin',
  'pools'
] as const
/** What an API key may be used for. `admin` is worth something only while its user is one. */
export type Scope = (typeof SCOPES)[number]

export const REGISTRATION_MODES = ['open', 'invited', 'closed'] as const
/** Who may make an account for themselves. */
export type RegistrationMode = (typeof REGISTRATION_MODES)[number]

export const NODE_STATES = ['active', 'draining', 'full', 'read-only'] as const
/** What a node says of itself. `full`: below its reserve of free space; `read-only`: a write failed and it wants a restart. */
export type NodeState = (typeof NODE_STATES)[number]

export const ENCRYPTIONS = ['aes256gcm-1'] as const
/** How a sender encrypted a file before it came here (src/encryption). The key is in the fragment of the link, which no server sees. */
export type Encryption = (typeof ENCRYPTIONS)[number]

export const TIERS = ['hot', 'cold'] as const
export type Tier = (typeof TIERS)[number]

/** What others conclude about a peer from its heartbeats: `suspect` gets no new writes, `down` is not counted active. */
export type Liveness = 'active' | 'suspect' | 'down'

/** One gossip message: a process says that it lives. Signed by the transport; (boot, sequence) order it. */
export interface Heartbeat {
  peer: PeerId
  /** Number of this start of the process: greater than every earlier one, survives a wiped disk (see cluster/boot.ts). */
  boot: number
  /** Counts from 1 within a boot. */
  sequence: number
  roles: Role[]
  addresses: Address[]
  /** Machine the process runs on; copies are spread over hosts. */
  host: string
  zone: string
  tier: Tier
  capacityBytes: number
  freeBytes: number
  /** Bytes of chunks held. */
  usedBytes: number
  chunks: number
  state: NodeState
  /** Version of the program. */
  version: string
  /** Leading term, from controllers; 0 from others. */
  term: Term
  /** From nodes: every chunk held had been read and verified after this moment (the node's wall clock); 0: no full pass yet. */
  scrubbedAt: number
  /** From nodes: chunks in quarantine, because what was read did not match the hash. */
  quarantined: number
}

/** A peer as this process sees it, derived from heartbeats and the process's own clock. */
export interface Member extends Heartbeat {
  liveness: Liveness
  /** When the newest heartbeat arrived here, by this process's wall clock. */
  lastHeartbeatAt: number
}

/** Proof that a node holds a chunk durably: it synced the bytes before it gave this. */
export interface Receipt {
  peer: PeerId
  host: string
  chunk: ChunkId
  generation: Generation
  /** Boot of the node that gave it. */
  boot: number
}

/** What a chunk store knows of a chunk it holds. */
export interface ChunkInfo {
  id: ChunkId
  sizeBytes: number
  /** Greatest generation ever put; 0 for chunks stored without one (through the Blockstore view). */
  generation: Generation
  storedAt: number
  /** When its bytes were last read and matched their hash. */
  verifiedAt: number
  /** Whether it looks like the manifest of a file, judged by its first bytes when it was put. */
  manifest: boolean
}

/** One entry of a file: its chunks in order make up its bytes. */
export interface FileChunk {
  id: ChunkId
  sizeBytes: number
  generation: Generation
}

export type FileState = 'live' | 'deleted'

/** Metadata of a file (requirement C4), without its chunks. */
export interface FileRecord {
  id: FileId
  name: string
  /** Everything that was uploaded: what a redemption delivers (the payload), and the index behind it. */
  sizeBytes: number
  /** Last bytes of it that are its index (src/bundle), told without redeeming as its name is; 0: it has none, and all of it is payload. */
  indexBytes: number
  /** Payload and index are ciphertext; null: they are not. */
  encryption: Encryption | null
  mediaType: string
  /** Lower-case hex, of everything. */
  sha256: string
  uploadedAt: number
  /** The uploader's own key-value pairs. */
  metadata: Record<string, string>
  chunkCount: number
  /** Chunk that holds the encrypted manifest (protocol/manifest.ts). */
  manifest: ChunkId
  state: FileState
}

/**
 * State of a share link. `live` still has a free slot or a running claim; the others are tombstones, kept until well
 * after the expiry. A live link whose slots are all taken answers strangers as a used one.
 */
export type LinkState = 'live' | 'consumed' | 'expired' | 'revoked' | 'suspended'

/**
 * How the password of a link is recognised, and no more than that: `hash` is the SHA-256 of an argon2id tag, so that neither the password nor what opens
 * the link can be read out of metadata, snapshots or manifests. protocol/password.ts computes it. A version that is not known opens nothing.
 */
export interface PasswordRecord {
  v: 1
  /** Cost of argon2id (RFC 9106): memory in KiB, passes over it, lanes. */
  memoryKiB: number
  passes: number
  parallelism: number
  /** Lower-case hex, 16 bytes. */
  salt: string
  hash: SecretHash
}

/** What has to be known to compute the tag for a password that somebody gives. */
export type PasswordChallenge = Omit<PasswordRecord, 'hash'>

export interface LinkRecord {
  tokenHash: SecretHash
  fileId: FileId
  state: LinkState
  /** Slots: how many claims may be made in all. */
  downloads: number
  /** Slots taken by claims that were not released. */
  claimed: number
  createdAt: number
  expiresAt: number
  /** Whether a new claim needs a password. */
  isProtected: boolean
  /** Whether a new claim needs a proof that its maker has the key of an encrypted file. */
  needsProof: boolean
}

/** `claimed`: lease runs; `consumed`: everything was sent or the lease ended; `released`: nothing was sent, slot is free again. */
export type ClaimState = 'claimed' | 'consumed' | 'released'

/** A half-open range of byte positions of a file: [start, end). */
export interface ByteRange {
  start: number
  end: number
}

/** One redemption of a link (share-link rules: docs/share-links.md). */
export interface ClaimRecord {
  claimHash: SecretHash
  tokenHash: SecretHash
  state: ClaimState
  claimedAt: number
  /** The claimant is served until then; moves on with progress while `claimed`, fixed to the grace once `consumed`. */
  leaseUntil: number
  /** Bytes handed to sockets in all, repeats included. */
  bytesSent: number
  /** Merged, ordered, disjoint. */
  covered: ByteRange[]
  consumedAt: number | null
}

export const VERSION_STATUSES = ['cached', 'uploaded_successfully', 'upload_failed'] as const
/**
 * `cached`: committed, every chunk is durable on enough nodes, and copies are owed still; `uploaded_successfully`: none are; `upload_failed`: there is no content, only the
 * record of it, for a while or until a later version succeeds.
 */
export type VersionStatus = (typeof VERSION_STATUSES)[number]

/** One upload to an entry, or one that was restored. */
export interface VersionRecord {
  /** From 1, in order of commit; never given again within the entry. */
  number: number
  status: VersionStatus
  /** Its content; null of one that failed. Versions and links can share one. */
  file: FileId | null
  /** When its content came; a restored version has that of the earlier one. */
  uploadedAt: number
  /** 0 of one that failed. */
  sizeBytes: number
  indexBytes: number
  encryption: Encryption | null
  mediaType: string
  /** Lower-case hex; null of one that failed. */
  sha256: string | null
  /** The user's own key-value pairs. */
  metadata: Record<string, string>
  chunkCount: number
  /** Why it failed: a code of errors.ts; null of one that did not. */
  code: string | null
  /** How often the worst of its chunks had to be sent. */
  attempts: number
}

/** What a user calls a file: a path, and versions of its content. No two entries of one user have paths that differ in case or Unicode form only. */
export interface EntryRecord {
  id: EntryId
  owner: UserId
  /** `/` between its parts, as cleanPath of src/bundle/paths.ts leaves it. */
  path: string
  createdAt: number
  /** When a version, the path or anything said of it changed. */
  changedAt: number
  /** When it is deleted by itself; null: never. */
  expiresAt: number | null
  /** The one that counts. Of an entry of which nothing was ever stored the one that failed last. */
  current: VersionRecord
  /** The newest upload, if it failed and came after `current`. */
  failed: VersionRecord | null
}

/** A share link that was made of an entry. */
export interface ShareRecord {
  link: LinkRecord
  /** Of the entry, as the link gives it. */
  version: number
}

/** An account, without its password. */
export interface UserRecord {
  id: UserId
  /** As typed: NFC, trimmed (protocol/user-names.ts). No two users have names that differ in case or Unicode form only. */
  name: string
  role: AccountRole
  state: UserState
  /** Most that the user's files may take; null: what the role has. */
  quotaBytes: number | null
  createdAt: number
}

/** `session`: somebody signed in; `key`: an API key of a program. */
export type SessionKind = 'session' | 'key'

/** A right to act for a user, until it ends: by its time, by signing out, by being revoked. */
export interface SessionRecord {
  id: SessionId
  user: UserId
  kind: SessionKind
  /** User agent, or what the user calls the key. */
  name: string
  /** Of a key. A session may do everything that its user may, and has all of them. */
  scopes: Scope[]
  createdAt: number
  /** Null: a key that has no end. */
  expiresAt: number | null
  /** Coarse: at most a minute old while it is in use. */
  lastUsedAt: number
}

/** A session that holds, with what an edge needs to know of its user. */
export interface ActiveSession {
  id: SessionId
  user: UserId
  /** The user's. */
  name: string
  /** The user's at this moment. */
  role: AccountRole
  kind: SessionKind
  scopes: Scope[]
  expiresAt: number | null
  /** Hash of the text of a key; null for a session. */
  key: SecretHash | null
}

/** Lets one person register. Its secret is stored hashed and told once. */
export interface InviteRecord {
  id: InviteId
  /** What its user will be. */
  role: AccountRole
  createdBy: UserId | null
  createdAt: number
  expiresAt: number
  /** Who registered with it; null: nobody yet. */
  usedBy: UserId | null
}
