/**
 * The seams of peerbin. Each has one conformance suite in test/conformance that every implementation and every decorator
 * passes. Comments say what MUST hold. MetadataStore, the largest seam, has a file of its own: metadata-store.ts.
 */

import type { Address, ChunkId, ChunkInfo, Generation, PeerId, Term } from './types.ts'

// ---------------------------------------------------------------- time and chance

export interface Timer {
  /** Idempotent; the callback never runs after it returned. */
  cancel(): void
}

/** The only source of time. The simulator's clock moves only when it is told to. */
export interface Clock {
  /** Wall clock, ms since the epoch. May jump; never used to measure how long something took. */
  now(): number
  /** Milliseconds from an arbitrary start; never runs backwards. */
  monotonic(): number
  /** Calls back once, not before `delayMs` have passed. Does not keep the process alive by itself when `unref` is set. */
  setTimer(delayMs: number, callback: () => void, options?: { unref?: boolean }): Timer
}

/** The only source of chance. */
export interface Random {
  /** `length` bytes, unpredictable to anybody outside (the simulator's are seeded). */
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1); for jitter and choice, not for secrets. */
  fraction(): number
}

// ---------------------------------------------------------------- logs, metrics, background work

export type LogFields = Record<string, unknown>

/** Structured log. Fields never hold a token, a secret, a link path or a user's file name in a URL. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger
}

/** What a bounded unit of background work answers: more to do at once, nothing to do, or wait this long. */
export type StepResult = 'busy' | 'idle' | { retryAfterMs: number }

/** A background job. One loop (runtime/worker-loop.ts) owns its pacing, backoff and stopping. */
export interface Worker {
  readonly name: string
  /** Pause after `idle`. */
  readonly idleMs: number
  /** Does one bounded unit of work; MUST be safe to stop after any unit, and MUST return soon after `signal` aborts. */
  step(signal: AbortSignal): Promise<StepResult>
}

/** Anything with a life: both calls are idempotent; `stop` resolves when everything it held has been given back. */
export interface Service {
  start(): Promise<void>
  stop(): Promise<void>
}

// ---------------------------------------------------------------- chunks on one machine

export interface SignalOptions {
  signal?: AbortSignal
}

export interface StoreUsage {
  chunks: number
  /** Bytes of chunks held, without the store's own overhead. */
  usedBytes: number
  capacityBytes: number
  /** What may still be put before the store answers `store-full`. */
  freeBytes: number
  /** Chunks in quarantine; not counted among `chunks`. */
  quarantined: number
}

export interface ListOptions {
  /** Only chunks whose id sorts after this one by digest bytes. */
  after?: ChunkId
  limit: number
  /** Only chunks that look like manifests. */
  manifests?: boolean
}

/** Of ChunkStore.get; offset and length in bytes, default: the whole chunk. */
export interface ReadOptions extends SignalOptions {
  offset?: number
  length?: number
  /** The read is there to find rot: that the chunk was verified is recorded however lately it was before, or it would be due again at once. */
  scrub?: boolean
}

/**
 * Chunks on one machine, by content. At most CHUNK_BYTES_MAX bytes each.
 *
 * Every implementation MUST hold:
 * - put: the bytes are hashed first and refused with `chunk-corrupt` when they do not match `id`. When it resolves, the bytes and the
 *   generation survive power loss (unless the implementation says `durable: false`). Idempotent: putting a chunk that is there raises
 *   the stored generation to the greater of both, durably, and keeps the bytes — after verifying that the stored copy is not rotten,
 *   else it is replaced. Two puts at once of one chunk are safe. An error means unknown, not failed. The caller may reuse `bytes` once it settled.
 * - get: resolves with exactly the bytes of the range, verified as part of the whole chunk against `id`; `chunk-not-found` when it is not there,
 *   `chunk-corrupt` when what is there does not match, also after a second read. The caller owns the answer. `verifiedAt` moves to now: always for a scrub, else
 *   when it is more than an hour old.
 * - quarantine: a chunk that a get found rotten is no longer held, durably: stat answers undefined, list and usage leave it out, get answers `chunk-corrupt`;
 *   its bytes are kept for salvage until a put replaces it, a delete of its generation or a greater one removes it, or `dropQuarantined` does.
 * - raise: lifts the stored generation to the greater of both, durably, without reading the bytes; undefined when the chunk is not held.
 * - delete: removes the chunk only if the stored generation is at most `generation`, durably; says whether the chunk is gone now
 *   (true also when it was never there). A delete that came before a put with a greater generation removes nothing of that put.
 * - list: in order of digest bytes, each chunk at most once; a chunk held during the whole listing is in it.
 */
export interface ChunkStore {
  /** Capabilities as data. */
  readonly durable: boolean
  open(): Promise<void>
  /** Resolves when nothing of the store is open any more. Idempotent. */
  close(): Promise<void>
  put(id: ChunkId, bytes: Uint8Array, generation: Generation, options?: SignalOptions): Promise<ChunkInfo>
  get(id: ChunkId, options?: ReadOptions): Promise<Uint8Array>
  /** What is recorded of a chunk, without reading its bytes; undefined when it is not there. */
  stat(id: ChunkId): Promise<ChunkInfo | undefined>
  raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined>
  delete(id: ChunkId, generation: Generation): Promise<boolean>
  list(options: ListOptions): Promise<ChunkInfo[]>
  /** Forgets chunks that went into quarantine before `before` (this machine's wall clock, ms); answers how many, at most `limit`. */
  dropQuarantined(before: number, limit: number): Promise<number>
  usage(): Promise<StoreUsage>
}

// ---------------------------------------------------------------- what nodes keep for the controller

/**
 * Names one encrypted piece of what nodes keep for the controller, so that the loss of its machine loses nothing: `base` is the whole metadata in `parts` pieces,
 * `changes` is what changed since (sequence 1, 2, …), `note` tells in a few bytes which links were touched since the last changes. Ordered by (term, base, sequence, part).
 */
export interface SnapshotName {
  term: Term
  /** Number of the base this belongs to, rising within a term; notes and changes carry the number of the base they follow. */
  base: number
  kind: 'base' | 'changes' | 'note'
  /** 0 for a base; of changes and of notes each counts from 1 within its base. */
  sequence: number
  part: number
  /** `part + 2` in every piece but the last, `part + 1` in that: how many there will be is not known when the first goes out. */
  parts: number
}

/** Snapshots of the metadata on one node. A piece has at most CHUNK_BYTES_MAX bytes; when `put` resolves it survives power loss. */
export interface SnapshotStore {
  open(): Promise<void>
  close(): Promise<void>
  /** Idempotent by name. */
  put(name: SnapshotName, bytes: Uint8Array): Promise<void>
  /** Undefined when it is not there. @throws `chunk-corrupt` when it is damaged */
  get(name: SnapshotName): Promise<Uint8Array | undefined>
  /** Every name in order, with sizes. At most some thousands: the controller removes what a newer base replaced. */
  list(): Promise<Array<SnapshotName & { sizeBytes: number }>>
  remove(names: readonly SnapshotName[]): Promise<void>
}

// ---------------------------------------------------------------- the network

/**
 * One stream between two peers: bytes in order, both directions, half-close. Boundaries between writes are not kept.
 *
 * MUST hold: both directions have backpressure, so that a reader that does not read makes the writer's `write` wait, with a bounded number
 * of bytes in between (at most STREAM_BUFFER_BYTES_MAX a direction and side); a reset or a lost connection rejects what is pending and what comes with
 * `peer-unreachable`; an aborted signal rejects with `deadline-exceeded` or `aborted` and leaves the stream to be aborted by the caller.
 */
export interface ByteStream {
  readonly peer: PeerId
  /**
   * Resolves when more may be written. The stream may still refer to `bytes` after that: they must not change until the peer has
   * answered to them, or the stream is at its end.
   */
  write(bytes: Uint8Array, options?: SignalOptions): Promise<void>
  /** The next bytes, at least one; undefined when the peer has ended its side. One read at a time. */
  read(options?: SignalOptions): Promise<Uint8Array | undefined>
  /** Ends our side; what was written arrives. Idempotent. */
  closeWrite(): Promise<void>
  /** Resets both sides at once; nothing is awaited. Idempotent. */
  abort(reason: Error): void
}

/** Gets a stream as soon as a peer opened it. A throw aborts the stream. */
export type StreamHandler = (stream: ByteStream) => Promise<void>
/** Gets one gossip message and who signed it. Must not throw. */
export type TopicListener = (from: PeerId, message: Uint8Array) => void

/**
 * The cluster's network. Every peer it shows has proved its peer id and the knowledge of the cluster secret.
 * Implementations: network/libp2p-network.ts, network/memory-network.ts.
 */
export interface Network extends Service {
  readonly self: PeerId
  /** Where this process can be dialled, with `/p2p/<self>`; empty until started. */
  addresses(): Address[]
  /** Peers with an open connection. */
  connected(): PeerId[]
  /** Makes addresses of a peer known to later dials; the newest set replaces older ones. */
  learn(peer: PeerId, addresses: Address[]): void
  /** Dials an address, or a peer that was learnt; resolves at once when connected. Rejects with `peer-unreachable` or at the signal. */
  connect(target: PeerId | Address, options?: SignalOptions): Promise<PeerId>
  /** Opens a stream to a connected or learnt peer. MUST not resolve when the peer has no handler for `protocol`, or its streams fail at first use. */
  open(peer: PeerId, protocol: string, options?: SignalOptions): Promise<ByteStream>
  /** One handler a protocol; set before `start`. */
  handle(protocol: string, handler: StreamHandler): void
  /** Best effort to everyone who subscribed, not to oneself. Never throws because nobody listens. */
  publish(topic: string, message: Uint8Array): Promise<void>
  subscribe(topic: string, listener: TopicListener): void
  /** Refuses a peer from now on and hangs up. */
  evict(peer: PeerId): void
}
